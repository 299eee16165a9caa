"""Columns of tables for people: a heading with the unit, and each value in that unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from profiling.model.units import Unit, byte_unit, show_column, show_share, time_unit
from profiling.model.words import Text
from profiling.traces.kernel_table import CONFIGURATION

_RATE = Unit("GB/s", 1e9)
# Numbers that only name something.
_LABELS = ("device", "stream", "step")
# Shown even if they are empty.
_ALWAYS = ("name", "device")


class Column(NamedTuple):
    """A column to show.

    Attributes:
        heading: Its name in the reader's language, with the unit.
        cells: A text for each row; empty where the value is.
        is_text: Whether the values are texts and not numbers.
    """

    heading: str
    cells: list[str]
    is_text: bool


def column(table: pd.DataFrame, name: str, text: Text) -> Column:
    """Return a column of a table as it is shown: in one unit, with thousands separated.

    Args:
        table: Columns that end in ``_s``, ``_bytes``, ``_bytes_per_s``, ``share`` and ``_pct`` have
            SI units, bytes, bytes per second, shares and percent; ``_a`` and ``_b`` may follow.
        name: One of its columns.
        text: Translator; it has `trace.column.NAME`.
    """
    heading, values = text(f"trace.column.{name}"), table[name]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return Column(heading, _texts(table, name, text), is_text=True)
    numbers = [None if pd.isna(value) else float(value) for value in values]
    kind = name.removesuffix("_a").removesuffix("_b")
    unit = _unit(kind, [*numbers, *_beside(table, name)])
    if unit is not None:
        return Column(f"{heading} ({unit.symbol})", show_column(numbers, unit), is_text=False)
    if kind.endswith("share"):
        cells = ["" if value is None else show_share(value) for value in numbers]
    elif kind.endswith("_pct"):
        cells = ["" if value is None else show_share(value / 100) for value in numbers]
    else:
        pattern = "{:.0f}" if name in _LABELS else "{:,.0f}"
        cells = ["" if value is None else pattern.format(value) for value in numbers]
    if name in CONFIGURATION:
        cells = _several(cells, table, name, text)
    return Column(heading, cells, is_text=False)


def telling(table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return which of some columns of a table are worth their place."""
    return [name for name in names if name in _ALWAYS or tells(table, name)]


def tells(table: pd.DataFrame, name: str) -> bool:
    """Return whether a column has anything to show, and not only causes that never occurred."""
    if name.endswith("_wait_s"):
        return bool(table[name].any())
    if name in CONFIGURATION and "varies" in table and table["varies"].str.contains(name).any():
        return True
    return bool(table[name].notna().any())


def _beside(table: pd.DataFrame, name: str) -> list[float | None]:
    """Return the values of the same column of the other trace, which has the same unit."""
    ends = {"_a": "_b", "_b": "_a"}
    other = f"{name[:-2]}{ends.get(name[-2:], '')}"
    if name[-2:] not in ends or other not in table:
        return []
    return [None if pd.isna(value) else float(value) for value in table[other]]


def _unit(kind: str, numbers: list[float | None]) -> Unit | None:
    if kind.endswith("_bytes_per_s"):
        return _RATE
    if kind.endswith("_s"):
        return time_unit(numbers)
    if kind.endswith("_bytes") and kind not in CONFIGURATION:
        return byte_unit(numbers)
    return None


def _texts(table: pd.DataFrame, name: str, text: Text) -> list[str]:
    cells = ["" if pd.isna(value) else str(value) for value in table[name]]
    return _several(cells, table, name, text) if name in CONFIGURATION else cells


def _several(cells: list[str], table: pd.DataFrame, name: str, text: Text) -> list[str]:
    """Say where kernels of one name were launched in several ways."""
    if "varies" not in table:
        return cells
    return [
        text("trace.several") if name in str(varies).split(",") else cell
        for cell, varies in zip(cells, table["varies"], strict=True)
    ]
