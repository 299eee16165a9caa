"""Tables of a trace as people read them: headings with a unit, numbers in it, names folded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from profiling.model.words import Text
from profiling.output.columns import column

_TEXT_LIMIT = 1000
_NAME_LIMIT = 60
# Columns that are not shown: the number of an event of the row, and the whole name of the row where
# its first column has a short one.
EVENT = "longest_event"
WHOLE = "whole"


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


def sheet(table: pd.DataFrame, text: Text, names: Iterable[str] | None = None) -> Sheet:
    """Return a table with translated headings, each column in one unit.

    Args:
        table: Columns as `profiling.output.columns.column` takes them; `EVENT` is what a row leads
            to, and `WHOLE` its whole name.
        text: Translator.
        names: The columns to show; all of them unless given.
    """
    events, wholes = table.get(EVENT), table.get(WHOLE)
    shown = [str(name) for name in (table if names is None else names)]
    shown = [name for name in shown if name not in (EVENT, WHOLE)]
    found = [_column(table, name, text) for name in shown]
    if wholes is not None:
        heading, cells = found[0]
        found[0] = heading, [_short(*pair) for pair in zip(cells, wholes, strict=True)]
    numbers = [None] * len(table) if events is None else [_int(each) for each in events]
    cells_of_rows = [list(row) for row in zip(*(cells for _, cells in found), strict=True)]
    rows = [SheetRow(row, event) for row, event in zip(cells_of_rows, numbers, strict=True)]
    return Sheet([heading for heading, _ in found], rows)


def _column(table: pd.DataFrame, name: str, text: Text) -> tuple[Column, list[Cell]]:
    found = column(table, name, text)
    if found.is_text:
        return Column(found.heading, False), [_text(cell) for cell in found.cells]
    values = [None if pd.isna(each) else float(each) for each in table[name]]
    cells = [Cell(*pair) for pair in zip(found.cells, values, strict=True)]
    return Column(found.heading, True), cells


def _text(cell: str) -> Cell:
    whole = cell[:_TEXT_LIMIT]
    return Cell(whole) if len(whole) <= _NAME_LIMIT else Cell(_folded(whole), None, whole)


def _short(cell: Cell, whole: object) -> Cell:
    """Return a cell with a short name, and the whole one beside it if it is another."""
    short = cell.whole or cell.shown
    if pd.isna(whole) or str(whole) == short:  # type: ignore[call-overload]
        return cell
    return Cell(short, None, str(whole)[:_TEXT_LIMIT])


def _folded(name: str) -> str:
    return f"{name[: _NAME_LIMIT - 1]}…"


def _int(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]
