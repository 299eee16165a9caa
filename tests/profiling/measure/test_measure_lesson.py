from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import torch

from demos import catalogue
from demos.lessons import baseline
from profiling.lesson_records import LessonRequest, LessonStep, LessonTrace, TensorState
from profiling.measure.lesson import SHOWN_VALUES, run_lesson

Run = Callable[..., LessonTrace]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs another function in the place of a lesson's own."""

    def run_planted(function: Callable[..., Any], *values: float) -> LessonTrace:
        monkeypatch.setattr(baseline, "lesson", function)
        monkeypatch.setattr(baseline, "claims", lambda seen: {})
        return run_lesson(LessonRequest("baseline", values or None))

    return run_planted


def at(step: LessonStep) -> dict[str, TensorState]:
    return {tensor.name: tensor for tensor in step.tensors}


def test_a_step_for_every_line_with_the_tensors_after_it() -> None:
    trace = run_lesson(LessonRequest("detach_then_zero"))
    first = catalogue.lesson("detach_then_zero").source.first_line
    assert [step.line - first for step in trace.steps] == [1, 2, 3, 4, 5]
    assert [list(at(step)) for step in trace.steps] == [
        ["a"],
        ["a", "out"],
        ["a", "out", "c"],
        ["a", "out", "c"],
        ["a", "out", "c"],
    ]


def test_storage_version_and_graph_as_the_lesson_goes() -> None:
    steps = [at(step) for step in run_lesson(LessonRequest("detach_then_zero")).steps]
    assert [{name: state.storage for name, state in step.items()} for step in steps] == [
        {"a": 1},
        {"a": 1, "out": 2},
        *[{"a": 1, "out": 2, "c": 2}] * 3,
    ]
    assert [step["out"].version for step in steps[1:]] == [0, 0, 1, 1]
    assert [step["c"].version for step in steps[2:]] == [0, 1, 1]
    assert (steps[1]["out"].grad_fn, steps[2]["c"].grad_fn) == ("SigmoidBackward0", None)
    assert (steps[1]["out"].is_leaf, steps[2]["c"].is_leaf) == (False, True)
    assert (steps[1]["out"].requires_grad, steps[2]["c"].requires_grad) == (True, False)


def test_the_error_is_noted_with_its_line_and_text() -> None:
    trace = run_lesson(LessonRequest("detach_then_zero"))
    source = catalogue.lesson("detach_then_zero").source
    assert trace.error is not None
    assert trace.error.type == "RuntimeError"
    assert trace.error.text.startswith(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: [torch.FloatTensor [3]], which is output 0 of Sigmoid, is at version 1; "
        "expected version 0 instead."
    )
    line = source.text.splitlines()[trace.error.line - source.first_line]
    assert line.strip() == "out.sum().backward()"


def test_a_lesson_without_an_error() -> None:
    trace = run_lesson(LessonRequest("baseline", (1.0, -2.0), "square"))
    assert trace.error is None
    end = at(trace.steps[-1])["a"]
    assert (end.values, end.grad) == ((1.0, -2.0), (2.0, -4.0))
    assert (end.shape, end.dtype) == ((2,), "float32")


def test_the_request_comes_back_with_the_trace() -> None:
    request = LessonRequest("baseline", (1.0,), "exp")
    assert run_lesson(request).request == request


def test_an_earlier_steps_values_are_kept_though_the_tensor_changed_since(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        a = torch.tensor(values)
        a.add_(10)
        a.zero_()

    steps = run(lesson, 1.0, 2.0).steps
    assert [at(step)["a"].values for step in steps] == [(1.0, 2.0), (11.0, 12.0), (0.0, 0.0)]
    assert [at(step)["a"].version for step in steps] == [0, 1, 2]


def test_views_share_a_storage_number_and_copies_do_not(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        a = torch.tensor(values)
        view = a[1:]
        copy = a.clone()
        alias = copy.data
        assert view.shape != alias.shape

    end = at(run(lesson).steps[-1])
    assert {name: state.storage for name, state in end.items()} == {
        "a": 1,
        "view": 1,
        "copy": 2,
        "alias": 2,
    }


def test_memory_that_was_let_go_gets_a_new_number(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        a = torch.tensor(values)
        a = None  # type: ignore[assignment]
        a = torch.tensor(values)
        assert a.sum() == 6

    steps = run(lesson).steps
    assert [at(step)["a"].storage if step.tensors else None for step in steps] == [1, None, 2, 2]


def test_parameters_of_modules_have_dotted_names(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        net = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.ReLU())
        net(torch.tensor(values)).sum().backward()

    end = at(run(lesson).steps[-1])
    assert list(end) == ["net.0.weight", "net.0.bias"]
    assert end["net.0.weight"].shape == (1, 3)
    assert end["net.0.bias"].grad in ((0.0,), (1.0,))


def test_many_values_are_cut_off(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        a = torch.arange(100.0).reshape(10, 10)
        assert a.sum() > 0

    state = at(run(lesson).steps[-1])["a"]
    assert state.values == tuple(float(number) for number in range(SHOWN_VALUES))
    assert state.shape == (10, 10)


def test_inference_tensors_have_no_version(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        with torch.inference_mode():
            a = torch.tensor(values)
        b = torch.tensor(values)
        assert a.shape == b.shape

    end = at(run(lesson).steps[-1])
    assert end["a"].version is None
    assert end["b"].version == 0


def test_a_retained_gradient_is_read_and_another_non_leafs_is_not(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        a = torch.tensor(values, requires_grad=True)
        kept = a * 2
        dropped = kept * 3
        kept.retain_grad()
        dropped.sum().backward()

    end = at(run(lesson).steps[-1])
    assert (end["a"].grad, end["kept"].grad) == ((6.0,) * 3, (3.0,) * 3)
    assert end["dropped"].grad is None


@pytest.mark.parametrize("name", ["baseline", "detach_then_zero"])
def test_the_trace_function_is_put_back(name: str) -> None:
    def tracer(frame: FrameType, event: str, argument: object) -> None:
        return None

    outer = sys.gettrace()
    sys.settrace(tracer)
    try:
        run_lesson(LessonRequest(name))
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(outer)


def test_random_numbers_are_the_same_every_time_and_torchs_own_are_left_alone() -> None:
    before = torch.get_rng_state()
    first, second = (run_lesson(LessonRequest("freeze_and_finetune")) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def test_functions_that_the_lesson_calls_are_not_stepped_through(run: Run) -> None:
    def helper(a: torch.Tensor) -> torch.Tensor:
        inner = a * 2
        return inner + 1

    def lesson(values: list[float], op: object) -> None:
        a = torch.tensor(values)
        b = helper(a)
        assert b.sum() == 15

    trace = run(lesson)
    assert [list(at(step)) for step in trace.steps] == [["a"], ["a", "b"], ["a", "b"]]


def test_a_line_that_fails_shows_what_was_there_before(run: Run) -> None:
    def lesson(values: list[float], op: object) -> None:
        a = torch.tensor(values)
        b = a.reshape(7)
        assert b is a

    trace = run(lesson)
    assert trace.error is not None
    assert trace.error.line == lesson.__code__.co_firstlineno + 2
    assert trace.error.text == "shape '[7]' is invalid for input of size 3"
    assert [list(at(step)) for step in trace.steps] == [["a"], ["a"]]
