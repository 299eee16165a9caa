"""Writes a run's files: tables as CSV, everything as one archive."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from profiling import columns, tables
from profiling.records import Run
from profiling.statistics import summary
from profiling.storage import save_run

ARCHIVE = "detach-lab-run.zip"
README = "README.md"
RUN = "run.json"

# A spreadsheet would take a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export(run: Run, folder: Path, text: columns.Text) -> dict[str, Path]:
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
        ordered = harmless(frame.reindex(columns=list(columns.FILES[name][1])))
        # With this line end, which CSV's standard asks for, a lone carriage return is quoted.
        write = functools.partial(ordered.to_csv, index=False, lineterminator="\r\n")
        replace_file(paths[name], write)
    replace_file(paths[RUN], lambda path: save_run(run, path))
    replace_file(
        paths[README], lambda path: path.write_text(columns.readme(text), encoding="utf-8")
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
