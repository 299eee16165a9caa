"""Writes what a trace says as files: tables, a window as a Chrome trace."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from profiling.analysis import metrics, tables
from profiling.analysis.statistics import summary
from profiling.model.run import Run
from profiling.output.saved_runs import save_run
from profiling.traces.memory import memory_curve, memory_devices
from profiling.traces.operators import kernels, operator_groups
from profiling.traces.phases import steps
from profiling.traces.table import Trace
from profiling.traces.timeline import chrome_trace, window

ARCHIVE = "detach-lab-run.zip"
README = "README.md"
RUN = "run.json"

# A spreadsheet would take a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export(run: Run, folder: Path, text: metrics.Text) -> dict[str, Path]:
    """Write every file of a run and an archive of them all.

    Args:
        run: The run; it may be incomplete.
        folder: The run's folder, with its traces; files are written beside them.
        text: Says a locale key, for the README.

    Returns:
        Path by file name: the CSV files, ``run.json``, ``README.md`` and the archive.
    """
    frames = {
        "summary.csv": _with_environment(_explained(summary(run)), run),
        "samples.csv": _with_environment(tables.samples(run), run),
        "trace_events.csv": tables.trace_events(run, folder),
    }
    paths = {name: folder / name for name in (*frames, RUN, README, ARCHIVE)}
    for name, frame in frames.items():
        ordered = harmless(frame.reindex(columns=list(metrics.FILES[name][1])))
        # With this line end, which CSV's standard asks for, a lone carriage return is quoted.
        write = functools.partial(ordered.to_csv, index=False, lineterminator="\r\n")
        replace_file(paths[name], write)
    replace_file(paths[RUN], lambda path: save_run(run, path))
    replace_file(
        paths[README], lambda path: path.write_text(metrics.readme(text), encoding="utf-8")
    )
    members = {name: path for name, path in paths.items() if name != ARCHIVE}
    members |= {path.relative_to(folder).as_posix(): path for path in trace_files(run, folder)}
    replace_file(paths[ARCHIVE], lambda path: _write_archive(members, path))
    return paths


def trace_files(run: Run, folder: Path) -> list[Path]:
    """Return the Chrome traces of a run, in order of cell and branch."""
    return [
        folder / result.trace
        for finished in run.results
        for result in finished.results
        if result.trace is not None
    ]


def _explained(table: pd.DataFrame) -> pd.DataFrame:
    """Put our reason where there is no error text."""
    if table.empty:
        return table
    return table.assign(message=table["message"].where(table["message"] != "", table["reason"]))


def _with_environment(table: pd.DataFrame, run: Run) -> pd.DataFrame:
    return table.assign(**tables.environment(run))


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """Quote texts of a table that a spreadsheet would run as a formula."""
    return table.apply(_harmless_column)


def _harmless_column(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.map(
        lambda value: f"'{value}" if _is_formula(value) else value,
        na_action="ignore",
    )


def _is_formula(value: object) -> bool:
    # A column that has texts may have numbers as well, and a number below 0 stays one.
    return isinstance(value, str) and value.startswith(_FORMULA_STARTS)


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and then replace it, so that a failure leaves nothing half done.

    Args:
        path: The target.
        write: Writes the file that it is given.

    Raises:
        OSError: It cannot be written; the target is as it was.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_archive(members: dict[str, Path], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.write(member, name)


EVENTS = "trace_events.csv"
PARQUET = "trace_events.parquet"
WINDOW = "window.json.gz"
DIFF = "trace_diff.csv"

_TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    EVENTS: lambda events: events,
    "ops.csv": lambda events: operator_groups(events, "shapes"),
    "kernels.csv": kernels,
    "memory.csv": lambda events: _memory(events),
    "steps.csv": steps,
}


def offered() -> tuple[str, ...]:
    """Return the names of the files that `write` knows; Parquet only where pyarrow is there."""
    parquet = (PARQUET,) if importlib.util.find_spec("pyarrow") else ()
    return (*_TABLES, *parquet, WINDOW)


def write(name: str, trace: Trace, span: tuple[float, float], folder: Path) -> Path:
    """Write one file.

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
    """Write a table so that no spreadsheet takes a name in it for a formula."""
    write = functools.partial(harmless(table).to_csv, index=False, lineterminator="\r\n")
    replace_file(path, write)


def _memory(events: pd.DataFrame) -> pd.DataFrame:
    curves = [
        memory_curve(events, device).assign(device=device) for device in memory_devices(events)
    ]
    columns = ["device", "time_s", "change_bytes", "live_bytes"]
    return pd.concat(curves)[columns] if curves else pd.DataFrame(columns=columns)
