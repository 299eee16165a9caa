"""A run in words and short numbers: the rows and the sentence that the page and the shell show."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from demos.locales import Text
from profiling.units import Unit, byte_unit, show_bytes, significant, time_unit


class Group(NamedTuple):
    """What became of one parameter group's gradient.

    Attributes:
        words: Group and outcome, to be read.
        right: Whether it is the gradient that should hold.
    """

    words: str
    right: bool


class Row(NamedTuple):
    """One branch of one cell, formatted; texts are empty where nothing was measured.

    Attributes:
        note: Why there is no result, or nothing; `message` is the error's own text.
        right: Whether all gradients are right; None if it did not run.
    """

    branch: str
    status: str
    time: str
    spread: str
    ratio: str
    interval: str
    peak: str
    saved: str
    live: str
    ops: str
    groups: tuple[Group, ...]
    right: bool | None
    note: str
    message: str


def rows(summary: pd.DataFrame, text: Text) -> list[Row]:
    """Format one cell's rows of `profiling.statistics.summary`, all in common units."""
    times = time_unit(summary["step_median_s"])
    memory = byte_unit(summary["peak_bytes"].dropna())
    return [_row(each, times, memory, text) for each in summary.itertuples()]


def _row(row: Any, times: Unit, memory: Unit, text: Text) -> Row:
    return Row(
        branch=row.branch,
        status=row.status,
        time=times.show(row.step_median_s),
        spread=_span(times.number(row.step_p25_s), times.number(row.step_p75_s)),
        ratio="" if pd.isna(row.ratio) else f"{significant(row.ratio)}×",
        interval=_interval(row),
        peak=memory.show(_optional(row.peak_bytes), 4),
        saved=memory.show(_optional(row.saved_bytes), 4),
        live=memory.show(_optional(row.live_bytes), 4),
        ops="" if pd.isna(row.ops) else str(row.ops),
        groups=_groups(row.gradients, text),
        right=None if row.gradients_right is None else bool(row.gradients_right),
        note=text(row.reason) if row.reason else "",
        message=row.message,
    )


def finding(summary: pd.DataFrame, size_unit: str, text: Text) -> str:
    """Say in one sentence what the measurements of one cell show.

    Args:
        summary: One cell's rows of `profiling.statistics.summary`.
        size_unit: What the workload's size counts: ``"elements"`` or ``"batch"``.
        text: The words.
    """
    first = summary.iloc[0]
    right = summary[summary["gradients_right"].eq(True)]
    where = text(
        "finding.where",
        size=f"{first['size']:,}",
        unit=text(f"size.{size_unit}"),
        dtype=first["dtype"],
        device=first["device"],
    )
    if right.empty:
        return where + text("finding.none_right") + text("finding.end")
    clauses = [
        _time_clause(right, text),
        _memory_clause(right, summary, text),
        _wrong_clause(summary, text),
    ]
    return where + text("finding.and").join(filter(None, clauses)) + text("finding.end")


def _time_clause(right: pd.DataFrame, text: Text) -> str:
    known = right[right["ratio_low"].notna()]
    if known.empty:
        return text("finding.time_unknown", baseline=right.iloc[0]["baseline"])
    best = known.sort_values("ratio").iloc[0]
    baseline = best["baseline"]
    if best["verdict"] != "faster":
        return text("finding.time_same", baseline=baseline)
    # What the best's interval overlaps cannot be told from it.
    ties = known[known["ratio_low"] <= best["ratio_high"]]
    low, high = significant(best["ratio_low"], 2), significant(best["ratio_high"], 2)
    ratio = significant(best["ratio"], 2)
    return text(
        "finding.time", names=_names(ties), ratio=ratio, low=low, high=high, baseline=baseline
    )


def _memory_clause(right: pd.DataFrame, summary: pd.DataFrame, text: Text) -> str:
    name = summary.iloc[0]["baseline"]
    baseline = summary.loc[summary["branch"] == name, "peak_bytes"].dropna()
    peaks = right["peak_bytes"].dropna()
    if peaks.empty or baseline.empty:
        return ""
    lowest, base = int(peaks.min()), int(baseline.iloc[0])
    names = _names(right[right["peak_bytes"] == lowest])
    if lowest >= base:
        return text("finding.memory_same", peak=show_bytes(base), baseline=name)
    return text("finding.memory", names=names, low=show_bytes(lowest), base=show_bytes(base))


def _wrong_clause(summary: pd.DataFrame, text: Text) -> str:
    wrong = summary[summary["gradients_right"].eq(False)]
    return "" if wrong.empty else text("finding.not_right", names=_names(wrong))


def _names(table: pd.DataFrame) -> str:
    return ", ".join(f"`{name}`" for name in table["branch"])


def _interval(row: Any) -> str:
    if pd.isna(row.ratio_low):
        return ""
    return _span(significant(row.ratio_low), significant(row.ratio_high))


def _groups(gradients: str, text: Text) -> tuple[Group, ...]:
    parts = [part.split(":") for part in gradients.split(";") if part]
    return tuple(
        Group(f"{group}: {text(f'reach.{outcome}')}", outcome in ("equal", "none"))
        for group, outcome in parts
    )


def _span(low: str, high: str) -> str:
    return f"{low}–{high}" if low and high else ""


def _optional(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
