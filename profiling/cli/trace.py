"""The command trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from profiling.charts.trace import charts, write_chart
from profiling.cli.common import WRITABLE_FOLDER, json_option, out, print_json, say
from profiling.cli.terminal import printable
from profiling.model.errors import InputError
from profiling.model.units import show_bytes, time_unit
from profiling.output import json_data, trace_files
from profiling.output.columns import column, telling
from profiling.output.saved_runs import find_trace
from profiling.traces.cuts import cut_facts, cut_sentences
from profiling.traces.diff import diff_sentences, trace_diff
from profiling.traces.gpu_tables import GPU_TABLES, SHOWN
from profiling.traces.kernel_names import short_names
from profiling.traces.memory import alive_at_peak, memory_devices, memory_facts
from profiling.traces.operators import Selection, operator_groups
from profiling.traces.summary import summary_sentences, trace_summary
from profiling.traces.table import Trace, read_trace
from profiling.traces.timeline import cut, end_s

Span = tuple[float, float]

_ROWS = 20
_NAME_LIMIT = 60
_FEW_ROWS = 10
_PIPE_WIDTH = 240


@click.command("trace")
@click.argument("file")
@click.option("--ops", is_flag=True, help="Show operators and GPU work (the default).")
@click.option("--memory", is_flag=True, help="Show the peak per device and what is live at it.")
@click.option("--diff", "other", metavar="FILE", help="A trace to compare with.")
@click.option(
    "--window",
    "span",
    metavar="A:B",
    help="Only the window from A to B, in ms.",
)
@click.option("--out", "folder", type=WRITABLE_FOLDER, help="Folder for tables and charts.")
@json_option
def read(
    file: str,
    ops: bool,
    memory: bool,
    other: str | None,
    span: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Summarize a trace of torch.profiler.

    FILE is a .json or .json.gz of a CPU or a GPU, or recorded:NAME for one that comes with the
    project; a wrong name lists these.
    """
    limits = None if span is None else _span(span)
    name, trace = _read(file, limits)
    events = trace.events
    against = None if other is None else _read(other, limits)[1].events
    beside = None if against is None else trace_diff(events, against)
    cut = [] if against is None else cut_sentences(cut_facts(events, against), say)
    wants_ops = ops or not (memory or other)
    if as_json:
        print_json(_plain(name, trace, beside, cut, ops=wants_ops, memory=memory))
    else:
        _print_summary(name, trace)
        if wants_ops:
            _print_ops(operator_groups(events))
            _print_tables(events)
        if memory:
            _print_memory(events)
        if beside is not None:
            _print_diff(beside, cut)
    for path in [] if folder is None else _write(trace, limits, beside, folder):
        if not as_json:
            out.print(f"wrote {path}", markup=False, soft_wrap=True)


def _read(file: str, limits: Span | None) -> tuple[str, Trace]:
    """Return a trace, or what of it is between two times, and its file's name."""
    path = find_trace(file)
    try:
        trace = read_trace(path)
    except OSError:
        raise InputError("error.run_missing", file=path.name) from None
    if limits is not None:
        trace = dataclasses.replace(trace, events=cut(trace.events, *limits))
    return path.name, trace


def _span(text: str) -> Span:
    """Read a window such as ``"1.5:3"``, in milliseconds."""
    start, _, end = text.partition(":")
    try:
        limits = float(start) / 1e3, float(end) / 1e3
    except ValueError:
        raise InputError("error.trace_span", text=text) from None
    # Written so that what is no number is refused as well.
    if not (abs(limits[0]) < limits[1] < 1e9):
        raise InputError("error.trace_span", text=text)
    return limits


