"""The table of one cell as it is shown: numbers in common units, words, notes."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from profiling.analysis.statistics import by_group
from profiling.model.units import Unit, byte_unit, show_bytes, show_interval, show_ratio, time_unit
from profiling.model.words import Text
from profiling.traces.memory import NO_OP

_RIGHT = {"equal": True, "none": True, "unchecked": None, "absent": None, "extra": None}


class Group(NamedTuple):
    """What became of one parameter group's gradient.

    Attributes:
        words: Group and outcome, to be read.
        right: Whether it is the gradient that should hold; None if that was not checked.
    """

    words: str
    right: bool | None


class Row(NamedTuple):
    """One branch of one cell, formatted; texts are empty where nothing was measured.

    Attributes:
        host: How long the host was busy; CUDA only.
        predicted: How the peak compares with the predicted one.
        work: What the device was given to do; CUDA only.
        note: Why there is no result, or nothing; `message` is the error's own text.
        right: Whether all gradients are right; None if it did not run.
    """

    branch: str
    status: str
    time: str
    spread: str
    host: str
    ratio: str
    interval: str
    peak: str
    predicted: str
    saved: str
    live: str
    ops: str
    work: str
    groups: tuple[Group, ...]
    right: bool | None
    note: str
    message: str


def rows(summary: pd.DataFrame, text: Text) -> list[Row]:
    """Format the rows of `profiling.analysis.statistics.cell_summary`, all in common units."""
    times = time_unit(summary["step_median_s"])
    memory = byte_unit(summary["peak_bytes"].dropna())
    return [_row(each, times, memory, text) for each in summary.itertuples()]


def _row(row: Any, times: Unit, memory: Unit, text: Text) -> Row:
    return Row(
        branch=row.branch,
        status=row.status,
        time=times.show(row.step_median_s),
        spread=_span(times.number(row.step_p25_s), times.number(row.step_p75_s)),
        host=_host(row, times, text),
        ratio="" if pd.isna(row.ratio) else f"{show_ratio(row.ratio)}×",
        interval="" if pd.isna(row.ratio_low) else show_interval(row.ratio_low, row.ratio_high),
        peak=_bytes(row.peak_bytes, memory),
        predicted=_predicted(row, text),
        saved=_bytes(row.saved_bytes, memory),
        live=_bytes(row.live_bytes, memory),
        ops="" if pd.isna(row.ops) else str(row.ops),
        work=_work(row, text),
        groups=_groups(row, text),
        right=None if row.gradients_right is None else bool(row.gradients_right),
        note=text(row.reason, **row.values) if row.reason else "",
        message=row.message,
    )


def _groups(row: Any, text: Text) -> tuple[Group, ...]:
    outcomes, errors = by_group(row.gradients), by_group(row.gradient_errors)
    return tuple(
        Group(f"{group}: {_outcome(outcome, errors.get(group), text)}", _RIGHT.get(outcome, False))
        for group, outcome in outcomes.items()
    )


def _outcome(outcome: str, error: str | None, text: Text) -> str:
    words = text(f"reach.{outcome}")
    if outcome != "different" or error is None:
        return words
    return text("row.different", outcome=words, error=f"{float(error):.2g}")


def _bytes(value: Any, common: Unit) -> str:
    """Format bytes in the common unit, or in their own where they would be all zeros in it."""
    count = _optional(value)
    if count is not None and 0 < count < common.factor / 1000:
        return show_bytes(count)
    return common.show(count, 4)


def _host(row: Any, times: Unit, text: Text) -> str:
    if pd.isna(row.host_median_s):
        return ""
    return text("row.host", time=times.show(row.host_median_s))


def _work(row: Any, text: Text) -> str:
    """Say what a step had a GPU do, and how fast its clones copied beside a plain copy."""
    if pd.isna(row.kernels):
        return ""
    counts = {name: getattr(row, name) for name in ("kernels", "copies", "syncs")}
    words = text("row.work", **{name: "–" if pd.isna(n) else n for name, n in counts.items()})
    if pd.isna(row.clone_bytes_per_s) or pd.isna(row.copy_bytes_per_s):
        return words
    share = f"{row.clone_bytes_per_s / row.copy_bytes_per_s:.0%}"
    return words + text("row.clone_bandwidth", share=share)


def _predicted(row: Any, text: Text) -> str:
    """Say by how much the peak missed the prediction, and what that was, which none can see."""
    if pd.isna(row.peak_bytes) or pd.isna(row.predicted_peak_bytes):
        return ""
    difference = int(row.peak_bytes - row.predicted_peak_bytes)
    if difference == 0:
        return text("predicted.same")
    sign, size = "+" if difference > 0 else "−", show_bytes(abs(difference))
    names = [part.rpartition(" ")[0] for part in row.scratch.split(";") if part]
    ops = text("language.list").join(
        text("op.python") if name == NO_OP else f"`{name}`" for name in names
    )
    words = f"{sign}{size}"
    return (
        text("predicted.scratch", difference=words, ops=ops)
        if ops
        else text("predicted.unlike", difference=words)
    )


def _span(low: str, high: str) -> str:
    return f"{low}–{high}" if low and high else ""


def _optional(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
