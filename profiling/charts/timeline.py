"""Draws a window of a trace as a timeline, with its phases shaded behind the events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from profiling.charts.style import (
    FONT,
    GRID,
    LINE_HEIGHT,
    Row,
    base_layout,
    empty,
    escaped,
    hatching,
    number,
    rows_of,
)
from profiling.model.units import Unit, time_unit
from profiling.model.words import Text
from profiling.traces.categories import DEVICE_WORK, is_runtime
from profiling.traces.families import FAMILIES, family
from profiling.traces.memory import NODE_PREFIX
from profiling.traces.timeline import View

# First and last second shown.
Window = tuple[float, float]

# Categories with a name in the locales.
_CATEGORIES = (
    *("cpu_op", "user_annotation", "python_function", "kernel"),
    *("gpu_memcpy", "gpu_memset", "gpu_user_annotation"),
)


class FamilyColor(NamedTuple):
    """The colour of a family's bars, and of the names in them."""

    bar: str
    name: str


# Told apart with each kind of colour blindness; each has a contrast of at least 3 with a light and
# a dark page, and of 4.5 with the names in it.
COLORS = {
    "matmul": FamilyColor("#5477e0", "#000000"),
    "elementwise": FamilyColor("#3da55a", "#000000"),
    "reduction": FamilyColor("#8943aa", "#ffffff"),
    "copy": FamilyColor("#e57609", "#000000"),
    "communication": FamilyColor("#b03931", "#ffffff"),
    "optimizer": FamilyColor("#296f4d", "#ffffff"),
    "backward": FamilyColor("#1a99f4", "#000000"),
    "runtime": FamilyColor("#b06aaf", "#000000"),
    "python": FamilyColor("#6b7280", "#ffffff"),
    "annotation": FamilyColor("#b9660f", "#000000"),
    "other": FamilyColor("#939393", "#000000"),
}
BAR_SHARE = 0.86
# More lines than these would hide the launches.
MOST_LAUNCH_LINES = 40

_ROW_PX, _LEAST_ROW_PX, _MOST_PX = 22, 4, 2400
# Letters that fit the width of a large screen, and fewest letters of a shortened name.
_LETTERS = 170
_FEWEST_LETTERS = 4
_NAME_LIMIT, _SHAPES_LIMIT, _LANE_LIMIT = 90, 80, 30
# Greatest length of all hover texts as JSON; the rest of a figure takes less than half of this.
_HOVER_BUDGET = 480_000
# With more phases or steps than these, none is wide enough to be seen.
_MOST_PHASES = 200
_STEP_FILL, _STEP_LABEL = "rgba(128,128,128,.10)", "rgba(128,128,128,.22)"
# Rows above the first lane, for the names of phases and of steps.
_PHASE_ROW, _STEP_ROW = -1, -2


class _PhaseColors(NamedTuple):
    background: str
    label: str


_PHASE_COLORS = {
    "forward": _PhaseColors("rgba(11,116,181,.14)", "rgba(11,116,181,.22)"),
    "backward": _PhaseColors("rgba(192,79,0,.14)", "rgba(192,79,0,.22)"),
    "optimizer": _PhaseColors("rgba(0,128,93,.14)", "rgba(0,128,93,.22)"),
}


