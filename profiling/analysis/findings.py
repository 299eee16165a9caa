"""A run in words and short numbers: the rows and the sentence that the page and the shell show."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from profiling.model.units import Unit, byte_unit, show_bytes, significant, time_unit
from profiling.model.words import Text
from profiling.traces.memory import NO_OP

# From this share of all processors on, what others do is told: on two, one busy process has a half.
DISTURBED_SHARE = 0.2
_RIGHT = {"equal": True, "none": True, "unchecked": None}


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
    """Format one cell's rows of `profiling.analysis.statistics.summary`, all in common units."""
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
        ratio="" if pd.isna(row.ratio) else f"{significant(row.ratio)}×",
        interval=_interval(row),
        peak=_bytes(row.peak_bytes, memory),
        predicted=_predicted(row, text),
        saved=_bytes(row.saved_bytes, memory),
        live=_bytes(row.live_bytes, memory),
        ops="" if pd.isna(row.ops) else str(row.ops),
        work=_work(row, text),
        groups=_groups(row.gradients, text),
        right=None if row.gradients_right is None else bool(row.gradients_right),
        note=text(row.reason, **row.values) if row.reason else "",
        message=row.message,
    )


def finding(summary: pd.DataFrame, size_unit: str, text: Text) -> str:
    """Say in one sentence what the measurements of one cell show.

    Args:
        summary: One cell's rows of `profiling.analysis.statistics.summary`.
        size_unit: What the workload's size counts: ``"elements"`` or ``"batch"``.
        text: The words.
    """
    first = summary.iloc[0]
    where = text(
        "finding.where",
        size=f"{first['size']:,}",
        unit=text(f"size.{size_unit}"),
        dtype=first["dtype"],
        device=first["device"],
    )
    ran = summary[summary["status"] == "ok"]
    # Where nothing could be checked, nothing is known to be wrong.
    unchecked = ran["gradients_right"].isna().all()
    right = ran if unchecked else ran[ran["gradients_right"].eq(True)]
    if right.empty:
        key = "finding.none_ran" if ran.empty else "finding.none_right"
        return where + text(key) + text("finding.end")
    if len(ran) == 1:
        return where + text("finding.alone", name=ran.iloc[0]["branch"]) + text("finding.end")
    clauses = [
        _time_clause(right, text("finding.of_all" if unchecked else "finding.of_right"), text),
        _memory_clause(right, summary, text),
        _wrong_clause(summary, text),
    ]
    return where + text("finding.and").join(filter(None, clauses)) + text("finding.end")


def disturbance(summary: pd.DataFrame, text: Text) -> str:
    """Say so where other processes kept the machine busy while one cell's branches were timed."""
    share = summary["others_cpu_share"].max()
    if pd.isna(share) or share < DISTURBED_SHARE:
        return ""
    return text("finding.disturbed", share=f"{share:.0%}")


def _time_clause(right: pd.DataFrame, scope: str, text: Text) -> str:
    known = right[right["ratio_low"].notna()]
    if known.empty:
        return text("finding.time_unknown", baseline=right.iloc[0]["baseline"])
    best = known.sort_values("ratio").iloc[0]
    baseline = best["baseline"]
    # The least p-value that so many pairs can give, corrected for the number of comparisons.
    if best["verdict"] == "no_difference" and 0.5 ** (best["rounds"] - 1) * len(known) >= 0.05:
        return text("finding.time_few", rounds=best["rounds"])
    values = {
        "ratio": significant(best["ratio"], 2),
        "low": significant(best["ratio_low"], 2),
        "high": significant(best["ratio_high"], 2),
        "baseline": baseline,
    }
    if best["verdict"] == "no_difference" and best["ratio_high"] < 1:
        # The interval is the best's own; the verdict is corrected for the choice of the best.
        return text("finding.time_chance", name=best["branch"], **values)
    if best["verdict"] != "faster":
        return text("finding.time_same", scope=scope, baseline=baseline)
    # What the best's interval overlaps cannot be told from it.
    ties = known[known["ratio_low"] <= best["ratio_high"]]
    return text("finding.time", scope=scope, names=_names(ties, text), **values)


def _memory_clause(right: pd.DataFrame, summary: pd.DataFrame, text: Text) -> str:
    name = summary.iloc[0]["baseline"]
    baseline = summary.loc[summary["branch"] == name, "peak_bytes"].dropna()
    peaks = right["peak_bytes"].dropna()
    if peaks.empty or baseline.empty:
        return ""
    lowest, base = int(peaks.min()), int(baseline.iloc[0])
    names = _names(right[right["peak_bytes"] == lowest], text)
    # A few bytes less, of scratch, are no saving to be told of.
    if lowest >= base or show_bytes(lowest) == show_bytes(base):
        return text("finding.memory_same", peak=show_bytes(base), baseline=name)
    return text("finding.memory", names=names, low=show_bytes(lowest), base=show_bytes(base))


def _wrong_clause(summary: pd.DataFrame, text: Text) -> str:
    wrong = summary[summary["gradients_right"].eq(False)]
    return "" if wrong.empty else text("finding.not_right", names=_names(wrong, text))


def _names(table: pd.DataFrame, text: Text) -> str:
    return text("language.list").join(f"`{name}`" for name in table["branch"])


def _interval(row: Any) -> str:
    if pd.isna(row.ratio_low):
        return ""
    return _span(significant(row.ratio_low), significant(row.ratio_high))


def _groups(gradients: str, text: Text) -> tuple[Group, ...]:
    parts = [part.split(":") for part in gradients.split(";") if part]
    return tuple(
        Group(f"{group}: {text(f'reach.{outcome}')}", _RIGHT.get(outcome, False))
        for group, outcome in parts
    )


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
