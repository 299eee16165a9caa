"""The lessons on grad mode and inference mode: verdicts, errors, and the modes they show."""

from __future__ import annotations

import math

import pytest

from demos.lessons import modes
from profiling.model.lesson import PartTrace, TensorState
from tests.demos.lessons.traced import (
    error_text,
    failing_line,
    is_close,
    last,
    part,
    traced,
    values_of,
)

VERDICTS = [
    ("eval_is_not_no_grad", "eval_stops_autograd", "wrong"),
    ("eval_is_not_no_grad", "no_grad_stops_dropout", "wrong"),
    ("eval_is_not_no_grad", "no_grad_stops_autograd", "holds"),
    ("eval_is_not_no_grad", "both_together", "holds"),
    ("no_grad_decorator", "covers_what_it_returns", "wrong"),
    ("no_grad_decorator", "needs_parentheses", "wrong"),
    ("no_grad_decorator", "covers_a_class", "holds_partly"),
    ("no_grad_decorator", "on_what_computes", "holds"),
    ("no_grad_in_a_generator", "stays_in_the_block", "wrong"),
    ("no_grad_in_a_generator", "loop_raises", "holds"),
    ("no_grad_in_a_generator", "ends_with_the_loop", "holds_partly"),
    ("no_grad_in_a_generator", "decorator_switches", "holds"),
    ("no_grad_and_threads", "whole_process", "holds_partly"),
    ("no_grad_and_threads", "inherited", "wrong"),
    ("no_grad_and_threads", "inference_mode_reaches", "wrong"),
    ("no_grad_and_threads", "one_thread_only", "holds"),
    ("no_grad_and_threads", "in_the_handler", "holds"),
    ("no_grad_and_asyncio", "own_task_only", "wrong"),
    ("no_grad_and_asyncio", "backward_raises", "holds"),
    ("no_grad_and_asyncio", "decorator_helps", "wrong"),
    ("no_grad_and_asyncio", "no_await_inside", "holds"),
    ("inference_tensor_in_training", "every_op_raises", "holds_partly"),
    ("inference_tensor_in_training", "detach_makes_normal", "wrong"),
    ("inference_tensor_in_training", "can_require_grad", "wrong"),
    ("inference_tensor_in_training", "clone_outside", "holds"),
    ("inference_tensor_in_training", "no_grad_would_do", "holds"),
    ("inference_mode_inside", "enable_grad_turns_on", "holds_partly"),
    ("inference_mode_inside", "ends_with_the_block", "wrong"),
    ("inference_mode_inside", "refused_changes_nothing", "wrong"),
    ("inference_mode_inside", "false_turns_on", "holds"),
    ("inference_mode_inside", "normal_may_change", "holds"),
    ("library_no_grad", "train_and_enable_grad_help", "holds_partly"),
    ("library_no_grad", "error_tells", "holds_partly"),
    ("library_no_grad", "forward_trains", "holds"),
    ("library_no_grad", "undecorated_records", "holds"),
]
# Of a claim that holds partly, the checks that fail.
FAILED = [
    ("no_grad_decorator", "covers_a_class", {"off_in_method", "still_a_class", "no_warning"}),
    ("no_grad_in_a_generator", "ends_with_the_loop", {"on_after_break"}),
    ("no_grad_and_threads", "whole_process", {"worker_has_no_graph"}),
    ("inference_tensor_in_training", "every_op_raises", {"addition_raises"}),
    (
        "inference_mode_inside",
        "enable_grad_turns_on",
        {"score_requires_grad", "score_is_normal"},
    ),
    ("library_no_grad", "train_and_enable_grad_help", {"embedding_in_graph"}),
    ("library_no_grad", "error_tells", {"with_head_raises"}),
]
CUT = "element 0 of tensors does not require grad and does not have a grad_fn"
RAISED = [
    ("no_grad_in_a_generator", "loss.backward()", CUT),
    ("no_grad_and_asyncio", "loss.backward()", CUT),
    (
        "inference_tensor_in_training",
        "score = head(detached)",
        "Inference tensors cannot be saved for backward.",
    ),
    (
        "inference_mode_inside",
        "total += score",
        "Inplace update to inference tensor outside InferenceMode is not allowed.",
    ),
    ("library_no_grad", "embedding.square().sum().backward()", CUT),
]


def modes_in(shown: PartTrace, function: str) -> list[str]:
    """Return the modes that the steps of an inner function, or of the part itself, ended in."""
    return [step.grad_mode for step in shown.steps if step.function == function]


def first(shown: PartTrace, name: str) -> TensorState:
    """Return what a name stood for when it was first seen."""
    return next(each for step in shown.steps for each in step.tensors if each.name == name)


@pytest.mark.parametrize(("name", "line", "text"), RAISED)
def test_error(name: str, line: str, text: str) -> None:
    trace = traced(name)
    wrong = part(trace, "wrong")
    assert wrong.error is not None
    assert wrong.error.type == "RuntimeError"
    assert error_text(wrong).startswith(text)
    assert failing_line(trace, wrong) == line


def test_nothing_else_raises() -> None:
    raising = [
        (name, shown.name)
        for name in modes.LESSONS
        for shown in traced(name).parts
        if shown.error is not None
    ]
    assert raising == [(name, "wrong") for name, _, _ in RAISED]