def timeline(
    lanes: pd.DataFrame,
    view: View,
    events: pd.DataFrame,
    window: Window,
    text: Text,
    short: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw the events of a window.

    Args:
        lanes: As in `profiling.traces.timeline.Timeline`.
        view: As from `profiling.traces.timeline.view`, of this window.
        events: The trace, as from `profiling.traces.table.read_trace`.
        window: First and last second shown.
        text: Translator.
        short: Short names of GPU work, by whole ones; a whole name is written unless it has one.

    Returns:
        Bars in one unit of time, a plotly trace for each family of events, hatched where several
        events are merged. Only lanes with events in the window are drawn, below each other. The
        custom data of a bar is the number of its event; None if it is merged.
    """
    boxes = _boxes(view, events)
    if boxes.empty:
        return empty(text)
    depths = boxes.groupby("lane")["depth"].max() + 1
    tops = _tops(depths)
    unit = time_unit([window[1] - window[0]])
    rows = int(depths.sum()) + len(depths)
    row_px = int(np.clip(_MOST_PX / rows, _LEAST_ROW_PX, _ROW_PX))
    boxes = clip(boxes, window)
    boxes["y"] = boxes["lane"].map(tops) + boxes["depth"]
    boxes["label"] = _labels_of(boxes, short or {})
    boxes["hover"] = limit_hovers([hover_text(row, text) for row in rows_of(boxes)])
    is_merged = bool(boxes["count"].gt(1).any())
    boxes["family"] = [family(*each) for each in zip(boxes["category"], boxes["name"], strict=True)]
    families = [each for each in FAMILIES if each in set(boxes["family"])]
    legend = len(families) + is_merged
    figure = go.Figure(layout=_layout(window, unit, (rows + 1) * row_px, rows, legend, text))
    for each in families:
        of_family = boxes[boxes["family"] == each]
        for place, (_, bars) in enumerate(of_family.groupby(of_family["count"] > 1)):
            figure.add_trace(_bars(each, bars, window, unit, text))
            figure.data[-1].showlegend = place == 0
    if is_merged:
        figure.add_trace(_merged_key(text))
    figure.add_trace(_arrows(boxes, unit))
    _label_lanes(figure, lanes, tops, text)
    return figure


def count_launch_lines(view: View, events: pd.DataFrame) -> int:
    """Count the launches that are drawn, unmerged, together with the work that they launched.

    Up to `MOST_LAUNCH_LINES` of them are connected by lines.
    """
    drawn = view.drawn["event"]
    return int(events["launch_index"].loc[drawn].isin(drawn).sum())


def add_phases(figure: go.Figure, phases: pd.DataFrame, window: Window, text: Text) -> None:
    """Shade the phases of a trace behind its events, with their names in the row above.

    Args:
        figure: As from `timeline`, of the same window; it is modified.
        phases: As from `profiling.traces.phases.training_phases`.
        window: First and last second shown.
        text: Translator.
    """
    if not figure.data:
        return
    unit = time_unit([window[1] - window[0]])
    visible = phases[(phases["end_s"] > window[0]) & (phases["start_s"] < window[1])]
    visible = clip(visible, window).head(_MOST_PHASES)
    backgrounds = [_PHASE_COLORS[phase].background for phase in visible["phase"]]
    _shade(figure, rows_of(visible), unit, backgrounds)
    by_phase = visible.groupby("phase", sort=False)
    labels = [
        _labels(
            name := text(f"trace.phase.{phase}"),
            [name] * len(spans),
            spans,
            _PHASE_ROW,
            _PHASE_COLORS[str(phase)].label,
            unit,
        )
        for phase, spans in by_phase
    ]
    figure.add_traces(labels)
    figure.update_layout(height=figure.layout.height + LINE_HEIGHT * len(labels))


def add_steps(figure: go.Figure, steps: pd.DataFrame, window: Window, text: Text) -> None:
    """Shade every other profiler step of a trace, with the names of all in a row on top.

    Args:
        figure: As from `timeline`, of the same window; it is modified.
        steps: As from `profiling.traces.phases.steps`.
        window: First and last second shown.
        text: Translator.
    """
    unit = time_unit([window[1] - window[0]])
    spans = steps.assign(end_s=steps["start_s"] + steps["wall_s"])
    visible = spans[(spans["end_s"] > window[0]) & (spans["start_s"] < window[1])]
    visible = clip(visible, window).head(_MOST_PHASES)
    if not figure.data or visible.empty:
        return
    odd = rows_of(visible[visible["step"] % 2 == 1])
    _shade(figure, odd, unit, [_STEP_FILL] * len(odd))
    names = [text("trace.step", number=step) for step in visible["step"]]
    figure.add_trace(_labels(text("trace.steps"), names, visible, _STEP_ROW, _STEP_LABEL, unit))
    bottom, _ = figure.layout.yaxis.range
    figure.update_layout(
        yaxis={"range": [bottom, _STEP_ROW - 0.5]}, height=figure.layout.height + LINE_HEIGHT
    )


def _shade(figure: go.Figure, spans: list[Row], unit: Unit, colors: list[str]) -> None:
    shapes = [
        {
            "type": "rect",
            "x0": span["start_s"] / unit.factor,
            "x1": span["end_s"] / unit.factor,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "layer": "below",
            "line": {"width": 0},
            "fillcolor": color,
        }
        for span, color in zip(spans, colors, strict=True)
    ]
    # At once: plotly checks all shapes again with each that is added.
    figure.layout.shapes = (*figure.layout.shapes, *shapes)


def category_name(category: str, text: Text) -> str:
    """Return the display name of a category; an unknown one keeps its own name."""
    if category in _CATEGORIES:
        return text(f"trace.category.{category}")
    if is_runtime(category):
        device, _, kind = category.rpartition("_")
        return text(f"trace.category.{kind}", device=escaped(device.upper(), 30))
    return escaped(category, 30)


def lane_name(lane: Row, text: Text) -> str:
    """Return the display name of a lane: its thread or stream."""
    kind = lane["kind"]
    if kind == "stream" and pd.notna(lane["device"]) and pd.notna(lane["stream"]):
        return text("trace.lane.stream", device=lane["device"], stream=lane["stream"])
    if kind == "more":
        return text("trace.lane.more")
    parts = [
        f"{lane[f'{part}_name']} {lane[part]}".strip() or "–" for part in ("process", "thread")
    ]
    return " · ".join(escaped(part, _LANE_LIMIT) for part in parts)


def fit_name(name: str, room: int) -> str:
    """Shorten a name to the letters that fit; a long name loses its namespace first."""
    if room < _FEWEST_LETTERS:
        return ""
    if len(name) > room:
        name = name.removeprefix(NODE_PREFIX).removeprefix("aten::")
    return escaped(name if len(name) <= room else f"{name[: room - 1]}…")


def hover_text(row: Row, text: Text) -> str:
    """Return the hover text of a row of `_boxes`."""
    name = escaped(row["label"], _NAME_LIMIT)
    if row["count"] > 1:
        return text("trace.hover.merged", count=f"{row['count']:,}", name=name)
    whole = time_unit([row["whole_s"]]).show(row["whole_s"])
    lines = [name, f"{category_name(row['category'], text)}: {whole}"]
    if isinstance(row["shapes"], str):
        lines.append(escaped(row["shapes"], _SHAPES_LIMIT))
    for field in ("stream", "correlation"):
        value = number(row[field])
        if value is not None:
            lines.append(text(f"trace.hover.{field}", value=int(value)))
    if isinstance(row["launched_by"], str):
        launcher = escaped(row["launched_by"], _NAME_LIMIT)
        lines.append(text("trace.hover.launched_by", name=launcher))
    return "<br>".join(lines)


def _boxes(view: View, events: pd.DataFrame) -> pd.DataFrame:
    """Return events and blocks as one table, with the columns that hover texts need."""
    rows = events.loc[view.drawn["event"]].reset_index(drop=True)
    launcher = rows["op_index"].fillna(rows["launch_index"])
    # No row has the number -1, so work without a known launch gets no name.
    names = events["name"].reindex(launcher.fillna(-1).astype("int64")).reset_index(drop=True)
    is_launched = rows["launch_index"].notna() | rows["category"].isin(DEVICE_WORK)
    drawn = view.drawn.assign(
        count=1,
        **{column: rows[column] for column in ("shapes", "stream", "correlation", "launch_index")},
        launched_by=names.where(is_launched),
    )
    shown = ["lane", "depth", "start_s", "end_s", "name", "category", "count"]
    more = ["event", "shapes", "stream", "correlation", "launch_index", "launched_by"]
    boxes = pd.concat([drawn[shown + more], view.blocks.reindex(columns=shown + more)])
    boxes["category"] = boxes["category"].astype("object").fillna("")
    boxes["name"] = boxes["name"].astype("object")
    return boxes.reset_index(drop=True)


def _labels_of(boxes: pd.DataFrame, short: Mapping[str, str]) -> list[str]:
    columns = boxes["name"], boxes["category"].isin(DEVICE_WORK)
    return [
        short.get(name, name) if is_work else name for name, is_work in zip(*columns, strict=True)
    ]


def _tops(depths: pd.Series) -> pd.Series:
    """Return the first row of each lane; the row above it contains the lane's name."""
    heights = depths + 1
    return heights.cumsum() - heights + 1


def clip(spans: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Clip spans to the window; ``whole_s`` is their whole duration."""
    return spans.assign(
        whole_s=spans["end_s"] - spans["start_s"],
        start_s=spans["start_s"].clip(*window),
        end_s=spans["end_s"].clip(*window),
    )


def limit_hovers(hovers: list[str]) -> list[str]:
    """Shorten the longest hover texts until all of them fit the budget."""
    costs = np.array([len(json.dumps(each)) for each in hovers])
    limit = int(costs.max(initial=0))
    while np.minimum(costs, limit).sum() > _HOVER_BUDGET:
        limit = limit * 3 // 4
    return [
        each if cost <= limit else _shortened(each, limit)
        for each, cost in zip(hovers, costs, strict=True)
    ]


def _shortened(words: str, limit: int) -> str:
    kept = words.split("<br>")[0]
    while len(json.dumps(kept)) > limit:
        kept = kept[: len(kept) * 3 // 4]
    # A truncated HTML entity would be shown literally.
    return kept.rpartition("&")[0] if "&" in kept[-6:] else kept


def _bars(family: str, boxes: pd.DataFrame, window: Window, unit: Unit, text: Text) -> go.Bar:
    is_merged = bool(boxes["count"].iloc[0] > 1)
    spans = (boxes["end_s"] - boxes["start_s"]).to_numpy()
    letters = (spans / (window[1] - window[0]) * _LETTERS).astype("int64")
    names = [fit_name(name, room) for name, room in zip(boxes["label"], letters, strict=True)]
    return go.Bar(
        name=text(f"trace.family.{family}"),
        legendgroup=family,
        orientation="h",
        base=boxes["start_s"].to_numpy() / unit.factor,
        x=spans / unit.factor,
        y=boxes["y"].to_numpy("int16"),
        width=BAR_SHARE,
        marker={
            "color": COLORS[family].bar,
            "line": {"width": 0},
            # A pattern for each bar would take the browser longer than all else.
            "pattern": hatching("/" if is_merged else ""),
        },
        text=names if any(names) and not is_merged else None,
        textposition="inside",
        insidetextanchor="start",
        insidetextfont={"color": COLORS[family].name, "size": 11},
        textangle=0,
        customdata=[None if pd.isna(event) else int(event) for event in boxes["event"]],
        hovertext=boxes["hover"].to_list(),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _merged_key(text: Text) -> go.Bar:
    """Return the legend entry for hatching."""
    return go.Bar(
        name=text("trace.legend.merged"),
        x=[None],
        y=[None],
        orientation="h",
        marker={"color": COLORS["other"].bar, "line": {"width": 0}, "pattern": hatching("/")},
    )


def _arrows(boxes: pd.DataFrame, unit: Unit) -> go.Scatter:
    """Return lines from launches to the work that they launched, if there are few enough."""
    place = pd.Series(boxes.index, index=boxes["event"].astype("Int64"))
    kernels = boxes[boxes["launch_index"].isin(place.index.dropna())]
    kernels = kernels if len(kernels) <= MOST_LAUNCH_LINES else kernels.head(0)
    launches = boxes.loc[place.loc[kernels["launch_index"]]]
    return go.Scatter(
        x=_separate_lines(launches["end_s"] / unit.factor, kernels["start_s"] / unit.factor),
        y=_separate_lines(launches["y"], kernels["y"]),
        mode="lines",
        line={"color": FONT, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _separate_lines(starts: Iterable[float], ends: Iterable[float]) -> list[float | None]:
    """Return the coordinates of separate lines, with a gap after each."""
    parts: list[float | None] = []
    for start, end in zip(starts, ends, strict=True):
        parts += [float(start), float(end), None]
    return parts


def _labels(
    legend: str, names: list[str], spans: pd.DataFrame, row: int, color: str, unit: Unit
) -> go.Bar:
    """Return the labels as bars, because plotly hides the text of a bar where it does not fit."""
    lengths = [time_unit([each]).show(each) for each in spans["whole_s"]]
    return go.Bar(
        name=legend,
        orientation="h",
        base=spans["start_s"].to_numpy() / unit.factor,
        x=(spans["end_s"] - spans["start_s"]).to_numpy() / unit.factor,
        y=[row] * len(spans),
        width=BAR_SHARE,
        marker={"color": color, "line": {"width": 0}},
        text=names,
        textposition="inside",
        insidetextanchor="middle",
        insidetextfont={"color": FONT, "size": 10},
        textangle=0,
        hovertext=[f"{name}<br>{length}" for name, length in zip(names, lengths, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _layout(
    window: Window, unit: Unit, height: int, rows: int, legend: int, text: Text
) -> go.Layout:
    start, end = window[0] / unit.factor, window[1] / unit.factor
    layout = base_layout(
        "",
        height,
        legend,
        barmode="overlay",
        bargap=0,
        dragmode="zoom",
        hovermode="closest",
        uniformtext={"mode": "hide", "minsize": 8},
        # The page converts a selected range to seconds with this.
        meta={"unit_s": unit.factor},
        xaxis={
            "range": [start, end],
            "title": {"text": text("trace.axis.time", unit=unit.symbol)},
            "nticks": 8,
            "tickformat": ",~r",
        },
        yaxis={
            # One row at the top is for the labels of phases.
            "range": [rows - 0.4, _PHASE_ROW - 0.5],
            "visible": False,
            "fixedrange": True,
        },
    )
    layout.margin.t = 18
    return layout


def _label_lanes(figure: go.Figure, lanes: pd.DataFrame, tops: pd.Series, text: Text) -> None:
    shown = rows_of(lanes.loc[tops.index])
    for lane, top in zip(shown, tops, strict=True):
        figure.add_annotation(
            text=lane_name(lane, text),
            x=0,
            xref="paper",
            xanchor="left",
            y=int(top) - 1,
            yanchor="middle",
            showarrow=False,
            font={"size": 11},
        )
        figure.add_hline(y=int(top) - 1.5, line={"color": GRID, "width": 1}, layer="below")
