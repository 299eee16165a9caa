from __future__ import annotations

import sys
from types import FrameType

import pytest
import torch

from profiling import catalogue
from profiling.measure.lesson import run_lesson
from profiling.model.lesson import LessonRequest, LessonStep, TensorState


def at(step: LessonStep) -> dict[str, TensorState]:
    return {tensor.name: tensor for tensor in step.tensors}


def test_a_step_for_every_line_with_the_tensors_after_it() -> None:
    (part,) = run_lesson(LessonRequest("detach_then_zero")).parts
    first = catalogue.lesson("detach_then_zero").parts["lesson"].first_line
    assert [step.line - first for step in part.steps] == [1, 2, 3, 4, 5]
    assert [list(at(step)) for step in part.steps] == [
        ["a"],
        ["a", "out"],
        ["a", "out", "c"],
        ["a", "out", "c"],
        ["a", "out", "c"],
    ]


def test_storage_version_and_graph_as_the_lesson_goes() -> None:
    (part,) = run_lesson(LessonRequest("detach_then_zero")).parts
    steps = [at(step) for step in part.steps]
    assert [{name: state.storage for name, state in step.items()} for step in steps] == [
        {"a": 1},
        {"a": 1, "out": 2},
        *[{"a": 1, "out": 2, "c": 2}] * 3,
    ]
    assert [step["out"].version for step in steps[1:]] == [0, 0, 1, 1]
    assert [step["c"].version for step in steps[2:]] == [0, 1, 1]
    assert [step["out"].counter == step["c"].counter for step in steps[2:]] == [True] * 3
    saved = [node.saved for node in part.steps[3].graph.nodes if node.label == "SigmoidBackward0"]
    assert [(each.name, each.state) for each in saved[0]] == [("result", "changed")]


def test_the_error_is_noted_with_its_line_and_text() -> None:
    (part,) = run_lesson(LessonRequest("detach_then_zero")).parts
    source = catalogue.lesson("detach_then_zero").parts["lesson"]
    assert part.error is not None
    assert part.error.type == "RuntimeError"
    assert part.error.text.startswith(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: [torch.FloatTensor [3]], which is output 0 of Sigmoid, is at version 1; "
        "expected version 0 instead."
    )
    line = source.text.splitlines()[part.error.line - source.first_line]
    assert line.strip() == "out.sum().backward()"


def test_a_lesson_without_an_error() -> None:
    (part,) = run_lesson(LessonRequest("baseline", (1.0, -2.0), "square")).parts
    assert part.error is None
    end = at(part.steps[-1])["a"]
    assert (end.values, end.grad) == ((1.0, -2.0), (2.0, -4.0))


def test_the_request_comes_back_with_the_trace() -> None:
    request = LessonRequest("baseline", (1.0,), "exp")
    assert run_lesson(request).request == request


def test_inputs_are_shown_apart_and_not_among_the_names() -> None:
    (part,) = run_lesson(LessonRequest("baseline")).parts
    assert part.steps[-1].values == ()


def test_what_is_wrong_and_what_is_right_are_two_parts() -> None:
    wrong, right = run_lesson(LessonRequest("leaf_in_place")).parts
    assert (wrong.name, right.name) == ("wrong", "right")
    assert wrong.error is not None
    assert wrong.error.text.startswith("a leaf Variable that requires grad")
    assert right.error is None


def test_each_part_starts_from_the_same_seed() -> None:
    wrong, right = run_lesson(LessonRequest("gan_discriminator_step")).parts
    weights = [at(part.steps[0])["generator.weight"].values for part in (wrong, right)]
    assert weights[0] == weights[1]


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
