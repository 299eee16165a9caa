"""Prepares the steps of a function for the template: rows of tensors, memory blocks, graphs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from profiling.catalogue import Source
from profiling.graphs import dot, svg
from profiling.model.lesson import LessonError, LessonStep, PartTrace, TensorState, ValueState
from profiling.model.words import Text
from profiling.output.html import code

_DIGITS = 4


class Cell(NamedTuple):
    """A cell of the table of tensors; `changed` by the last statement or not."""

    head: str
    text: str
    changed: bool


class Row(NamedTuple):
    """A tensor's row; `new` if the last statement created its name."""

    name: str
    kind: str
    new: bool
    cells: list[Cell]


class Counter(NamedTuple):
    """The names of tensors that share a version counter."""

    names: list[str]
    version: int | None
    changed: bool


class Block(NamedTuple):
    """A storage, and the names that share it, by version counter; its place if not the CPU."""

    number: int
    size: int
    place: str
    counters: list[Counter]
    arrays: list[str]


class StepView(NamedTuple):
    """A step, for the template."""

    number: int
    step: LessonStep
    error: LessonError | None
    rows: list[Row]
    blocks: list[Block]
    values: list[ValueState]
    graph: Markup
    dot: str


class PartView(NamedTuple):
    """A function and its steps, for the template.

    Attributes:
        shown: The step to show first.
        matching: For each step the one of the other function that goes with it.
    """

    name: str
    source: Source
    code: Markup
    steps: list[StepView]
    cut_off: bool
    shown: int = 0
    matching: Sequence[int] = ()


def linked(views: Sequence[PartView]) -> list[PartView]:
    """Return what is wrong and what is right, each step with the one of the other that it matches.

    Steps match where the same statements run in the same order; of a step that the other lacks, the
    one before it is matched.
    """
    if len(views) != 2:
        return list(views)
    one, other = ([_statement(view, each.step.line) for each in view.steps] for view in views)
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    pairs = [(at.a + place, at.b + place) for at in blocks for place in range(at.size)]
    back = [(b, a) for a, b in pairs]
    return [
        view._replace(matching=_matching(mine, len(view.steps)))
        for view, mine in zip(views, (pairs, back), strict=True)
    ]


def _statement(view: PartView, line: int) -> str:
    return view.source.text.splitlines()[line - view.source.first_line].strip()


def _matching(pairs: Sequence[tuple[int, int]], count: int) -> list[int]:
    known, found = dict(pairs), [0] * count
    for place in range(count):
        found[place] = known.get(place, found[place - 1] if place else 0)
    return found


def part_view(part: PartTrace, source: Source, text: Text, shown: int | None = None) -> PartView:
    """Prepare the steps of a function for the template.

    Args:
        part: The steps.
        source: Its code.
        text: Translator.
        shown: The step to show first, counted from 0; the last one if there is no such step.
    """
    last = max(0, len(part.steps) - 1)
    first = last if shown is None else min(shown, last)
    steps = list(_steps(part, text))
    shown_code = code(source, part.error.line if part.error else None, f"line-{part.name}")
    if part.steps:
        shown_code = _mark_line(shown_code, f"line-{part.name}-{part.steps[first].line}")
    return PartView(part.name, source, shown_code, steps, part.cut_off, first)


def _steps(part: PartTrace, text: Text) -> Iterator[StepView]:
    before: dict[str, TensorState] = {}
    for number, step in enumerate(part.steps):
        is_last = number == len(part.steps) - 1
        yield StepView(
            number=number,
            step=step,
            error=part.error if is_last else None,
            rows=[_row(state, before.get(state.name)) for state in step.tensors],
            blocks=list(_blocks(step, before)),
            values=list(step.values),
            graph=svg.svg(step.graph, text),
            dot=dot.dot(step.graph),
        )
        before = {state.name: state for state in step.tensors}


def _mark_line(shown_code: Markup, line: str) -> Markup:
    return Markup(str(shown_code).replace(f'id="{line}"', f'id="{line}" class="lab-now"', 1))


def _row(state: TensorState, before: TensorState | None) -> Row:
    cells = _cells(state)
    was = {} if before is None else _cells(before)
    return Row(
        name=state.name,
        kind=f"{state.dtype} {_shape(state.shape)} {state.elsewhere}".rstrip(),
        new=before is None,
        cells=[
            Cell(head, words, before is not None and was[head] != words)
            for head, words in cells.items()
        ],
    )


def _cells(state: TensorState) -> dict[str, str]:
    return {
        "values": _numbers(state.values, state.shape),
        "grad": "None" if state.grad is None else _numbers(state.grad, state.shape),
        "requires_grad": str(state.requires_grad),
        "is_leaf": str(state.is_leaf),
        "grad_fn": state.grad_fn or "None",
        "version": "–" if state.version is None else str(state.version),
    }


def _blocks(step: LessonStep, before: dict[str, TensorState]) -> Iterator[Block]:
    """Group names by the storage that they share, the most shared one first."""
    states = sorted(step.tensors, key=lambda state: state.storage)
    blocks = []
    for number, there in groupby(states, key=lambda state: state.storage):
        members = list(there)
        counters = [
            Counter(
                [state.name for state in members if state.counter == counter],
                version,
                any(
                    state.name in before and before[state.name].version != state.version
                    for state in members
                    if state.counter == counter
                ),
            )
            for counter, version in dict.fromkeys((each.counter, each.version) for each in members)
        ]
        arrays = [value.name for value in step.values if value.storage == number]
        first = members[0]
        blocks.append(Block(number, first.storage_bytes, first.elsewhere, counters, arrays))
    yield from sorted(blocks, key=lambda block: -_sharing(block))


def _sharing(block: Block) -> int:
    return sum(len(counter.names) for counter in block.counters) + len(block.arrays)


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _numbers(values: tuple[float, ...], shape: tuple[int, ...]) -> str:
    shown = ", ".join(f"{value:.{_DIGITS}f}" for value in values)
    more = ", …" if math.prod(shape) > len(values) else ""
    return f"[{shown}{more}]" if shape else shown
