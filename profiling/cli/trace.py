"""The command trace."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import pandas as pd

from profiling.analysis.trace_findings import diff_sentences
from profiling.charts.of_trace import charts, write_chart
from profiling.cli.output import json_option, out, print_json, say
from profiling.cli.trace_printing import print_diff, print_memory, print_ops, print_summary
from profiling.model.errors import InputError
from profiling.output import csv, json_data
from profiling.output.saved_runs import find_trace
from profiling.traces.diff import trace_diff
from profiling.traces.memory import alive_at_peak, memory_devices, memory_facts
from profiling.traces.operators import kernels, operator_groups
from profiling.traces.table import Trace, read_trace
from profiling.traces.timeline import end_s, window

Span = tuple[float, float]


@click.command("trace")
@click.argument("file")
@click.option("--ops", is_flag=True, help="Operators and GPU work; shown unless another is asked.")
@click.option("--memory", is_flag=True, help="Peak by device, and what is alive at it.")
@click.option("--diff", "other", metavar="FILE", help="A trace to lay beside.")
@click.option(
    "--window",
    "span",
    metavar="A:B",
    help="Only from A to B, in ms, of each trace.",
)
@click.option("--out", "folder", type=click.Path(path_type=Path), help="For tables and charts.")
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
    """Read the trace FILE of torch.profiler: .json or .json.gz, of a CPU or a GPU.

    recorded:NAME is a trace that comes with the project; a wrong name lists them.
    """
    limits = None if span is None else _span(span)
    name, trace = _read(file, limits)
    events = trace.events
    beside = None if other is None else trace_diff(events, _read(other, limits)[1].events)
    wants_ops = ops or not (memory or other)
    if as_json:
        print_json(_plain(trace, beside, ops=wants_ops, memory=memory))
    else:
        print_summary(name, trace, out, say)
        if wants_ops:
            print_ops(operator_groups(events), kernels(events), out, say)
        if memory:
            print_memory(events, out, say)
        if beside is not None:
            print_diff(beside, out, say)
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
        trace = dataclasses.replace(trace, events=window(trace.events, *limits))
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
    paths = [csv.write(name, trace, span, folder) for name in csv.offered()]
    if beside is not None:
        paths.append(folder / csv.DIFF)
        csv.write_csv(beside, paths[-1])
    for name, figure in charts(trace, beside, span, say).items():
        paths.append(write_chart(name, figure, folder, alone=False))
    return paths


def _plain(trace: Trace, beside: pd.DataFrame | None, *, ops: bool, memory: bool) -> dict[str, Any]:
    events = trace.events
    found = json_data.trace(trace, events, say)
    if ops:
        found["ops"] = json_data.rows(operator_groups(events))
        found["kernels"] = json_data.rows(kernels(events))
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
    return found
