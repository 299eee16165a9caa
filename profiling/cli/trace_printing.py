"""Prints what the shell shows of a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from profiling.analysis.trace_findings import diff_sentences
from profiling.cli.terminal import printable
from profiling.model.units import show_bytes, time_unit
from profiling.model.words import Text
from profiling.traces.memory import alive_at_peak, memory_devices, memory_facts
from profiling.traces.table import Trace
from profiling.traces.timeline import end_s

_ROWS = 20
_NAME_LIMIT = 60
_PIPE_WIDTH = 150


def print_summary(name: str, trace: Trace, out: Console, say: Text) -> None:
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
    for line in (summary, *notices):
        out.print(line, markup=False, soft_wrap=True)


def print_ops(ops: pd.DataFrame, kernels: pd.DataFrame, out: Console, say: Text) -> None:
    """Print the operators with the most self time, and the GPU work with the most time."""
    columns = ["name", "count", "self_s", "total_s", "mean_s", "device_s", "allocated_bytes"]
    _print(say("trace.tab.operators"), ops, columns, out, say)
    if len(kernels):
        columns = ["name", "count", "total_s", "mean_s", "launch_s", "queue_s"]
        _print(say("trace.shell.gpu"), kernels, columns, out, say)


def print_memory(events: pd.DataFrame, out: Console, say: Text) -> None:
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
        _print(title, shown, [str(name) for name in shown], out, say)
    if not memory_devices(events):
        out.print(say("trace.memory.none"), markup=False, soft_wrap=True)


def print_diff(diff: pd.DataFrame, out: Console, say: Text) -> None:
    """Print what differs: the rows first that explain it, then sentences."""
    columns = ["name", "count_a", "count_b", "self_s_a", "self_s_b", "change_s"]
    _print(say("trace.tab.diff"), diff, columns, out, say)
    for sentence in (*diff_sentences(diff, say), say("trace.diff.caveat")):
        out.print(printable(sentence), markup=False, soft_wrap=True)


def _print(
    title: str, table: pd.DataFrame, columns: Sequence[str], out: Console, say: Text
) -> None:
    known = [name for name in columns if name == "name" or table[name].notna().any()]
    drawn = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in known:
        is_text = name in ("name", "kind")
        drawn.add_column(say(f"trace.column.{name}"), justify="left" if is_text else "right")
    shown = table[known].head(_ROWS)
    for row in shown.itertuples(index=False):
        cells = [_cell(name, value) for name, value in zip(known, row, strict=True)]
        drawn.add_row(*map(Line, cells))
    wide = out if out.is_terminal else Console(file=out.file, width=_PIPE_WIDTH, highlight=False)
    wide.print(drawn)
    if len(table) > len(shown):
        out.print(say("trace.shell.more", count=f"{len(table) - len(shown):,}"), soft_wrap=True)
    out.print()


def _cell(column: str, value: Any) -> str:
    if pd.isna(value):
        return ""
    kind = column.removesuffix("_a").removesuffix("_b")
    if kind.endswith("_s"):
        seconds = float(value)
        return time_unit([seconds]).show(seconds)
    if kind.endswith("_bytes"):
        return show_bytes(float(value))
    if isinstance(value, str):
        plain = printable(value)
        return plain if len(plain) <= _NAME_LIMIT else f"{plain[: _NAME_LIMIT - 1]}…"
    return f"{value:,}"
