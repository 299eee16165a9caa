"""What a chart of branches shows, in one sentence computed from the table itself."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from profiling.charts.style import Row, Text, escaped, is_right, number, rows_of
from profiling.model.units import Unit, significant


class LowestPeak(NamedTuple):
    """The branches that share the lowest peak, and the baseline's peak if it was measured."""

    baseline: str
    branches: list[str]
    peak_bytes: int
    baseline_bytes: int | None


def fastest(summary: pd.DataFrame) -> Row | None:
    """Return the row with the smallest ratio among branches with the right gradients."""
    candidates = [
        row
        for row in rows_of(summary)
        if is_right(row) and row["branch"] != row["baseline"] and number(row["ratio"]) is not None
    ]
    return min(candidates, key=lambda row: float(row["ratio"]), default=None)


def lowest_peak(summary: pd.DataFrame) -> LowestPeak | None:
    """Return the lowest peak among branches with the right gradients, without the baseline."""
    rows = [row for row in rows_of(summary) if number(row["peak_bytes"]) is not None]
    name = rows[0]["baseline"] if rows else ""
    peaks = {row["branch"]: int(row["peak_bytes"]) for row in rows if is_right(row)}
    peaks.pop(name, None)
    if not peaks:
        return None
    lowest = min(peaks.values())
    baseline = [int(row["peak_bytes"]) for row in rows if row["branch"] == name]
    shared = [branch for branch, peak in peaks.items() if peak == lowest]
    return LowestPeak(name, shared, lowest, baseline[0] if baseline else None)


def time_finding(summary: pd.DataFrame, text: Text) -> str:
    """Say how the fastest branch compares with the baseline in one cell."""
    row = fastest(summary)
    if row is None:
        return text("chart.time.title")
    values = {
        "branch": escaped(row["branch"]),
        "baseline": escaped(row["baseline"]),
        "ratio": significant(row["ratio"]),
    }
    low, high = number(row["ratio_low"]), number(row["ratio_high"])
    if low is None or high is None:
        return text("chart.time.title.no_interval", **values)
    key = "ratio" if row["verdict"] in ("faster", "slower") else "no_difference"
    return text(f"chart.time.title.{key}", low=significant(low), high=significant(high), **values)


def peak_finding(summary: pd.DataFrame, unit: Unit, text: Text, exact: bool = True) -> str:
    """Say by how many bytes the lowest peak differs from the baseline's in one cell.

    Args:
        summary: Rows of one cell.
        unit: The unit of the chart.
        text: Says a locale key.
        exact: Whether to add the difference to the byte.
    """
    lowest = lowest_peak(summary)
    if lowest is None or lowest.baseline_bytes is None:
        return text("chart.peak.title")
    difference = lowest.baseline_bytes - lowest.peak_bytes
    if difference == 0:
        return text("chart.peak.title.same", baseline=escaped(lowest.baseline))
    size = abs(difference)
    return text(
        "chart.peak.title.below" if difference > 0 else "chart.peak.title.above",
        branches=tied(lowest.branches, text),
        baseline=escaped(lowest.baseline),
        difference=exact_bytes(size, unit, text) if exact else unit.show(size),
    )


def tied(branches: list[str], text: Text) -> str:
    """Name the first of some branches, and how many share its place."""
    first = escaped(branches[0])
    if len(branches) == 1:
        return first
    return text("chart.tied", first=first, count=len(branches) - 1)


def exact_bytes(count: int, unit: Unit, text: Text) -> str:
    """Write a number of bytes in a unit, and to the byte."""
    if unit.factor == 1:
        return f"{count:,} {unit.symbol}"
    return text("chart.bytes", size=unit.show(count), count=f"{count:,}")
