"""Writes files of a trace: tables, and a window as a Chrome trace."""

from __future__ import annotations

import functools
import gzip
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from profiling.output.run_files import harmless, replace_file
from profiling.traces.gpu_tables import GPU_TABLES
from profiling.traces.memory import memory_curve, memory_devices
from profiling.traces.operators import operator_groups
from profiling.traces.phases import steps
from profiling.traces.table import Trace
from profiling.traces.timeline import chrome_trace, window

EVENTS = "trace_events.csv"
PARQUET = "trace_events.parquet"
WINDOW = "window.json.gz"
DIFF = "trace_diff.csv"

_TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    EVENTS: lambda events: events,
    "ops.csv": lambda events: operator_groups(events, "shapes"),
    **{f"{name}.csv": table for name, table in GPU_TABLES.items()},
    "memory.csv": lambda events: _memory(events),
    "steps.csv": steps,
}


def offered() -> tuple[str, ...]:
    """Return the names that `write` accepts; Parquet only if pyarrow is installed."""
    parquet = (PARQUET,) if importlib.util.find_spec("pyarrow") else ()
    return (*_TABLES, *parquet, WINDOW)


def write(name: str, trace: Trace, span: tuple[float, float], folder: Path) -> Path:
    """Write one file of a trace.

    Args:
        name: One of `offered`.
        trace: The trace.
        span: First and last second of the window.
        folder: An existing folder; a file of that name there is replaced.
    """
    path = folder / name
    if name == WINDOW:
        part = window(trace.events, *span)
        data = chrome_trace(part, trace.process_names, trace.thread_names)
        replace_file(path, lambda part: part.write_bytes(gzip.compress(data, mtime=0)))
    elif name == PARQUET:
        replace_file(path, trace.events.to_parquet)
    else:
        write_csv(_TABLES[name](trace.events), path)
    return path


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, with texts quoted that a spreadsheet would read as formulas."""
    write = functools.partial(harmless(table).to_csv, index=False, lineterminator="\r\n")
    replace_file(path, write)


def _memory(events: pd.DataFrame) -> pd.DataFrame:
    curves = [
        memory_curve(events, device).assign(device=device) for device in memory_devices(events)
    ]
    columns = ["device", "time_s", "change_bytes", "live_bytes"]
    return pd.concat(curves)[columns] if curves else pd.DataFrame(columns=columns)
