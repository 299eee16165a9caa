"""Every lesson on an accelerator: the same verdicts, and what differs is what may."""

from __future__ import annotations

import re

import pytest
import torch

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.search import find
from profiling.engine import jobs
from profiling.engine.worker import Call, Raised, _answer
from profiling.measure.device import get
from profiling.measure.stepper import run_lesson, step_code
from profiling.model.errors import DeviceLostError
from profiling.model.lesson import LessonRequest, LessonTrace
from tests.demos.lessons.traced import apart, inputs, traced

# Lessons that need the CPU. Why is in the locales.
ON_CPU = {
    "numpy_needs_detach",
    "scaler_without_gradients",
    "scaler_half_weights",
    "ddp_unused_parameters",
    "frozen_cast_again",
    "compiled_zeros",
}
ANYWHERE = [name for name in LESSONS if name not in ON_CPU]
# Verdicts that an accelerator truly changes, by lesson and claim, with the reason.
OTHERWISE: dict[tuple[str, str], str] = {}
# How an error names the type of a tensor, which tells the device too.
_TYPE = re.compile(r"\[[\w.]+ (?=\[)")


def checks(trace: LessonTrace) -> dict[str, dict[str, bool]]:
    return {each.claim: each.checks for each in trace.claims}


def errors(trace: LessonTrace) -> list[tuple[str, str, int] | None]:
    """Return the errors, without the type of tensor that they name."""
    raised = [part.error for part in trace.parts]
    return [
        None if each is None else (each.type, _TYPE.sub("[", each.text), each.line)
        for each in raised
    ]


def lines(trace: LessonTrace) -> list[list[tuple[str, int]]]:
    return [[(step.function, step.line) for step in part.steps] for part in trace.parts]


def held(kind: str) -> tuple[int, int]:
    """Return what tensors and what torch's allocator hold of a device's memory."""
    return get(kind).counters().live_bytes, torch.get_device_module(kind).memory_reserved()


def test_these_need_the_cpu_and_no_others() -> None:
    assert {name for name in LESSONS if catalogue.lesson(name).device} == ON_CPU
    assert {catalogue.lesson(name).device for name in ON_CPU} == {"cpu"}


@pytest.mark.parametrize("name", ANYWHERE)
def test_verdicts_are_those_on_the_cpu(name: str, accelerator: str) -> None:
    here, there = traced(name), traced(name, device=accelerator)
    assert there.request.device == accelerator
    for claim, held in checks(there).items():
        assert (held == checks(here)[claim]) is ((name, claim) not in OTHERWISE), claim
    assert lines(there) == lines(here)
    places = {each.device for part in there.parts for step in part.steps for each in step.tensors}
    assert places == {str(torch.empty(0, device=accelerator).device)}
    if accelerator == "lab":
        assert errors(there) == errors(here)
    assert [each and (each[0], each[2]) for each in errors(there)] == [
        each and (each[0], each[2]) for each in errors(here)
    ]


@pytest.mark.parametrize("name", [name for name in ANYWHERE if catalogue.lesson(name).values])
def test_verdicts_on_other_inputs_are_too(name: str, accelerator: str) -> None:
    for each in inputs(name)[1::7]:
        assert checks(traced(name, *each, device=accelerator)) == checks(traced(name, *each)), each


@pytest.mark.parametrize("name", [name for name in ANYWHERE if catalogue.lesson(name).errors])
def test_the_errors_it_explains_are_raised_and_found(name: str, accelerator: str) -> None:
    said: list[str] = []
    for part in traced(name, device=accelerator).parts:
        said += [f"{part.error.type}: {part.error.text}"] if part.error else []
        said += [value.text for value in part.steps[-1].values]
        said += [step.printed for step in part.steps]
    for text in catalogue.lesson(name).errors:
        # A leaf's error does not say which output of which op it is.
        first, *_ = text.split(": [{}]")[0].split("{}")
        (words, *_) = [each for each in said if first.strip() in each]
        assert name in [hit.lesson for hit in find(words, "en")]


@pytest.mark.parametrize(
    "shift", [1, *(pytest.param(each, marks=pytest.mark.long) for each in (20, 300))]
)
@pytest.mark.parametrize("name", LESSONS)
def test_verdicts_do_not_depend_on_random_numbers(
    name: str, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seed gives other numbers on another device."""
    seed = torch.manual_seed
    expected = checks(traced(name))
    monkeypatch.setattr(torch, "manual_seed", lambda number: seed(number + shift))
    assert checks(apart(run_lesson, LessonRequest(name))) == expected


def test_what_was_set_is_set_again(accelerator: str) -> None:
    torch.manual_seed(7)
    torch.randn(3, device=accelerator)
    states = [
        each.get_state() for each in (*get("cpu").generators(), *get(accelerator).generators())
    ]
    run_lesson(LessonRequest("eval_is_not_no_grad", device=accelerator))
    after = [
        each.get_state() for each in (*get("cpu").generators(), *get(accelerator).generators())
    ]
    assert all(map(torch.equal, states, after))
    assert torch.get_default_device() == torch.device("cpu")
    assert torch.empty(0).device == torch.device("cpu")
    assert torch._C._len_torch_function_stack() == 0
    assert torch.autograd.is_multithreading_enabled()


def test_it_draws_the_same_numbers_each_time(accelerator: str) -> None:
    request = LessonRequest("eval_is_not_no_grad", device=accelerator)
    first = run_lesson(request)
    torch.rand(5, device=accelerator)
    assert run_lesson(request) == first


@pytest.mark.parametrize(
    "name",
    [ANYWHERE[0], *(pytest.param(each, marks=pytest.mark.long) for each in ANYWHERE[1:])],
)
def test_its_memory_is_given_back(name: str, accelerator: str) -> None:
    apart(jobs.run_lesson, LessonRequest("baseline", device=accelerator))
    # What a GPU's libraries keep to compute with is kept from the first such lesson on.
    for _ in range(1 if accelerator == "lab" else 2):
        before = held(accelerator)
        apart(jobs.run_lesson, LessonRequest(name, device=accelerator))
    assert held(accelerator) == before


@pytest.mark.parametrize("device", [pytest.param("lab", marks=pytest.mark.lab)])
def test_a_device_that_is_lost_ends_the_worker(device: str) -> None:
    from tests.lab_device import lab

    call = Call(jobs.run_lesson, (LessonRequest("baseline", device=device),), {})
    with lab.broken_after("aten::sigmoid"):
        answer = apart(_answer, call)  # It leaves its thread as it is.
    assert isinstance(answer, Raised)
    assert isinstance(answer.error, DeviceLostError)
    assert "device-side assert" in str(answer.error.values["text"])


def test_backward_of_a_function_is_stepped_through_there(accelerator: str) -> None:
    """It would run on a thread of the device's, of which the trace function sees nothing."""
    part = step_code(
        f"""\
import torch
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, grad):
        doubled = grad * 2
        return doubled
x = torch.ones(2, device="{accelerator}", requires_grad=True)
Twice.apply(x).sum().backward()
""",
        10.0,
    )
    assert part.error is None
    inside = [step for step in part.steps if step.function == "backward"]
    assert [step.line for step in inside] == [8, 9]
    (doubled,) = [each for each in inside[-1].tensors if each.name == "doubled"]
    assert (doubled.device.partition(":")[0], doubled.values) == (accelerator, (2.0, 2.0))
