"""Prints what the shell shows: lessons, runs and two runs side by side, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from profiling import catalogue
from profiling.analysis import modes
from profiling.analysis.analysis import Analysis
from profiling.analysis.diff import (
    Diff,
    DiffRow,
    around,
    device_name,
    headline,
    lone_words,
    sections,
)
from profiling.analysis.findings import told
from profiling.analysis.notices import notices
from profiling.analysis.recommendation import recommendation
from profiling.analysis.rows import Row, rows
from profiling.catalogue import Source
from profiling.model.lesson import LessonTrace, PartTrace
from profiling.model.request import mode_word
from profiling.model.run import Run
from profiling.model.words import Text, lenient

_HEADS = ("branch", "time", "ratio", "peak", "saved", "live", "ops", "gradients")
# What is shown of these in a terminal that has no room for all.
_MAIN_HEADS = ("branch", "time", "ratio", "peak", "gradients")
_MODE_HEADS = ("branch", "time", "ratio", "peak", "saved", "compile")
_ROOM = 110
_PIPE_WIDTH = 130
# As much as fits a terminal of 80 columns; --out and --json have the rest.
_DIFF_HEADS = ("branch", "time", "ratio", "verdict", "peak")


def print_lesson(trace: LessonTrace, out: Console, say: Text) -> None:
    """Print a lesson's code, its tensors, its errors and what became of the claims."""
    entry = catalogue.lesson(trace.request.name)
    key = f"lesson.{trace.request.name}"
    head = f"{say(f'{key}.title')}\n{say(f'{key}.question')}\n"
    out.print(head, markup=False, soft_wrap=True)
    if entry.device:
        out.print(f"{say(entry.device_reason)}\n", markup=False, soft_wrap=True)
    for part in trace.parts:
        if part.name != "lesson":
            out.print(f"{say(f'lesson.part.{part.name}')}:\n", markup=False)
        _print_part(part, entry.parts[part.name], out)
    out.print(say("lesson.claims"), markup=False)
    for claim in trace.claims:
        verdict = claim.verdict.value
        why = say(entry.verdict_reason(claim))
        words = f"[{say(f'verdict.{verdict}')}] {say(f'{key}.claim.{claim.claim}')}\n    {why}"
        out.print(words, markup=False, soft_wrap=True)
    out.print(f"\n{say('lesson.rule')} {say(f'{key}.rule')}", markup=False, soft_wrap=True)


def print_run(analysis: Analysis, out: Console, say: Text) -> None:
    """Print one table and one headline a size."""
    say = lenient(say)
    for each in analysis.cells:
        cell = each.finished.cell
        formatted = rows(each.summary, say)
        title = f"{cell.workload}, {cell.size:,} {say(f'size.{cell.unit}')}"
        title = ", ".join(filter(None, (title, mode_word(cell.mode))))
        heads = _MAIN_HEADS if out.is_terminal and out.width < _ROOM else _HEADS
        _wide(out).print(_table(title, heads, formatted, cell.baseline, say))
        for note in _notes(formatted, say):
            out.print(printable(note), markup=False, soft_wrap=True)
        for notice in notices(each.finished, say):
            out.print(printable(notice), markup=False, soft_wrap=True)
        for sentence in filter(None, [recommendation(each.findings, say)]):
            out.print(sentence, markup=False, soft_wrap=True, style="bold")
        out.print(told(each.findings, cell, say), "\n", markup=False, soft_wrap=True)
    for found in modes.modes(analysis):
        _wide(out).print(_mode_table(found, say))
        for sentence in modes.sentences(found, say):
            out.print(sentence, markup=False, soft_wrap=True, style="bold")
        out.print()


def print_diff(a: Run, b: Run, found: Diff, out: Console, say: Text) -> None:
    """Print what differs around two runs, one table a cell, what only one has, the finding."""
    out.print(_environment(a, b, found, say))
    if not found.environment:
        out.print(say("diff.same_environment"), markup=False, soft_wrap=True)
    for section in sections(found, say):
        out.print()
        out.print(_diff_table(section.title, section.rows, say))
        for row in section.rows:
            if row.notes:
                notes = "; ".join(row.notes)
                line = f"{row.branch} {say('diff.head.notes')}: {notes}"
                out.print(line, markup=False, soft_wrap=True)
    out.print()
    for side, lone in (("a", found.only_a), ("b", found.only_b)):
        for line in lone_words(lone, say):
            out.print(f"{say(f'diff.only_{side}')}: {line}", markup=False, soft_wrap=True)
    out.print(headline(found, say), markup=False, soft_wrap=True)
    out.print(say("diff.caveat"), markup=False, soft_wrap=True)


