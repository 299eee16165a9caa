"""Two runs side by side: the ratio of their times, branch by branch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.analysis.diff import chart_title
from profiling.charts.style import (
    FONT,
    ROW_HEIGHT,
    Row,
    base_layout,
    branch_axis,
    branch_style,
    empty,
    escaped,
    label_room,
    number,
    rows_of,
    value_labels,
)
from profiling.model.units import show_interval, show_ratio
from profiling.model.words import Text

# Room around the whiskers, as a share of their whole span.
_ROOM = 0.06
# The height of a row that is named in two lines.
_TALL_ROW = 44
# Where all ratios are alike, the axis still shows this much to either side.
_LEAST_SPAN = 0.02


def ratio_by_branch(rows: pd.DataFrame, text: Text) -> go.Figure:
    """Draw b's time over a's with its 95% interval, one row a branch and size.

    Args:
        rows: Rows of two runs, as from `profiling.analysis.diff.diff`.
        text: Says a locale key.

    Returns:
        A marker and a whisker a row, hollow where the interval holds 1, and a line at 1. A branch
        without a ratio has a row that says so.
    """
    if rows.empty:
        return empty(text)
    sizes = rows["size"].nunique() > 1
    cells = rows[["workload", "dtype", "parameters", "device_a"]].drop_duplicates()
    listed = rows_of(rows)
    shown = [_label(row, sizes, len(cells) > 1) for row in listed]
    left, right = _range(rows)
    ends, labels = [_end(row) for row in listed], [_value(row, text) for row in listed]
    room = label_room(ends, labels)
    axis = branch_axis(shown, [str(row["branch"]) for row in listed])
    figure = go.Figure(layout=_layout(chart_title(rows, text), [left, right], axis, room))
    figure.update_xaxes(title_text=text("diff.axis"))
    figure.add_shape(
        type="line", x0=1, x1=1, y0=0, y1=1, yref="paper", line={"color": FONT, "width": 1}
    )
    figure.add_trace(_ratios(listed, shown, text))
    figure.add_trace(value_labels(ends, shown, labels, left, hoverinfo="skip"))
    return figure


def _label(row: Row, sizes: bool, cells: bool) -> str:
    """Name a row by its branch, and on a second line by what else tells it from the others."""
    parts = [f"{row['size']:,}"] if sizes else []
    if cells:
        parts += [row["workload"], row["dtype"], row["parameters"], row["device_a"]]
    lines = [row["branch"], " · ".join(filter(None, parts))]
    return "<br>".join(escaped(line) for line in lines if line)


def _range(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis: 1, every whisker, and some room around them."""
    limits = pd.concat([rows["ratio"], rows["ratio_low"], rows["ratio_high"]]).dropna()
    low, high = min([1 - _LEAST_SPAN, *limits]), max([1 + _LEAST_SPAN, *limits])
    span = high - low
    return low - _ROOM * span, high + _ROOM * span


def _layout(title: str, ends: list[float], axis: dict[str, Any], room: int) -> go.Layout:
    names = axis["tickvals"]
    two_lines = any("<br>" in name for name in names)
    return base_layout(
        title,
        (_TALL_ROW if two_lines else ROW_HEIGHT) * len(names),
        label_room=room,
        xaxis={"range": ends, "nticks": 4},
        yaxis=axis,
    )


def _ratios(listed: list[Row], shown: list[str], text: Text) -> go.Scatter:
    styles = [branch_style(row["branch"]) for row in listed]
    hollow = [row["verdict"] not in ("faster", "slower") for row in listed]
    colors = [style.color for style in styles]
    pairs = zip(hollow, colors, strict=True)
    return go.Scatter(
        x=[number(row["ratio"]) for row in listed],
        y=shown,
        mode="markers",
        marker={
            "color": ["rgba(0,0,0,0)" if each else color for each, color in pairs],
            "symbol": [style.symbol for style in styles],
            "size": 9,
            "line": {"color": colors, "width": 2},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_reach(row, "ratio_high") for row in listed],
            "arrayminus": [_reach(row, "ratio_low") for row in listed],
            "color": FONT,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=[_hover(row, text) for row in listed],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _reach(row: Row, end: str) -> float | None:
    """Return how far a whisker goes from the ratio; None without an interval."""
    ratio, limit = number(row["ratio"]), number(row[end])
    return None if ratio is None or limit is None else abs(limit - ratio)


def _end(row: Row) -> float | None:
    """Return where a row's value is written: right of its whisker; None without a ratio."""
    known = [number(row[name]) for name in ("ratio_high", "ratio")]
    return next((each for each in known if each is not None), None)


def _value(row: Row, text: Text) -> str:
    ratio = number(row["ratio"])
    return text("chart.not_measured") if ratio is None else f"{show_ratio(ratio)}×"


def _hover(row: Row, text: Text) -> str:
    name, ratio = escaped(row["branch"]), number(row["ratio"])
    if ratio is None:
        return f"{name}<br>{text('chart.not_measured')}"
    values: dict[str, Any] = {"ratio": show_ratio(ratio)}
    low, high = number(row["ratio_low"]), number(row["ratio_high"])
    if low is None or high is None:
        return f"{name}<br>{text('diff.hover.no_interval', **values)}"
    said = text("diff.hover", interval=show_interval(low, high), **values)
    return f"{name}<br>{said}"
