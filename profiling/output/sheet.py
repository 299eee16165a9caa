"""Tables of a trace as people read them: headings with a unit, numbers in it, names folded."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from profiling.model.units import Unit
from profiling.model.words import Text

# The same unit in all tables; the resolution of the profiler's clock is a nanosecond.
_UNITS = {"_s": Unit("µs", 1e-6), "_bytes": Unit("KiB", 2**10), "_share": Unit("%", 0.01)}
_DIGITS = 3
_TEXT_LIMIT = 1000
_NAME_LIMIT = 60
# The column with the number of an event of the row, and those whose numbers only name something.
EVENT = "longest_event"
_LABELS = ("device", "stream", "step")


class Cell(NamedTuple):
    """A cell.

    Attributes:
        shown: What is read in it; empty if the value is unknown.
        value: The number to sort by; None for a text and for what is unknown.
        whole: The whole text, if only a part of it is shown.
    """

    shown: str
    value: float | None = None
    whole: str = ""


class Column(NamedTuple):
    """A heading, with its unit if it has one, and whether there are numbers below it."""

    heading: str
    is_number: bool


class SheetRow(NamedTuple):
    """A row, and the number of an event to be shown for it if there is one."""

    cells: list[Cell]
    event: int | None


class Sheet(NamedTuple):
    """A table.

    Attributes:
        columns: The first one names the row.
        rows: With a cell for each column.
    """

    columns: list[Column]
    rows: list[SheetRow]


def sheet(table: pd.DataFrame, text: Text) -> Sheet:
    """Return a table with translated headings, with seconds in µs, bytes in KiB and shares in %.

    Args:
        table: Columns ending in ``_s``, ``_bytes`` and ``_share`` have SI units. The column `EVENT`
            is not shown; it is what a row leads to.
        text: Translator.
    """
    events = table.get(EVENT)
    shown = table.drop(columns=EVENT, errors="ignore")
    found = [_column(str(name), shown[name], text) for name in shown]
    numbers = [None] * len(table) if events is None else [_int(each) for each in events]
    cells = [list(row) for row in zip(*(cells for _, cells in found), strict=True)]
    rows = [SheetRow(row, event) for row, event in zip(cells, numbers, strict=True)]
    return Sheet([column for column, _ in found], rows)


def _column(name: str, values: pd.Series, text: Text) -> tuple[Column, list[Cell]]:
    heading = text(f"trace.column.{name}")
    kind = name.removesuffix("_a").removesuffix("_b")
    unit = next((unit for end, unit in _UNITS.items() if kind.endswith(end)), None)
    if unit is not None:
        scaled = [None if pd.isna(each) else float(each) / unit.factor for each in values]
        return Column(f"{heading} ({unit.symbol})", True), _numbers(scaled)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        plain = [None if pd.isna(each) else float(each) for each in values]
        if kind in _LABELS:
            return Column(heading, True), [
                Cell("") if each is None else Cell(f"{each:.0f}", each) for each in plain
            ]
        return Column(heading, True), _numbers(plain, digits=0)
    return Column(heading, False), [_text(each) for each in values]


def _numbers(values: list[float | None], digits: int = _DIGITS) -> list[Cell]:
    """Return numbers with as many decimals each, fewer where they are large."""
    largest = max((abs(each) for each in values if each is not None), default=0.0)
    digits = min(digits, 1 if largest >= 10_000 else _DIGITS)
    return [Cell("") if each is None else Cell(f"{each:,.{digits}f}", each) for each in values]


def _text(value: object) -> Cell:
    if pd.isna(value):  # type: ignore[call-overload]
        return Cell("")
    whole = str(value)[:_TEXT_LIMIT]
    return Cell(whole) if len(whole) <= _NAME_LIMIT else Cell(_folded(whole), None, whole)


def _folded(name: str) -> str:
    return f"{name[: _NAME_LIMIT - 1]}…"


def _int(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]