def _print_part(part: PartTrace, source: Source, out: Console) -> None:
    for number, line in enumerate(source.text.splitlines(), source.first_line):
        mark = "!" if part.error is not None and part.error.line == number else " "
        out.print(f"{mark}{number:4} {line}", markup=False, soft_wrap=True)
    if part.error is not None:
        out.print(f"\n{part.error.type}: {part.error.text}", markup=False, soft_wrap=True)
    out.print()
    for printed in filter(None, (step.printed for step in part.steps)):
        out.print(printed.rstrip(), markup=False, soft_wrap=True)
    for tensor in part.steps[-1].tensors if part.steps else ():
        grad = "None" if tensor.grad is None else _numbers(tensor.grad)
        place = f"  ({tensor.elsewhere})" if tensor.elsewhere else ""
        line = f"{tensor.name} = {_numbers(tensor.values)}  .grad = {grad}{place}"
        out.print(line, markup=False, soft_wrap=True)
    out.print()


def _environment(a: Run, b: Run, found: Diff, say: Text) -> Table:
    table = Table("", box=None, pad_edge=False)
    for letter, run in (("A", a), ("B", b)):
        name = Line(f"{letter}: {printable(device_name(run))}")
        table.add_column(name, overflow="fold")
    table.add_row(say("diff.field.run"), a.id, b.id)
    table.add_row(say("diff.field.measured"), Line(a.started_utc), Line(b.started_utc))
    for each in around(found):
        values = (Line(printable(value or "–")) for value in (each.a, each.b))
        table.add_row(say(f"diff.field.{each.field}"), *values)
    return table


def _diff_table(title: str, formatted: list[DiffRow], say: Text) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in _DIFF_HEADS:
        # An interval such as (0.4454–2.7712) stays in one piece.
        least = 15 if head == "ratio" else None
        words = say(f"diff.head.{head}")
        table.add_column(words, no_wrap=head == "branch", min_width=least, overflow="fold")
    for row in formatted:
        ratio = f"{row.ratio} ({row.interval})" if row.interval else row.ratio
        word = say(f"diff.verdict.{row.verdict}") if row.verdict else ""
        table.add_row(row.branch, row.time, ratio, word, row.peak)
    return table


def _mode_table(found: modes.Modes, say: Text) -> Table:
    table = Table(title=modes.title(found, say), title_justify="left", box=None)
    for head in _MODE_HEADS:
        table.add_column(say(f"mode.head.{head}"), no_wrap=head == "branch", overflow="fold")
    for each in modes.rows(found, say):
        row = each.row
        ratio = f"{row.ratio} ({row.interval})" if row.interval else row.ratio
        table.add_row(row.branch, row.time, ratio, row.peak, row.saved, each.compile)
    return table


def _notes(formatted: list[Row], say: Text) -> Iterator[str]:
    """Yield what has no column: why a branch has no result, work of a GPU, predictions."""
    predicted: dict[str, list[str]] = {}
    for row in formatted:
        if row.note:
            yield f"{row.branch}: {row.note} {row.message}".rstrip()
        if row.work:
            yield f"{row.branch}: {row.host}; {row.work}"
        if row.predicted:
            predicted.setdefault(row.predicted, []).append(row.branch)
    for words, branches in predicted.items():
        yield say("shell.peak", names=", ".join(branches), words=words)


def _wide(out: Console) -> Console:
    """Return a console for tables: into a file or a pipe they are as wide as they need to be."""
    return out if out.is_terminal else Console(file=out.file, width=_PIPE_WIDTH, highlight=False)


def _table(
    title: str, heads: Sequence[str], formatted: list[Row], baseline: str, say: Text
) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for head in heads:
        words = say(f"table.{head}", baseline=baseline)
        # A number cut short would be another number.
        table.add_column(words, no_wrap=head in ("branch", "gradients"), overflow="fold")
    for row in formatted:
        cells = {
            "branch": row.branch,
            "time": row.time,
            "ratio": f"{row.ratio} ({row.interval})" if row.interval else row.ratio,
            "peak": row.peak,
            "saved": row.saved,
            "live": row.live,
            "ops": row.ops,
            "gradients": "\n".join(group.words for group in row.groups)
            or say(f"status.{row.status}"),
        }
        table.add_row(*[cells[head] for head in heads])
    return table


def _numbers(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"


def printable(text: str) -> str:
    """Leave out what would steer the terminal: a saved run may come from anybody."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
