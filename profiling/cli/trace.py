"""The command trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
import pandas as pd

from profiling import trace_export
from profiling.cli.output import json_option, out, print_json, say
from profiling.cli.trace_printing import print_diff, print_memory, print_ops, print_summary
from profiling.errors import InputError
from profiling.trace_report import diff_sentences
from profiling.traces.kernels import kernels
from profiling.traces.load import Trace, read_trace
from profiling.traces.memory import memory_devices, memory_facts
from profiling.traces.operators import operator_groups
from profiling.traces.peak import alive_at_peak
from profiling.traces.trace_diff import trace_diff
from profiling.traces.window import window

Span = tuple[float, float]


@click.command("trace")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--ops", is_flag=True, help="Operators and GPU work; shown unless another is asked.")
@click.option("--memory", is_flag=True, help="Peak by device, and what is alive at it.")
@click.option("--diff", "other", type=click.Path(path_type=Path), help="A trace to lay beside.")
@click.option("--window", "span", metavar="A:B", help="Only from A to B, in ms from the start.")
@click.option("--out", "folder", type=click.Path(path_type=Path), help="Folder for all files.")
@json_option
def read(
    file: Path,
    ops: bool,
    memory: bool,
    other: Path | None,
    span: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Read the trace FILE of torch.profiler: .json or .json.gz, of a CPU or a GPU."""
    trace = _read(file)
    whole = (0.0, _end_s(trace.events))
    limits = whole if span is None else _span(span)
    events = trace.events if span is None else window(trace.events, *limits)
    beside = None if other is None else trace_diff(events, _read(other).events)
    wants_ops = ops or not (memory or other)
    if as_json:
        print_json(_plain(trace, events, beside, ops=wants_ops, memory=memory))
    else:
        print_summary(file.name, trace, events, out, say)
        if wants_ops:
            print_ops(operator_groups(events), kernels(events), out, say)
        if memory:
            print_memory(events, out, say)
        if beside is not None:
            print_diff(beside, out, say)
    for path in [] if folder is None else _write(trace, limits, beside, folder):
        if not as_json:
            out.print(f"wrote {path}", markup=False, soft_wrap=True)


def _read(file: Path) -> Trace:
    try:
        return read_trace(file)
    except OSError:
        raise InputError("error.run_missing", file=file.name) from None


def _end_s(events: pd.DataFrame) -> float:
    ends = events["start_s"] + events["duration_s"].fillna(0.0)
    return float(ends.max()) if len(ends) else 0.0


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


def _write(trace: Trace, span: Span, beside: pd.DataFrame | None, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [trace_export.write(name, trace, span, folder) for name in trace_export.offered()]
    if beside is not None:
        paths.append(folder / trace_export.DIFF)
        trace_export.write_csv(beside, paths[-1])
    return paths


def _plain(
    trace: Trace, events: pd.DataFrame, beside: pd.DataFrame | None, *, ops: bool, memory: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "events": len(events),
        "end_s": _end_s(events),
        "start_unix_s": trace.start_unix_s,
        "kinds": sorted(trace.kinds),
        "ranks": list(trace.ranks),
        "notices": [say(key, **values) for key, values in trace.notices],
    }
    if ops:
        found["ops"] = _records(operator_groups(events))
        found["kernels"] = _records(kernels(events))
    if memory:
        found["memory"] = [
            {
                "device": device,
                **memory_facts(events, device)._asdict(),
                "alive_at_peak": _records(alive_at_peak(events, device)),
            }
            for device in memory_devices(events)
        ]
    if beside is not None:
        found["diff"] = _records(beside)
        found["finding"] = diff_sentences(beside, say)
    return found


def _records(table: pd.DataFrame) -> Any:
    # The default of ten decimals would take the nanoseconds of a long sum.
    return msgspec.json.decode(table.to_json(orient="records", double_precision=12))
