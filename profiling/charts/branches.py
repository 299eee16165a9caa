"""The branches of a cell compared: time, peak memory, gradients, and both over the size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.analysis.findings import (
    Findings,
    gradients_title,
    peak_over_size_title,
    peak_title,
    time_over_size_title,
    time_title,
)
from profiling.charts.style import (
    FONT,
    ROW_HEIGHT,
    Row,
    bar_marker,
    base_layout,
    branch_axis,
    branch_label,
    branch_style,
    empty,
    escaped,
    exact_bytes,
    is_wrong,
    label_room,
    number,
    rows_of,
    scaled,
    value_labels,
)
from profiling.model.metrics import METRICS
from profiling.model.units import Unit, byte_unit, show_ratio, time_unit
from profiling.model.words import Text

_MESSAGE_LIMIT = 80
# Outcome: symbol and colour; black text has a contrast of at least 5 on each colour.
_LOOKS = {
    "equal": ("✓", "#009e73"),
    "none": ("○", "#56c7a5"),
    "unwanted": ("!", "#e69f00"),
    "zeros": ("0", "#f0c14b"),
    "different": ("≠", "#e8743b"),
    "missing": ("✗", "#d55e00"),
    "absent": ("✗", "#c0c4cc"),
    "extra": ("!", "#c0c4cc"),
    "unchecked": ("·", "#c0c4cc"),
}
_CODES = {outcome: code for code, outcome in enumerate(_LOOKS)}
_HEIGHT = 340
# From this ratio of the largest to the smallest size on, both axes are logarithmic.
_LOG_SPAN = 10


def status_word(row: Row, text: Text) -> str:
    """Say why a branch has no value."""
    return text("chart.not_measured") if row["status"] == "ok" else text(f"status.{row['status']}")


def time_hover(row: Row, unit: Unit, text: Text) -> str:
    """Say median, quartiles and ratio of a step, or why there are none."""
    lines = [branch_label(row)]
    median, ratio = number(row["step_median_s"]), number(row["ratio"])
    if median is None:
        lines += _failure(row, text)
    else:
        spread = quartiles(row, unit)
        lines.append(text("hover.step", median=unit.show(median), spread=spread))
    if ratio is not None:
        baseline = escaped(row["baseline"])
        lines.append(text("hover.ratio", ratio=show_ratio(ratio), baseline=baseline))
    return "<br>".join(lines + _gradients(row, text))


def peak_hover(row: Row, unit: Unit, text: Text) -> str:
    """Say peak, saved and live bytes exactly, or why there are none."""
    lines = [branch_label(row)]
    for metric in ("peak", "saved", "live"):
        value = number(row[METRICS[metric].column])
        if value is not None:
            lines.append(f"{text(f'metric.{metric}')}: {exact_bytes(int(value), unit, text)}")
    if len(lines) == 1:
        lines += _failure(row, text)
    return "<br>".join(lines + _gradients(row, text))


def quartiles(row: Row, unit: Unit) -> str:
    """Write the 25th and the 75th percentile of a step's time, or nothing without them."""
    low, high = number(row["step_p25_s"]), number(row["step_p75_s"])
    return "" if low is None or high is None else f"{unit.number(low)}–{unit.show(high)}"


def _failure(row: Row, text: Text) -> list[str]:
    message = row["message"]
    said = [escaped(message, _MESSAGE_LIMIT)] if isinstance(message, str) and message else []
    return [status_word(row, text), *said]


def _gradients(row: Row, text: Text) -> list[str]:
    return [text("hover.gradients_differ")] if is_wrong(row) else []


