"""Table values as figures take them: plain numbers in one unit, harmless text, rows as dicts."""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterable
from typing import Any

import pandas as pd

from profiling.units import Unit

Row = dict[Hashable, Any]


def rows_of(table: pd.DataFrame) -> list[Row]:
    """Return a table's rows in order, by column name."""
    return table.to_dict("records")


def number(value: Any) -> float | None:
    """Return a cell's number; None where the table has none."""
    return None if pd.isna(value) else float(value)


def scaled(values: Iterable[Any], unit: Unit) -> list[float | None]:
    """Return values in a unit, to six digits, None where there is none."""
    numbers = (number(value) for value in values)
    return [None if each is None else float(f"{each / unit.factor:.6g}") for each in numbers]


def is_right(row: Row) -> bool:
    """Tell whether a branch was measured and gave exactly the right gradients."""
    return row["status"] == "ok" and number(row["gradients_right"]) == 1


def is_wrong(row: Row) -> bool:
    """Tell whether a branch's gradients are known to differ from those it should give."""
    return number(row["gradients_right"]) == 0


def escaped(value: object, limit: int = 0) -> str:
    """Return text that plotly shows as it stands, instead of as HTML.

    Args:
        value: The text, from anywhere.
        limit: Most characters to keep, by leaving out the middle; 0 keeps all.

    Example:
        >>> escaped("<b>a & b</b>"), escaped("autograd::engine::AddmmBackward0", 20)
        ('&lt;b&gt;a &amp; b&lt;/b&gt;', 'autograd…mmBackward0')
    """
    plain = str(value)
    if 0 < limit < len(plain):
        tail = (limit - 1) * 3 // 5
        plain = f"{plain[: limit - 1 - tail]}…{plain[-tail:]}"
    # A "%{" would be a placeholder where the text ends up in a hover template.
    return html.escape(plain, quote=False).replace("%{", "&#37;{")


def branch_label(row: Row) -> str:
    """Return a branch's name, marked when its gradients are not the right ones."""
    return escaped(row["branch"]) + (" ⚠" if is_wrong(row) else "")
