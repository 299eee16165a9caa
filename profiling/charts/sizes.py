"""Time and peak memory over the workload's size, one line a branch."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.findings import fastest, peak_finding
from profiling.charts.hovers import quartiles
from profiling.charts.style import Text, base_layout, branch_style, empty
from profiling.charts.values import branch_label, escaped, is_wrong, number, rows_of, scaled
from profiling.units import Unit, byte_unit, significant, time_unit

_HEIGHT = 340
# From this ratio of the largest to the smallest size on, both axes are logarithmic.
_LOG_SPAN = 10


def time_over_size(summary: pd.DataFrame, text: Text, size_unit: str) -> go.Figure:
    """Draw a step's median time over the size, whiskers from the 25th to the 75th percentile.

    Args:
        summary: Rows of all cells, as from `profiling.statistics.summary`.
        text: Says a locale key.
        size_unit: What the size counts, ``"elements"`` or ``"batch"``.

    Returns:
        One line a branch, in one unit of time; a branch without any time is in the legend only.
    """
    if summary.empty:
        return empty(text)
    unit = time_unit(number(value) for value in summary["step_median_s"])
    title = _time_finding(summary, text)
    figure = _figure(summary, title, text(f"axis.size.{size_unit}"), "step_median_s", unit)
    figure.update_yaxes(title_text=text("axis.time", unit=unit.symbol))
    for name, line in _by_branch(summary):
        median = line["step_median_s"]
        trace = _line(line, name, "step_median_s", unit, text)
        trace.error_y = {
            "type": "data",
            "symmetric": False,
            "array": scaled(line["step_p75_s"] - median, unit),
            "arrayminus": scaled(median - line["step_p25_s"], unit),
            "thickness": 1,
            "width": 3,
        }
        spreads = [quartiles(row, unit) for row in rows_of(line)]
        trace.customdata = [
            f"{shown} ({spread})" if spread else shown
            for shown, spread in zip(trace.customdata, spreads, strict=True)
        ]
        figure.add_trace(trace)
    return figure


def memory_over_size(summary: pd.DataFrame, text: Text, size_unit: str) -> go.Figure:
    """Draw a step's peak memory over the size.

    Args:
        summary: Rows of all cells, as from `profiling.statistics.summary`.
        text: Says a locale key.
        size_unit: What the size counts, ``"elements"`` or ``"batch"``.

    Returns:
        One line a branch, in one unit of bytes; a branch without any peak is in the legend only.
    """
    if summary.empty:
        return empty(text)
    unit = byte_unit(number(value) for value in summary["peak_bytes"])
    largest = summary["size"].max()
    finding = peak_finding(summary[summary["size"] == largest], unit, text, exact=False)
    title = text("chart.at_size", size=f"{largest:,}", finding=finding)
    figure = _figure(summary, title, text(f"axis.size.{size_unit}"), "peak_bytes", unit)
    figure.update_yaxes(title_text=text("axis.peak", unit=unit.symbol))
    for name, line in _by_branch(summary):
        figure.add_trace(_line(line, name, "peak_bytes", unit, text))
    return figure


def _time_finding(summary: pd.DataFrame, text: Text) -> str:
    """Follow the ratio of the branch that is fastest at the largest size down to the smallest."""
    small, large = summary["size"].min(), summary["size"].max()
    row = fastest(summary[summary["size"] == large])
    if row is None:
        return text("chart.time_over_size.title")
    values = {name: escaped(row[name]) for name in ("branch", "baseline")}
    values |= {"large": f"{large:,}", "large_ratio": significant(row["ratio"])}
    first = summary[(summary["size"] == small) & (summary["branch"] == row["branch"])]
    ratio = number(first["ratio"].iloc[0]) if len(first) else None
    if small == large or ratio is None:
        return text("chart.time_over_size.title.one", **values)
    small_ratio = significant(ratio)
    return text(
        "chart.time_over_size.title.ratios", small=f"{small:,}", small_ratio=small_ratio, **values
    )


def _figure(
    summary: pd.DataFrame, title: str, size_title: str, column: str, unit: Unit
) -> go.Figure:
    sizes = sorted(int(size) for size in summary["size"].unique())
    kind = "log" if sizes[-1] >= _LOG_SPAN * sizes[0] > 0 else "linear"
    ticks = {"tickvals": sizes, "ticktext": [f"{size:,}" for size in sizes]}
    values = [each for each in map(number, summary[column]) if each]
    spread = max(values) / min(values) if values else 1
    branches = summary["branch"].nunique()
    y_axis: dict[str, Any] = {"type": kind, "separatethousands": True}
    if kind == "linear":
        y_axis["rangemode"] = "tozero"
    elif spread >= _LOG_SPAN:
        y_axis |= _log_ticks(min(values) / unit.factor, max(values) / unit.factor)
    return go.Figure(
        layout=base_layout(
            title,
            _HEIGHT,
            branches,
            hovermode="x unified",
            xaxis={"type": kind, "title": {"text": size_title}} | ticks,
            yaxis=y_axis,
        )
    )


def _log_ticks(low: float, high: float) -> dict[str, Any]:
    """Return ticks at 1, 2 and 5 of every power of ten, each written in full.

    Plotly would write a 2 for 20, and for 200.
    """
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    values = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return {"tickvals": values, "ticktext": [f"{value:,.9g}" for value in values]}


def _by_branch(summary: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    grouped = summary.groupby("branch", sort=False)
    return [(str(name), line.sort_values("size")) for name, line in grouped]


def _line(line: pd.DataFrame, name: str, column: str, unit: Unit, text: Text) -> go.Scatter:
    """Draw one branch; its name in the legend says where it failed or its gradients are wrong."""
    rows = rows_of(line)
    style = branch_style(name)
    failed = dict.fromkeys(row["status"] for row in rows if row["status"] != "ok")
    label = next((branch_label(row) for row in rows if is_wrong(row)), escaped(name))
    return go.Scatter(
        name=", ".join([label, *(text(f"status.{status}") for status in failed)]),
        x=line["size"].to_list(),
        y=scaled(line[column], unit),
        mode="lines+markers",
        line={"color": style.color, "dash": style.dash, "width": 1.5},
        marker={"color": style.color, "symbol": style.symbol, "size": 8},
        customdata=[unit.show(number(value)) for value in line[column]],
        hovertemplate=f"{escaped(name)}: %{{customdata}}<extra></extra>",
    )
