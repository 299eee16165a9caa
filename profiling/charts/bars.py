"""The branches of one cell side by side: time of a step, and peak memory."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.findings import peak_finding, time_finding
from profiling.charts.hovers import peak_hover, status_word, time_hover
from profiling.charts.labels import label_room, value_labels
from profiling.charts.style import (
    FONT,
    ROW_HEIGHT,
    Text,
    bar_marker,
    base_layout,
    branch_axis,
    branch_style,
    empty,
)
from profiling.charts.values import branch_label, number, rows_of, scaled
from profiling.units import Unit, byte_unit, time_unit


def time_by_branch(summary: pd.DataFrame, text: Text) -> go.Figure:
    """Draw forward and backward time of a step, stacked, one row a branch.

    Args:
        summary: Rows of one cell, as from `profiling.statistics.summary`.
        text: Says a locale key.

    Returns:
        Bars in one unit of time; whiskers from the 25th to the 75th percentile of the step.
        Branches without a time show their status instead.
    """
    if summary.empty:
        return empty(text)
    unit = time_unit(summary["step_p75_s"].fillna(summary["step_median_s"]))
    shown = [branch_label(row) for row in rows_of(summary)]
    ends = scaled(summary["step_p75_s"].fillna(summary["step_median_s"]), unit)
    labels = [
        unit.show(number(row["step_median_s"])) or status_word(row, text)
        for row in rows_of(summary)
    ]
    hover = [time_hover(row, unit, text) for row in rows_of(summary)]
    axis = branch_axis(shown, summary["branch"].to_list())
    figure = go.Figure(layout=_layout(time_finding(summary, text), axis, ends, labels))
    figure.update_xaxes(title_text=text("axis.time", unit=unit.symbol))
    figure.update_layout(barmode="stack")
    figure.add_trace(_phase_bars(summary, "forward", 1.0, unit, shown, text))
    figure.add_trace(_phase_bars(summary, "backward", 0.5, unit, shown, text))
    figure.add_trace(_step_whiskers(summary, unit, shown, hover, text))
    figure.add_trace(_labels(ends, shown, labels, hover))
    return figure


def peak_by_branch(summary: pd.DataFrame, text: Text) -> go.Figure:
    """Draw peak memory of a step as bars, saved and live memory after forward as markers.

    Args:
        summary: Rows of one cell, as from `profiling.statistics.summary`.
        text: Says a locale key.

    Returns:
        One row a branch, in one unit of bytes; branches without a peak show their status.
    """
    if summary.empty:
        return empty(text)
    columns = ("peak_bytes", "saved_bytes", "live_bytes")
    unit = byte_unit(number(value) for name in columns for value in summary[name])
    shown = [branch_label(row) for row in rows_of(summary)]
    labels = _values(summary, "peak_bytes", unit, text)
    hover = [peak_hover(row, unit, text) for row in rows_of(summary)]
    values = [scaled(summary[name], unit) for name in columns]
    ends = [_largest(each) for each in zip(*values, strict=True)]
    axis = branch_axis(shown, summary["branch"].to_list())
    figure = go.Figure(layout=_layout(peak_finding(summary, unit, text), axis, ends, labels))
    figure.update_xaxes(title_text=text("axis.memory", unit=unit.symbol))
    figure.add_trace(
        go.Bar(
            name=text("metric.peak"),
            x=values[0],
            y=shown,
            orientation="h",
            marker=bar_marker(summary["branch"].to_list(), 0.6),
            customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    for metric, symbol, x in (("saved", "diamond", values[1]), ("live", "line-ns", values[2])):
        figure.add_trace(
            _memory_markers(summary, text(f"metric.{metric}"), symbol, x, shown, hover)
        )
    figure.add_trace(_labels(ends, shown, labels, hover))
    return figure


def _layout(
    title: str, axis: dict[str, Any], ends: list[float | None], labels: list[str]
) -> go.Layout:
    return base_layout(
        title,
        ROW_HEIGHT * len(labels),
        legend_rows=3,
        label_room=label_room(ends, labels),
        bargap=0.3,
        xaxis={"range": [0, _largest(ends) or 1.0], "nticks": 6},
        yaxis=axis,
    )


def _values(summary: pd.DataFrame, column: str, unit: Unit, text: Text) -> list[str]:
    """Write each branch's value with its unit, or why it has none."""
    return [unit.show(number(row[column])) or status_word(row, text) for row in rows_of(summary)]


def _largest(values: Any) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _phase_bars(
    summary: pd.DataFrame, phase: str, opacity: float, unit: Unit, shown: list[str], text: Text
) -> go.Bar:
    name = text(f"phase.{phase}")
    times = summary[f"{phase}_median_s"]
    return go.Bar(
        name=name,
        x=scaled(times, unit),
        y=shown,
        orientation="h",
        marker=bar_marker(summary["branch"].to_list(), opacity),
        customdata=[unit.show(number(value)) for value in times],
        hovertemplate=f"%{{y}}<br>{name}: %{{customdata}}<extra></extra>",
    )


def _step_whiskers(
    summary: pd.DataFrame, unit: Unit, shown: list[str], hover: list[str], text: Text
) -> go.Scatter:
    median = summary["step_median_s"]
    return go.Scatter(
        name=text("metric.step_quartiles"),
        x=scaled(median, unit),
        y=shown,
        mode="markers",
        marker={"symbol": "line-ns", "size": 10, "line": {"width": 2, "color": FONT}},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": scaled(summary["step_p75_s"] - median, unit),
            "arrayminus": scaled(median - summary["step_p25_s"], unit),
            "color": FONT,
            "thickness": 1.5,
            "width": 4,
        },
        cliponaxis=False,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _memory_markers(
    summary: pd.DataFrame,
    name: str,
    symbol: str,
    x: list[float | None],
    shown: list[str],
    hover: list[str],
) -> go.Scatter:
    colors = [branch_style(branch).color for branch in summary["branch"]]
    return go.Scatter(
        name=name,
        x=x,
        y=shown,
        mode="markers",
        marker={"symbol": symbol, "size": 11 if symbol == "diamond" else 18, "color": colors}
        | {"line": {"width": 1 if symbol == "diamond" else 3, "color": colors}},
        cliponaxis=False,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _labels(
    ends: list[float | None], shown: list[str], labels: list[str], hover: list[str]
) -> go.Scatter:
    """Write each branch's value right of its bar, or its status where the bar would begin."""
    template = "%{customdata}<extra></extra>"
    return value_labels(ends, shown, labels, customdata=hover, hovertemplate=template)