def _write(
    trace: Trace, limits: Span | None, beside: pd.DataFrame | None, folder: Path
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    span = limits or (0.0, end_s(trace.events))
    paths = [trace_files.write(name, trace, span, folder) for name in trace_files.offered()]
    if beside is not None:
        paths.append(folder / trace_files.DIFF)
        trace_files.write_csv(beside, paths[-1])
    for name, figure in charts(trace, beside, span, say).items():
        paths.append(write_chart(name, figure, folder, alone=False))
    return paths


def _plain(
    name: str,
    trace: Trace,
    beside: pd.DataFrame | None,
    cut: list[str],
    *,
    ops: bool,
    memory: bool,
) -> dict[str, Any]:
    events = trace.events
    found = json_data.trace(name, trace, say) | json_data.trace_summary(trace, say)
    if ops:
        found |= json_data.trace_tables(
            events, operator_groups(events), lambda table: Selection(table, len(table))
        )
    if memory:
        found["memory"] = [
            {
                "device": device,
                **memory_facts(events, device)._asdict(),
                "alive_at_peak": json_data.rows(alive_at_peak(events, device)),
            }
            for device in memory_devices(events)
        ]
    if beside is not None:
        found["diff"] = json_data.rows(beside)
        found["finding"] = diff_sentences(beside, say)
        found["cut"] = cut
    return found


def _print_summary(name: str, trace: Trace) -> None:
    """Print how much there is, and what a person should know of the reading."""
    events = trace.events
    length = end_s(events) - float(events["start_s"].min()) if len(events) else 0.0
    lanes = events.loc[events["duration_s"].notna(), ["process", "thread"]].drop_duplicates()
    summary = say(
        "trace.summary",
        name=printable(name),
        count=f"{len(events):,}",
        length=time_unit([length]).show(length),
        lanes=len(lanes),
    )
    notices = [say(key, **values) for key, values in trace.notices]
    told = summary_sentences(trace_summary(trace), say)
    for line in (summary, *notices, *told):
        out.print(printable(line), markup=False, soft_wrap=True)


def _print_ops(ops: pd.DataFrame) -> None:
    """Print the operators with the most self time."""
    columns = ["name", "count", "self_s", "total_s", "mean_s", "device_s", "allocated_bytes"]
    _print(say("trace.tab.operators"), ops, columns)


def _print_tables(events: pd.DataFrame) -> None:
    """Print the tables that answer a question, of those that have rows."""
    for name, table in GPU_TABLES.items():
        found = table(events)
        if len(found):
            _print(say(f"trace.question.{name}"), found, SHOWN[name], most=_FEW_ROWS)


def _print_memory(events: pd.DataFrame) -> None:
    """Print each device's peak, and what is alive at it."""
    for device in memory_devices(events):
        facts = memory_facts(events, device)
        alive = alive_at_peak(events, device)
        table = alive.assign(kind=[say(f"kind.{kind}") for kind in alive["kind"]])
        title = say("trace.memory.alive", device=device, size=show_bytes(facts.peak_bytes))
        shown = pd.DataFrame(
            {
                "name": table["op"],
                "kind": table["kind"],
                "count": table["count"],
                "allocated_bytes": table["bytes"],
            }
        )
        _print(title, shown, [str(name) for name in shown])
    if not memory_devices(events):
        out.print(say("trace.memory.none"), markup=False, soft_wrap=True)


def _print_diff(diff: pd.DataFrame, cut: list[str]) -> None:
    """Print what differs: the rows first that explain it, then sentences."""
    columns = ["name", "count_a", "count_b", "self_s_a", "self_s_b", "change_s"]
    short = short_names(diff.loc[diff["category"] != "cpu_op", "name"])
    shown = diff.assign(name=diff["name"].map(lambda name: short.get(name, name)))
    _print(say("trace.tab.diff"), shown, columns)
    for sentence in (*cut, *diff_sentences(diff, say), say("trace.diff.caveat")):
        out.print(printable(sentence), markup=False, soft_wrap=True)


def _print(title: str, table: pd.DataFrame, columns: Sequence[str], most: int = _ROWS) -> None:
    known = telling(table, columns)
    drawn = Table(box=None, pad_edge=False)
    shown = table.head(most)
    found = [column(shown, name, say) for name in known]
    for each in found:
        drawn.add_column(each.heading, justify="left" if each.is_text else "right")
    for cells in zip(*(each.cells for each in found), strict=True):
        drawn.add_row(*map(Line, map(_fitted, cells)))
    wide = out if out.is_terminal else Console(file=out.file, width=_PIPE_WIDTH, highlight=False)
    out.print(title, style="italic", soft_wrap=True)
    wide.print(drawn)
    if len(table) > len(shown):
        out.print(say("trace.shell.more", count=f"{len(table) - len(shown):,}"), soft_wrap=True)
    out.print()


def _fitted(cell: str) -> str:
    """Return what fits of a text; both ends tell names apart."""
    plain = printable(cell)
    if len(plain) <= _NAME_LIMIT:
        return plain
    half = (_NAME_LIMIT - 1) // 2
    return f"{plain[: _NAME_LIMIT - 1 - half]}…{plain[-half:]}"
