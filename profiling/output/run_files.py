"""Writes the files of a run: CSV tables, a README of their columns, and an archive of all files."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from profiling.analysis import tables
from profiling.analysis.analysis import Analysis
from profiling.analysis.statistics import SUMMARY
from profiling.model.metrics import METRICS
from profiling.model.words import Text
from profiling.output.saved_runs import RUN, save_run
from profiling.traces.table import COLUMNS

ARCHIVE = "detach-lab-run.zip"
README = "README.md"

# Spreadsheets read cells that start with these as formulas.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class File(NamedTuple):
    """A CSV file of a run.

    Attributes:
        columns: Locale key of the description of each column, in order.
        rows: Locale key of the description of a row.
        table: Returns the rows, with these columns in any order.
    """

    columns: dict[str, str]
    rows: str
    table: Callable[[Analysis], pd.DataFrame]


def _column_keys(area: str, names: Iterable[str]) -> dict[str, str]:
    return {name: f"column.{area}.{name}" for name in names}


_KEY = _column_keys("key", tables.KEY)
_STATUS = _column_keys("status", ("status", "message"))
_SUMMARY = _column_keys("summary", (column.name for column in SUMMARY))
_SAMPLES = _column_keys("samples", tables.SAMPLES)
_EVENTS = _column_keys("event", COLUMNS)
_ENVIRONMENT = _column_keys("environment", tables.ENVIRONMENT)

FILES = {
    "summary.csv": File(
        {**_KEY, **_STATUS, **_SUMMARY, **_ENVIRONMENT},
        "readme.rows.summary",
        lambda analysis: tables.with_environment(_with_reasons(analysis.summary), analysis.run),
    ),
    "samples.csv": File(
        {**_KEY, **_SAMPLES, **_STATUS, **_ENVIRONMENT},
        "readme.rows.samples",
        lambda analysis: tables.with_environment(tables.samples(analysis.run), analysis.run),
    ),
    "trace_events.csv": File(
        {**_KEY, **_EVENTS},
        "readme.rows.trace_events",
        lambda analysis: tables.trace_events(analysis.run, analysis.folder),
    ),
}
# All files of a run; the last one contains the others and the traces.
NAMES = (*FILES, RUN, README, ARCHIVE)


def write(name: str, analysis: Analysis, folder: Path, text: Text) -> Path:
    """Write one file of a run.

    Args:
        name: One of `NAMES`.
        analysis: The run; it may be incomplete.
        folder: An existing folder.
        text: Translator, for the README.

    Returns:
        The path of the file.

    Raises:
        OSError: It cannot be written; an existing file is unchanged.
    """
    path = folder / name
    if name == ARCHIVE:
        with tempfile.TemporaryDirectory(dir=folder) as inner:
            return _archive(_members(analysis, Path(inner), text), analysis, path)
    writing: dict[str, Callable[[Path], object]] = {
        RUN: lambda part: save_run(analysis.run, part),
        README: lambda part: part.write_text(readme(text), encoding="utf-8"),
    }
    replace_file(path, writing.get(name) or (lambda part: _write_csv(name, analysis, part)))
    return path


def export(analysis: Analysis, folder: Path, text: Text) -> dict[str, Path]:
    """Write all files of a run.

    Args:
        analysis: The run; it may be incomplete.
        folder: An existing folder.
        text: Translator, for the README.

    Returns:
        Path by file name, in the order of `NAMES`.
    """
    members = _members(analysis, folder, text)
    return {**members, ARCHIVE: _archive(members, analysis, folder / ARCHIVE)}


def trace_files(analysis: Analysis) -> list[Path]:
    """Return the Chrome traces of a run, in order of cell and branch."""
    return [
        analysis.folder / result.trace
        for finished in analysis.run.results
        for result in finished.results
        if result.trace is not None
    ]


def readme(text: Text) -> str:
    """Return the description of all files and columns as Markdown."""
    parts = [text("readme.introduction") + "\n"]
    for name, file in FILES.items():
        table = _markdown_table(file.columns, text("readme.column"), text)
        parts.append(f"## {name}\n\n{text(file.rows)}\n\n{table}")
    metrics = _markdown_table(_column_keys("metric", METRICS), text("readme.metric"), text)
    parts.append(f"## {text('readme.metrics')}\n\n{metrics}")
    return "\n".join(parts)


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """Quote the texts of a table that a spreadsheet would read as formulas."""
    return table.apply(_harmless_column)


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a temporary file and move it to the target, so that the target is never incomplete.

    Args:
        path: The target.
        write: Writes the file whose path it is given.

    Raises:
        OSError: It cannot be written; the target is unchanged.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_csv(name: str, analysis: Analysis, path: Path) -> None:
    file = FILES[name]
    table = harmless(file.table(analysis)[[*file.columns]])
    # With this line ending, the one of the CSV standard, a single carriage return is quoted.
    table.to_csv(path, index=False, lineterminator="\r\n")


def _members(analysis: Analysis, folder: Path, text: Text) -> dict[str, Path]:
    """Write all files of the archive except for the traces."""
    return {name: write(name, analysis, folder, text) for name in NAMES if name != ARCHIVE}


def _archive(members: dict[str, Path], analysis: Analysis, path: Path) -> Path:
    traces = {
        trace.relative_to(analysis.folder).as_posix(): trace for trace in trace_files(analysis)
    }

    def pack(part: Path) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, member in (members | traces).items():
                archive.write(member, name)

    replace_file(path, pack)
    return path


def _markdown_table(keys: dict[str, str], head: str, text: Text) -> str:
    lines = [f"| `{name}` | {text(key)} |" for name, key in keys.items()]
    return "\n".join([f"| {head} | {text('readme.meaning')} |", "|---|---|", *lines]) + "\n"


def _with_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Fill empty messages with the reason of the status."""
    return table.assign(message=table["message"].where(table["message"] != "", table["reason"]))


def _harmless_column(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.map(
        lambda value: f"'{value}" if _is_formula(value) else value, na_action="ignore"
    )


def _is_formula(value: object) -> bool:
    # A column with texts may contain numbers, too, and negative numbers are not quoted.
    return isinstance(value, str) and value.startswith(_FORMULA_STARTS)