def test_eval_records_and_dropout_drops_without_grad() -> None:
    wrong = last(part(traced("eval_is_not_no_grad"), "wrong"))
    evaluated = wrong["evaluated"]
    assert evaluated.grad_fn == "AddmmBackward0"
    for name in ("untracked", "again"):
        assert wrong[name].grad_fn is None
        pairs = list(zip(wrong[name].values, evaluated.values, strict=True))
        assert any(value == 0 for value, _ in pairs)
        # What is kept is scaled by 1 / (1 - 0.5).
        assert all(value == 0 or math.isclose(value, 2 * whole) for value, whole in pairs)
    assert wrong["untracked"].values != wrong["again"].values
    right = last(part(traced("eval_is_not_no_grad"), "right"))
    assert right["score"].values == right["again"].values == evaluated.values
    assert right["score"].grad_fn is right["again"].grad_fn is None


def test_decorator_acts_while_its_function_runs() -> None:
    wrong, right = traced("no_grad_decorator").parts
    assert set(modes_in(wrong, "make_predict")) == {"no_grad"}
    assert set(modes_in(wrong, "predict")) == {"grad"}
    assert last(wrong)["score"].grad_fn == "AddmmBackward0"
    assert set(modes_in(right, "make_predict")) == {"grad"}
    assert set(modes_in(right, "predict")) == {"no_grad"}
    assert set(modes_in(right, "")) == {"grad"}
    assert last(right)["score"].grad_fn is None
    assert last(right)["score"].values == last(wrong)["score"].values


def test_generator_leaks_its_mode_into_the_loop() -> None:
    wrong, right = traced("no_grad_in_a_generator").parts
    assert values_of(wrong)["grad_enabled"] == "False"
    # The error ends the loop, and with it the generator and its block.
    assert modes_in(wrong, "")[-4:] == ["no_grad"] * 3 + ["grad"]
    assert last(wrong)["loss"].grad_fn is None
    assert last(wrong)["head.weight"].grad is None
    assert values_of(right)["grad_enabled"] == "True"
    assert set(modes_in(right, "")) == {"grad"}
    assert set(modes_in(right, "features")) == {"no_grad"}
    end = last(right)
    assert end["head.weight"].grad == end["feature"].values
    assert end["head.bias"].grad == (1.0,)
    assert end["encoder.weight"].grad is None


def test_worker_thread_has_a_mode_of_its_own() -> None:
    wrong, right = traced("no_grad_and_threads").parts
    assert values_of(wrong)["grad_enabled"] == "True"
    end = last(wrong)
    assert end["here"].grad_fn is None
    assert end["served"].grad_fn == "AddmmBackward0"
    assert end["here"].values == end["served"].values
    # It is off in the main thread while the worker is on, and on again at the end.
    assert "no_grad" in modes_in(wrong, "")
    assert wrong.steps[-1].grad_mode == "grad"
    assert last(right)["served"].grad_fn is None
    assert last(right)["here"].grad_fn == "AddmmBackward0"
    assert set(modes_in(right, "")) == {"grad"}


def test_tasks_share_the_mode_of_their_thread() -> None:
    wrong, right = traced("no_grad_and_asyncio").parts
    assert modes_in(wrong, "train") == ["no_grad"]
    assert last(wrong)["loss"].grad_fn is None
    assert modes_in(right, "train") == ["grad"]
    assert last(right)["loss"].grad_fn == "SumBackward0"
    for shown in (wrong, right):
        assert "no_grad" in modes_in(shown, "evaluate")
        assert set(modes_in(shown, "")) == {"grad"}
        assert first(shown, "score").grad_fn is None


def test_inference_tensor_is_refused_only_where_it_is_saved() -> None:
    wrong, right = traced("inference_tensor_in_training").parts
    refused = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
    assert refused in values_of(wrong)["refused"]
    end = last(wrong)
    assert end["shifted"].grad_fn == "AddBackward0"
    assert end["feature"].version is end["detached"].version is None
    assert end["feature"].storage == end["detached"].storage
    assert "score" not in end
    end = last(right)
    assert end["feature"].version is None
    assert end["normal"].version is not None
    assert end["normal"].storage != end["feature"].storage
    assert end["head.weight"].grad == end["feature"].values == end["normal"].values


def test_refused_update_was_already_written() -> None:
    wrong = part(traced("inference_mode_inside"), "wrong")
    assert "Inference tensors do not track version counter." in values_of(wrong)["no_counter"]
    assert values_of(wrong)["grad_enabled"] == "True"
    assert first(wrong, "total").values == (0.0,)
    end = last(wrong)
    assert end["total"].values == end["score"].values != (0.0,)
    assert not end["score"].requires_grad


def test_gradient_inside_inference_mode() -> None:
    right = part(traced("inference_mode_inside"), "right")
    end = last(right)
    assert end["inputs"].grad == end["model.weight"].values
    assert end["model.weight"].grad == end["batch"].values == (1.0, 1.0)
    assert end["model.bias"].grad == (1.0,)
    assert is_close(end["total"].values, end["score"].values)
    assert (first(right, "total").version, end["total"].version) == (0, 1)
    assert end["batch"].version is None
    assert [step.grad_mode for step in right.steps].count("inference") >= 3


def test_decorated_method_turns_grad_off_inside_of_enable_grad() -> None:
    wrong, right = traced("library_no_grad").parts
    assert modes_in(wrong, "encode") == ["no_grad"]
    assert set(modes_in(wrong, "")) == {"grad"}
    end = last(wrong)
    assert (end["embedding"].grad_fn, end["encoder.weight"].grad) == (None, None)
    assert end["head.weight"].grad == end["embedding"].values
    end = last(right)
    assert end["encoder.bias"].grad == end["head.weight"].values
    assert end["undecorated"].values == end["embedding"].values
