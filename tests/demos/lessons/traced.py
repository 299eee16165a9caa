"""Runs lessons for the tests of their topics, each only once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import torch

from profiling import catalogue
from profiling.engine import jobs
from profiling.model.lesson import LessonRequest, LessonTrace, PartTrace, TensorState

P = ParamSpec("P")
T = TypeVar("T")
LARGEST_FLOAT = 3.4e38
INPUTS = (
    None,
    (-1.0, 0.0, 2.0),
    (0.0,),
    (5.0,),
    (-5.0, -6.0),
    tuple(number / 4 - 2 for number in range(16)),
    (-1e3, 1e3),
    (LARGEST_FLOAT, -LARGEST_FLOAT),
    (1e-40,),
    (200.0,),  # its exp is infinite
    (1e308,),  # infinite as float32
)
Inputs = tuple[tuple[float, ...] | None, str | None]


@functools.cache
def traced(
    name: str,
    values: tuple[float, ...] | None = None,
    op: str | None = None,
    device: str = "cpu",
) -> LessonTrace:
    """Run a lesson."""
    return apart(jobs.run_lesson, LessonRequest(name, values, op, device))


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread of its own: a browser's tests leave an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *args, **kwargs).result()


def inputs(name: str) -> list[Inputs]:
    """Return all inputs that a lesson is tried with: its own, and others if it takes any."""
    entry = catalogue.lesson(name)
    values = INPUTS if entry.values else (None,)
    ops = tuple(catalogue.OPS) if entry.op else (None,)
    return [(each, op) for each in values for op in ops]


def verdicts(trace: LessonTrace) -> dict[str, str]:
    """Return the verdict on each claim."""
    return {claim.claim: claim.verdict.value for claim in trace.claims}


def all_verdicts(name: str) -> dict[str, set[str]]:
    """Return for each claim the verdicts that some input leads to."""
    reached: dict[str, set[str]] = {}
    for each in inputs(name):
        for claim, verdict in verdicts(traced(name, *each)).items():
            reached.setdefault(claim, set()).add(verdict)
    return reached


def part(trace: LessonTrace, name: str) -> PartTrace:
    """Return one function's trace: ``"lesson"``, ``"wrong"`` or ``"right"``."""
    return next(each for each in trace.parts if each.name == name)


def last(shown: PartTrace) -> dict[str, TensorState]:
    """Return the tensors at the end, by name."""
    return {tensor.name: tensor for tensor in shown.steps[-1].tensors}


def error_text(shown: PartTrace) -> str:
    """Return the error's text; empty if there was none."""
    return shown.error.text if shown.error else ""


def failing_line(trace: LessonTrace, shown: PartTrace) -> str:
    """Return the line that raised, as it is shown."""
    assert shown.error is not None
    source = catalogue.lesson(trace.request.name).parts[shown.name]
    return source.text.splitlines()[shown.error.line - source.first_line].strip()


@functools.cache
def names_unused() -> bool:
    """Whether torch's error gives the index of an unused input; that of 2.8 does not."""
    of, other = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    try:
        torch.autograd.grad(of.sum(), other)
    except RuntimeError as error:
        return "at index 0" in str(error)
    return False


def unused(index: int) -> str:
    """Return torch's error on an input that was not used."""
    newer = f"The differentiated Tensor at index {index}"
    which = newer if names_unused() else "One of the differentiated Tensors"
    return (
        f"{which} appears to not have been used in the graph. "
        "Set allow_unused=True if this is the desired behavior."
    )


def values_of(shown: PartTrace) -> dict[str, str]:
    """Return what is no tensor at the end, as text by name."""
    return {each.name: each.text for each in shown.steps[-1].values}


def is_close(values: tuple[float, ...] | None, expected: tuple[float, ...]) -> bool:
    """Whether numbers are the expected ones, as float32 has them."""
    return values is not None and all(
        math.isclose(value, other, rel_tol=1e-5, abs_tol=1e-7)
        for value, other in zip(values, expected, strict=True)
    )
