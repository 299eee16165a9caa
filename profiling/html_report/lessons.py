"""A lesson that ran as a part of a report: code, what was there at the end, and the verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from demos import catalogue
from demos.catalogue import Source
from demos.locales import Text
from profiling.graphs import drawing
from profiling.html_report.parts import Part, render
from profiling.lesson_records import LessonError, LessonTrace, PartTrace, TensorState
from profiling.markup import code


class PartView(NamedTuple):
    """A function that ran, and the state after its last statement.

    Attributes:
        tensors: Cells of each tensor's row, after its name.
    """

    name: str
    file: str
    code: Markup
    error: LessonError | None
    printed: str
    tensors: dict[str, list[str]]
    graph: Markup


def lesson_part(trace: LessonTrace, text: Text) -> Part:
    """Show a lesson.

    Args:
        trace: What happened when it ran.
        text: The words.
    """
    entry = catalogue.lesson(trace.request.name)
    key = f"lesson.{entry.name}"
    html = render(
        "lesson.html",
        text,
        key=key,
        trace=trace,
        inputs=_inputs(entry, trace),
        parts=[_part(part, entry.parts[part.name], text) for part in trace.parts],
    )
    return Part(text(f"{key}.title"), html, has_charts=False)


def _inputs(entry: catalogue.LessonEntry, trace: LessonTrace) -> dict[str, str]:
    request = trace.request
    found = {}
    if entry.values is not None:
        values = entry.values if request.values is None else request.values
        found["values"] = f"[{', '.join(f'{value:g}' for value in values)}]"
    if entry.op is not None:
        found["op"] = catalogue.OPS[request.op or entry.op]
    return found


def _part(part: PartTrace, source: Source, text: Text) -> PartView:
    last = part.steps[-1] if part.steps else None
    return PartView(
        name=part.name,
        file=source.file,
        code=code(source, part.error.line if part.error else None),
        error=part.error,
        printed="".join(step.printed for step in part.steps),
        tensors={} if last is None else {state.name: _cells(state) for state in last.tensors},
        graph=Markup() if last is None else drawing.svg(last.graph, text),
    )


def _cells(state: TensorState) -> list[str]:
    return [
        _numbers(state.values, state.shape),
        "None" if state.grad is None else _numbers(state.grad, state.shape),
        str(state.requires_grad),
        str(state.is_leaf),
        state.grad_fn or "None",
        "–" if state.version is None else str(state.version),
    ]


def _numbers(values: Sequence[float], shape: tuple[int, ...]) -> str:
    shown = ", ".join(f"{value:.4f}" for value in values)
    more = ", …" if math.prod(shape) > len(values) else ""
    return f"[{shown}{more}]" if shape else shown
