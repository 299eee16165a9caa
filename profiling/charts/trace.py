"""Draws a trace: its timeline, operators, kernels and memory, and the changes to another trace."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.charts import timeline
from profiling.charts.style import (
    Row,
    base_layout,
    branch_axis,
    empty,
    escaped,
    exact_bytes,
    label_room,
    number,
    rows_of,
    scaled,
)
from profiling.charts.timeline import Window
from profiling.model.units import Unit, byte_unit, time_unit
from profiling.model.words import Text
from profiling.traces import timeline as lanes
from profiling.traces.kernel_names import short_names
from profiling.traces.memory import NODE_PREFIX, downsample, memory_curve, memory_devices
from profiling.traces.opened import OpenTrace
from profiling.traces.table import Trace
from profiling.traces.timeline import View

# Width of a large screen; narrower events are merged.
_WIDTH_PX = 1400

_AREA_HEIGHT = 420
# Smaller areas could be neither read nor hovered over.
_LEAST_SHARE = 0.001
_MOST = 150
_LABEL_LIMIT, _HOVER_LIMIT, _MOST_LINES = 90, 120, 6
# Okabe and Ito's hues, each dark enough for white letters.
_COLORS = ("#0b74b5", "#00805d", "#c04f00", "#7460d0", "#8a6500", "#b0508a", "#6b7280")
_CURVE_HEIGHT = 360
_STYLES = (
    ("#0a7cc0", "solid", "circle"),
    ("#d55e00", "dash", "square"),
    ("#009e73", "dashdot", "diamond"),
    ("#7d6bd6", "dot", "cross"),
    ("#c2689a", "longdash", "star"),
    ("#8f8700", "longdashdot", "hexagon"),
)
_NUMBER = ".4~r"
_TOP = 15
_ROW_PX = 26
_TICK_LIMIT, _BAR_HOVER_LIMIT = 18, 120
_MORE, _LESS = "#d55e00", "#009e73"


def charts(
    trace: Trace, diff: pd.DataFrame | None, window: Window, text: Text
) -> dict[str, go.Figure]:
    """Draw all charts of a trace, by name.

    Args:
        trace: The trace.
        diff: Its differences from another trace, as from `profiling.traces.diff.trace_diff`.
        window: First and last second of the timeline.
        text: Translator.
    """
    opened = OpenTrace(trace)
    found = {
        "timeline": timeline_chart(opened, window, text)[0],
        "memory": memory_chart(opened.events, text),
        "operators": treemap(opened.operators("name"), text),
    }
    if len(opened.kernels):
        found["kernels"] = treemap(opened.kernels, text, "total_s")
    if diff is not None:
        found["trace_diff"] = trace_changes(diff, text)
    return found


def config(name: str) -> dict[str, Any]:
    """Return the plotly configuration of a chart; `name` is the file name of saved images."""
    picture = {"format": "png", "scale": 2, "filename": f"detach-lab-{name}"}
    return {"displaylogo": False, "responsive": True, "toImageButtonOptions": picture}


def write_chart(name: str, figure: go.Figure, folder: Path, *, alone: bool) -> Path:
    """Write a chart as an HTML page that works offline.

    Args:
        name: Name of the chart and, with ``.html``, of the file.
        figure: The chart.
        folder: An existing folder.
        alone: Whether the file includes plotly.js; otherwise all charts share one file beside them.
    """
    path = folder / f"{name}.html"
    figure.write_html(path, config=config(name), include_plotlyjs=True if alone else "directory")
    return path


def timeline_chart(opened: OpenTrace, window: Window, text: Text) -> tuple[go.Figure, View]:
    """Draw a window of a trace with steps and phases; return the figure and what it shows."""
    view = lanes.view(opened.timeline, *window, _WIDTH_PX)
    figure = timeline.timeline(
        opened.timeline.lanes, view, opened.events, window, text, opened.short
    )
    timeline.add_phases(figure, opened.phases, window, text)
    timeline.add_steps(figure, opened.steps, window, text)
    return figure, view


def treemap(ops: pd.DataFrame, text: Text, column: str = "self_s") -> go.Figure:
    """Draw an area for each name, grouped by namespace.

    Args:
        ops: Columns ``name``, ``count`` and `column`, and perhaps ``short``, the name to write on
            the area; rows with the same name are added up.
        text: Translator.
        column: The column that areas show, in seconds.

    Returns:
        Areas that add up to the whole; the smallest of all groups are merged into one.
    """
    sums = ops.groupby("name", as_index=False)[["count", column]].sum()
    sums = sums[sums[column] > 0].sort_values(column, ascending=False, ignore_index=True)
    if sums.empty:
        return empty(text)
    short = dict(zip(ops["name"], ops["short"], strict=True)) if "short" in ops else {}
    sums["short"] = [short.get(name, name) for name in sums["name"]]
    whole = float(sums[column].sum())
    is_seen = (sums[column] >= _LEAST_SHARE * whole) & (sums.index < _MOST)
    areas = _areas(sums[is_seen], column, whole, text)
    rest = sums[~is_seen]
    if len(rest):
        label = text("chart.other_ops", count=len(rest))
        rest_s = float(rest[column].sum())
        areas.append(("rest", "", label, rest_s, _share(label, rest_s, whole, text), "#747474"))
    ids, parents, labels, values, hovers, colors = (list(each) for each in zip(*areas, strict=True))
    title = _title(sums, column, whole, text)
    figure = go.Figure(layout=base_layout(title, _AREA_HEIGHT))
    figure.add_trace(
        go.Treemap(
            ids=ids,
            parents=parents,
            labels=labels,
            values=values,
            branchvalues="total",
            hovertext=hovers,
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"colors": colors, "line": {"width": 1.5, "color": "rgba(255,255,255,.7)"}},
            textfont={"color": "#ffffff"},
            texttemplate="%{label}<br>%{percentRoot:.1%}",
            tiling={"pad": 2},
            pathbar={"visible": False},
        )
    )
    figure.update_layout(margin={"b": 8})
    return figure


Area = tuple[str, str, str, float, str, str]


def _areas(sums: pd.DataFrame, column: str, whole: float, text: Text) -> list[Area]:
    groups = sums["name"].map(_group)
    totals = sums.groupby(groups)[column].sum().sort_values(ascending=False)
    colors = {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(totals.index)}
    areas: list[Area] = []
    for group, total_s in totals.drop("", errors="ignore").items():
        label = escaped(group, _LABEL_LIMIT)
        hover = _share(label, float(total_s), whole, text)
        areas.append((f"group {group}", "", label, float(total_s), hover, colors[group]))
    columns = sums["name"], sums["short"], sums["count"], sums[column], groups
    for place, (name, short, count, time_s, group) in enumerate(zip(*columns, strict=True)):
        calls = text("trace.hover.calls", count=f"{count:,}")
        hover = _share(_lines(name), float(time_s), whole, text)
        parent = f"group {group}" if group else ""
        label = escaped(_without_group(short), _LABEL_LIMIT)
        color = colors[group] if group else _COLORS[place % len(_COLORS)]
        areas.append((f"op {place}", parent, label, float(time_s), f"{hover}<br>{calls}", color))
    return areas


def _lines(name: str) -> str:
    """Return a name in lines that fit a screen."""
    lines = textwrap.wrap(name, _HOVER_LIMIT) or [name]
    return "<br>".join(escaped(line, _HOVER_LIMIT) for line in lines[:_MOST_LINES])


def _group(name: str) -> str:
    if name.startswith(NODE_PREFIX):
        return "autograd"
    before, found, _ = name.partition("::")
    return before if found and before.isidentifier() else ""


def _without_group(name: str) -> str:
    if name.startswith(NODE_PREFIX):
        return name.removeprefix(NODE_PREFIX)
    before, _, after = name.partition("::")
    return after if after and before.isidentifier() else name


def _share(label: str, time_s: float, whole: float, text: Text) -> str:
    time = time_unit([time_s]).show(time_s)
    return text("trace.hover.share", name=label, time=time, share=f"{time_s / whole:.1%}")


def _title(sums: pd.DataFrame, column: str, whole: float, text: Text) -> str:
    largest = sums.iloc[0]
    kind = column.removesuffix("_s")
    return text(
        f"trace.treemap.{kind}",
        name=escaped(largest["short"], _LABEL_LIMIT),
        time=time_unit([whole]).show(whole),
        share=f"{largest[column] / whole:.0%}",
    )


def memory_chart(events: pd.DataFrame, text: Text) -> go.Figure:
    """Draw the memory of all devices of a trace."""
    curves, peaks = [], []
    for device in memory_devices(events):
        curve = memory_curve(events, device).assign(device=device)
        if len(curve):
            curves.append(downsample(curve))
            peaks.append(curve.loc[[curve["live_bytes"].idxmax()]])
    nothing = pd.DataFrame(columns=["device", "time_s", "live_bytes"])
    return trace_memory(
        pd.concat(curves) if curves else nothing, pd.concat(peaks) if peaks else nothing, text
    )


def trace_memory(curves: pd.DataFrame, peaks: pd.DataFrame, text: Text) -> go.Figure:
    """Draw the bytes allocated on each device over time.

    Args:
        curves: Columns ``device``, ``time_s`` and ``live_bytes``, in order of time.
        peaks: The same columns, for the peak of each device.
        text: Translator.

    Returns:
        A step line and a marked peak for each device.
    """
    if curves.empty:
        return empty(text)
    time, memory = time_unit(curves["time_s"]), byte_unit(curves["live_bytes"])
    devices = curves["device"].astype("str").unique().tolist()
    figure = go.Figure(layout=_layout(peaks, len(devices), time, memory, text))
    middle = (curves["time_s"].min() + curves["time_s"].max()) / 2
    for place, device in enumerate(devices):
        color, dash, symbol = _STYLES[place % len(_STYLES)]
        curve = curves[curves["device"] == device]
        peak = peaks[peaks["device"] == device].iloc[0]
        figure.add_trace(_line(curve, peak, time, memory, text))
        figure.data[-1].line.update(color=color, dash=dash)
        figure.add_trace(_peak(peak, time, memory, text))
        figure.data[-1].marker.update(color=color, symbol=symbol)
        if peak["time_s"] > middle:
            figure.data[-1].textposition = "top left"
    return figure


def _layout(peaks: pd.DataFrame, devices: int, time: Unit, memory: Unit, text: Text) -> go.Layout:
    highest = peaks.iloc[int(peaks["live_bytes"].to_numpy().argmax())]
    title = text(
        "trace.memory.title",
        device=escaped(highest["device"]),
        peak=memory.show(float(highest["live_bytes"])),
        time=time.show(float(highest["time_s"]), 4),
    )
    return base_layout(
        title,
        _CURVE_HEIGHT,
        devices,
        xaxis={"title": {"text": text("trace.axis.time", unit=time.symbol)}},
        yaxis={"title": {"text": text("axis.live_memory", unit=memory.symbol)}},
    )


def _line(curve: pd.DataFrame, peak: pd.Series, time: Unit, memory: Unit, text: Text) -> go.Scatter:
    name = escaped(peak["device"])
    now = text(
        "trace.hover.live",
        size=f"%{{y:{_NUMBER}}} {memory.symbol}",
        time=f"%{{x:{_NUMBER}}} {time.symbol}",
    )
    return go.Scatter(
        name=text("legend.peak", branch=name, peak=memory.show(float(peak["live_bytes"]))),
        x=curve["time_s"].to_numpy() / time.factor,
        y=curve["live_bytes"].to_numpy("float64") / memory.factor,
        mode="lines",
        line={"width": 1.5, "shape": "hv"},
        hovertemplate=f"{name}<br>{now}<extra></extra>",
    )


def _peak(peak: pd.Series, time: Unit, memory: Unit, text: Text) -> go.Scatter:
    size = float(peak["live_bytes"])
    exact = f"{text('metric.peak')}: {exact_bytes(int(size), memory, text)}"
    return go.Scatter(
        x=scaled([peak["time_s"]], time),
        y=scaled([size], memory),
        mode="markers+text",
        showlegend=False,
        marker={"size": 10},
        text=[memory.show(size)],
        textposition="top right",
        cliponaxis=False,
        hovertemplate=f"{escaped(peak['device'])}<br>{exact}<extra></extra>",
    )


def trace_changes(diff: pd.DataFrame, text: Text) -> go.Figure:
    """Draw the changes of self times: first where counts differ, then by size.

    Args:
        diff: As from `profiling.traces.diff.trace_diff`.
        text: Translator.

    Returns:
        A bar for each row, to the right if the second trace takes more time; labelled with the
        counts if they differ.
    """
    # Rows whose counts differ come first in a diff; they explain more than times do.
    shown = diff[diff["change_s"].notna()].head(_TOP)
    if shown.empty:
        return empty(text)
    unit = time_unit(shown["change_s"].astype("float64"))
    rows, changes = rows_of(shown), scaled(shown["change_s"], unit)
    places = list(range(len(rows)))
    short = short_names(shown.loc[shown["category"] != "cpu_op", "name"])
    names = [row["name"] if row["category"] == "cpu_op" else short[row["name"]] for row in rows]
    labels = [_counts(row) for row in rows]
    axis = branch_axis([]) | {"type": "linear", "tickvals": places}
    del axis["categoryarray"], axis["categoryorder"]
    kind = "count" if labels[0] else "time"
    name, change = escaped(names[0], 50), _signed(rows[0], unit)
    title = text(f"trace.diff.title.{kind}", name=name, change=change, counts=labels[0])
    figure = go.Figure(
        layout=base_layout(
            title,
            len(rows) * _ROW_PX,
            label_room=label_room([0.0] * len(rows), labels),
            xaxis={"title": {"text": text("trace.axis.change", unit=unit.symbol)}, "nticks": 7},
            yaxis=axis
            | {"zeroline": False, "ticktext": [escaped(name, _TICK_LIMIT) for name in names]},
        )
    )
    figure.add_trace(
        go.Bar(
            x=changes,
            y=places,
            orientation="h",
            marker={"color": [_MORE if (each or 0) > 0 else _LESS for each in changes]},
            hovertext=[_hover(row, unit, text) for row in rows],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.add_trace(_labels(changes, places, labels))
    return figure


def _labels(changes: list[float | None], places: list[int], labels: list[str]) -> go.Scatter:
    """Return the labels with the changes of counts, to the right of each bar and of 0."""
    return go.Scatter(
        x=[max(change or 0.0, 0.0) for change in changes],
        y=places,
        mode="text",
        text=[f"\u2002{label}" for label in labels],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )


def _counts(row: Row) -> str:
    a, b = (int(number(row[f"count_{side}"]) or 0) for side in ("a", "b"))
    return "" if a == b else f"{a:,} → {b:,}"


def _signed(row: Row, unit: Unit) -> str:
    change = float(row["change_s"])
    return f"{'+' if change > 0 else '−'}{unit.show(abs(change))}"


def _hover(row: Row, unit: Unit, text: Text) -> str:
    times = [unit.show(number(row[f"self_s_{side}"])) or "–" for side in ("a", "b")]
    counts = [int(number(row[f"count_{side}"]) or 0) for side in ("a", "b")]
    hover = text(
        "trace.hover.change",
        a=times[0],
        b=times[1],
        count_a=f"{counts[0]:,}",
        count_b=f"{counts[1]:,}",
    )
    return f"{escaped(row['name'], _BAR_HOVER_LIMIT)}<br>{hover}"
