"""The tables behind the charts of a comparison, for who reads numbers or cannot see charts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from demos.locales import Text
from demos.tabs import views
from profiling.charts.values import Row, number, rows_of
from profiling.units import show_bytes, time_unit

_MOST_OPERATORS = 30
_NOTHING = "–"


class Sheet(NamedTuple):
    """A table as the page shows it: the first column names each row.

    Attributes:
        branches: Whether the rows are named by branches, which have marks.
    """

    title: str
    heads: list[str]
    rows: list[list[str]]
    branches: bool = True


def behind(
    summary: pd.DataFrame,
    parts: pd.DataFrame,
    curves: pd.DataFrame,
    ops: pd.DataFrame,
    text: Text,
) -> str:
    """Return the tables as HTML.

    Args:
        summary: Rows of all cells, as from `profiling.statistics.summary`.
        parts: Of one cell, as from `profiling.tables.peak_parts`.
        curves: ``branch`` and the columns of `profiling.traces.memory.memory_curve`.
        ops: ``branch`` and the columns of `profiling.traces.operators.operators`.
        text: The visitor's words.
    """
    sheets = [_sizes(summary, text)]
    sheets += [_parts(parts, text)] if len(parts) else []
    sheets += [_memory(curves, text)] if len(curves) else []
    sheets += [_operators(ops, text)] if len(ops) else []
    return views.render("behind.html", text, sheets=sheets)


def _sizes(summary: pd.DataFrame, text: Text) -> Sheet:
    sizes = sorted(summary["size"].unique())
    cells = {(row["branch"], row["size"]): row for row in rows_of(summary)}
    rows = [
        [str(branch), *(_measured(cells.get((branch, size))) for size in sizes)]
        for branch in summary["branch"].unique()
    ]
    return Sheet(text("behind.sizes"), [f"{size:,}" for size in sizes], rows)


def _measured(row: Row | None) -> str:
    return (
        _NOTHING if row is None else f"{_time(row['step_median_s'])} · {_bytes(row['peak_bytes'])}"
    )


def _parts(parts: pd.DataFrame, text: Text) -> Sheet:
    sums = parts.pivot_table("bytes", "branch", "kind", aggfunc="sum", sort=False)
    rows = [[str(branch), *map(_bytes, sizes)] for branch, *sizes in sums.itertuples()]
    return Sheet(text("behind.parts"), [text(f"kind.{kind}") for kind in sums], rows)


def _memory(curves: pd.DataFrame, text: Text) -> Sheet:
    rows = []
    for branch, curve in curves.groupby("branch", sort=False):
        times, sizes = curve["time_s"].to_list(), curve["live_bytes"].to_list()
        peak = max(sizes)
        after = times[sizes.index(peak)] - times[0]
        rows.append([str(branch), _bytes(peak), _time(after), _bytes(sizes[-1])])
    heads = [text(f"behind.memory.{name}") for name in ("peak", "after", "end")]
    return Sheet(text("behind.memory"), heads, rows)


def _operators(ops: pd.DataFrame, text: Text) -> Sheet:
    """List operators by their self time; beside it device time, where there is any, and calls."""
    most = ops.groupby("name")["self_s"].max().nlargest(_MOST_OPERATORS)
    branches = [str(branch) for branch in ops["branch"].unique()]
    cells = {(row["branch"], row["name"]): row for row in rows_of(ops)}
    rows = [
        [name, *(" · ".join(_called(cells.get((branch, name)))) for branch in branches)]
        for name in map(str, most.index)
    ]
    return Sheet(text("behind.operators"), branches, rows, branches=False)


def _called(row: Row | None) -> Iterator[str]:
    if row is None:
        yield _NOTHING
        return
    yield _time(row["self_s"])
    if number(row["device_s"]) is not None:
        yield _time(row["device_s"])
    yield f"{row['count']}×"


def _time(seconds: float) -> str:
    known = number(seconds)
    return _NOTHING if known is None else time_unit([known]).show(known)


def _bytes(count: float) -> str:
    known = number(count)
    return _NOTHING if known is None else show_bytes(known)