def time_by_branch(summary: pd.DataFrame, found: Findings, text: Text) -> go.Figure:
    """Draw forward and backward time of a step, stacked, one row a branch.

    Args:
        summary: Rows of one cell, as from `profiling.analysis.statistics.cell_summary`.
        found: What the cell shows.
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
    figure = go.Figure(layout=_bar_layout(time_title(found, text), axis, ends, labels))
    figure.update_xaxes(title_text=text("axis.time", unit=unit.symbol))
    figure.update_layout(barmode="stack")
    figure.add_trace(_phase_bars(summary, "forward", 1.0, unit, shown, text))
    figure.add_trace(_phase_bars(summary, "backward", 0.5, unit, shown, text))
    figure.add_trace(_step_whiskers(summary, unit, shown, hover, text))
    figure.add_trace(_labels(ends, shown, labels, hover))
    return figure


def peak_by_branch(summary: pd.DataFrame, found: Findings, text: Text) -> go.Figure:
    """Draw peak memory of a step as bars, saved and live memory after forward as markers.

    Args:
        summary: Rows of one cell, as from `profiling.analysis.statistics.cell_summary`.
        found: What the cell shows.
        text: Says a locale key.

    Returns:
        One row a branch, in one unit of bytes; branches without a peak show their status.
    """
    if summary.empty:
        return empty(text)
    columns = [METRICS[name].column for name in ("peak", "saved", "live")]
    unit = byte_unit(number(value) for name in columns for value in summary[name])
    shown = [branch_label(row) for row in rows_of(summary)]
    labels = _values(summary, columns[0], unit, text)
    hover = [peak_hover(row, unit, text) for row in rows_of(summary)]
    values = [scaled(summary[name], unit) for name in columns]
    ends = [_largest(each) for each in zip(*values, strict=True)]
    axis = branch_axis(shown, summary["branch"].to_list())
    title = peak_title(found, unit, text, lambda count: exact_bytes(count, unit, text))
    figure = go.Figure(layout=_bar_layout(title, axis, ends, labels))
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


def _bar_layout(
    title: str, axis: dict[str, Any], ends: list[float | None], labels: list[str]
) -> go.Layout:
    return base_layout(
        escaped(title),
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


def gradient_reach(reach: pd.DataFrame, found: Findings, text: Text) -> go.Figure:
    """Draw a matrix of branches and parameter groups, each cell with its outcome in words.

    Args:
        reach: As from `profiling.analysis.tables.reach`.
        found: What the cell shows.
        text: Says a locale key.

    Returns:
        A heatmap; a branch that has no such group has an empty cell.
    """
    if reach.empty:
        return empty(text)
    branches = reach["branch"].unique().tolist()
    groups = reach["group"].unique().tolist()
    cells = {(row["branch"], row["group"]): row for row in rows_of(reach)}
    matrix = [[cells.get((branch, group)) for group in groups] for branch in branches]
    shown = [escaped(branch) for branch in branches]
    figure = go.Figure(layout=_reach_layout(gradients_title(found, text), branches, text))
    figure.add_trace(
        go.Heatmap(
            x=[escaped(group) for group in groups],
            y=shown,
            z=[[row and _CODES[row["outcome"]] for row in line] for line in matrix],
            text=[[_word(row, text) for row in line] for line in matrix],
            customdata=[[_hover(row, text) for row in line] for line in matrix],
            texttemplate="%{text}",
            textfont={"color": "#000000"},
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            showscale=False,
            colorscale=_colorscale(),
            zmin=-0.5,
            zmax=len(_LOOKS) - 0.5,
            xgap=3,
            ygap=3,
        )
    )
    return figure


def _reach_layout(title: str, branches: list[str], text: Text) -> go.Layout:
    x_axis = {"type": "category", "showgrid": False, "title": {"text": text("axis.group")}}
    axis = branch_axis([escaped(branch) for branch in branches], branches)
    return base_layout(title, ROW_HEIGHT * len(branches), xaxis=x_axis, yaxis=axis)


def _colorscale() -> list[list[Any]]:
    """Return one flat stretch of colour an outcome."""
    steps = len(_LOOKS)
    return [
        [(code + end) / steps, color]
        for code, (_, color) in enumerate(_LOOKS.values())
        for end in (0, 1)
    ]


def _word(row: Row | None, text: Text) -> str:
    if row is None:
        return ""
    return f"{_LOOKS[row['outcome']][0]} {text('reach.' + row['outcome'])}"


def _hover(row: Row | None, text: Text) -> str:
    if row is None:
        return ""
    lines = [f"{escaped(row['branch'])} · {escaped(row['group'])}", _word(row, text)]
    lines.append(text("hover.reach", got=row["with_gradient"], tensors=row["tensors"]))
    error = number(row["relative_error"])
    if error is not None:
        lines.append(text("hover.relative_error", error=f"{error:.2g}"))
    return "<br>".join(lines)


def time_over_size(
    summary: pd.DataFrame, found: Mapping[int, Findings], text: Text, size_unit: str
) -> go.Figure:
    """Draw a step's median time over the size, whiskers from the 25th to the 75th percentile.

    Args:
        summary: Rows of all cells, as from `profiling.analysis.statistics.summary`.
        found: What each cell shows, by size.
        text: Says a locale key.
        size_unit: What the size counts, ``"elements"`` or ``"batch"``.

    Returns:
        One line a branch, in one unit of time; a branch without any time is in the legend only.
    """
    if summary.empty:
        return empty(text)
    unit = time_unit(number(value) for value in summary["step_median_s"])
    title = time_over_size_title(found, text)
    titles = title, text(f"axis.size.{size_unit}"), text("axis.time", unit=unit.symbol)
    figure = _over_size(summary, "step_median_s", unit, titles, text)
    for trace, (_, line) in zip(figure.data, _by_branch(summary), strict=True):
        median = line["step_median_s"]
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
    return figure


def memory_over_size(
    summary: pd.DataFrame, found: Mapping[int, Findings], text: Text, size_unit: str
) -> go.Figure:
    """Draw a step's peak memory over the size.

    Args:
        summary: Rows of all cells, as from `profiling.analysis.statistics.summary`.
        found: What each cell shows, by size.
        text: Says a locale key.
        size_unit: What the size counts, ``"elements"`` or ``"batch"``.

    Returns:
        One line a branch, in one unit of bytes; a branch without any peak is in the legend only.
    """
    if summary.empty:
        return empty(text)
    unit = byte_unit(number(value) for value in summary["peak_bytes"])
    title = peak_over_size_title(found, unit, text)
    titles = title, text(f"axis.size.{size_unit}"), text("axis.peak", unit=unit.symbol)
    return _over_size(summary, "peak_bytes", unit, titles, text)


def _over_size(
    summary: pd.DataFrame, column: str, unit: Unit, titles: tuple[str, str, str], text: Text
) -> go.Figure:
    """Draw a column over the size, one line a branch.

    Args:
        summary: Rows of all cells.
        column: The column, in an SI unit.
        unit: The unit that it is shown in.
        titles: Of the chart, of the sizes and of the column.
        text: Says a locale key.
    """
    title, size_title, column_title = titles
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
    figure = go.Figure(
        layout=base_layout(
            escaped(title),
            _HEIGHT,
            branches,
            hovermode="x unified",
            xaxis={"type": kind, "title": {"text": size_title}} | ticks,
            yaxis=y_axis | {"title": {"text": column_title}},
        )
    )
    drawn: dict[tuple[float | None, ...], str] = {}
    for name, line in _by_branch(summary):
        figure.add_trace(_line(line, name, column, unit, text))
        # Of lines that coincide only the last can be seen.
        shown = tuple(map(number, line[column]))
        first = drawn.setdefault(shown, name)
        if first != name and any(each is not None for each in shown):
            label = figure.data[-1].name
            figure.data[-1].name = text("legend.same", branch=label, other=escaped(first))
    return figure


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
