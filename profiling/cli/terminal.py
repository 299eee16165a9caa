"""Prints what the shell shows: lessons and runs as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from demos import catalogue
from demos.locales import Text
from profiling.lesson_records import LessonTrace
from profiling.records import Run
from profiling.report import Row, finding, rows
from profiling.statistics import summary

_HEADS = ("branch", "time", "ratio", "peak", "saved", "live", "ops", "gradients")


def print_lesson(trace: LessonTrace, out: Console, say: Text) -> None:
    """Print a lesson's code, its tensors, its error and what became of the claims."""
    source = catalogue.lesson(trace.request.name).source
    key = f"lesson.{trace.request.name}"
    out.print(f"{say(f'{key}.title')}\n{say(f'{key}.question')}\n", markup=False)
    for number, line in enumerate(source.text.splitlines(), source.first_line):
        mark = "!" if trace.error is not None and trace.error.line == number else " "
        out.print(f"{mark}{number:4} {line}", markup=False, soft_wrap=True)
    if trace.error is not None:
        out.print(f"\n{trace.error.type}: {trace.error.text}", markup=False, soft_wrap=True)
    out.print()
    for tensor in trace.steps[-1].tensors if trace.steps else ():
        grad = "None" if tensor.grad is None else _numbers(tensor.grad)
        line = f"{tensor.name} = {_numbers(tensor.values)}  .grad = {grad}"
        out.print(line, markup=False, soft_wrap=True)
    out.print(f"\n{say('lesson.claims')}", markup=False)
    for claim in trace.claims:
        verdict = claim.verdict.value
        why = say(f"{key}.why.{claim.claim}.{verdict}")
        words = f"[{say(f'verdict.{verdict}')}] {say(f'{key}.claim.{claim.claim}')}\n    {why}"
        out.print(words, markup=False, soft_wrap=True)


def print_run(run: Run, out: Console, say: Text) -> None:
    """Print one table and one sentence a size."""
    table = summary(run)
    entry = catalogue.workload(run.request.workload)
    for finished in run.results:
        cell = table[table["size"] == finished.cell.size]
        size = f"{finished.cell.size:,} {say(f'size.{entry.size}')}"
        formatted = rows(cell, say)
        out.print(_table(f"{entry.name}, {size}", formatted, finished.cell.baseline, say))
        for row in formatted:
            if row.note:
                note = f"{row.branch}: {row.note} {row.message}".rstrip()
                out.print(note, markup=False, soft_wrap=True)
        out.print(finding(cell, entry.size, say), "\n", markup=False, soft_wrap=True)


def _table(title: str, formatted: list[Row], baseline: str, say: Text) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for head in _HEADS:
        title = say(f"table.{head}", baseline=baseline)
        table.add_column(title, no_wrap=head in ("branch", "ratio", "gradients"))
    for row in formatted:
        groups = "\n".join(group.words for group in row.groups)
        ratio = f"{row.ratio} ({row.interval})" if row.interval else row.ratio
        last = groups or say(f"status.{row.status}")
        table.add_row(row.branch, row.time, ratio, row.peak, row.saved, row.live, row.ops, last)
    return table


def _numbers(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"
