"""Draws the memory of traced steps over time, and the parts of their peaks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from profiling.analysis.findings import Findings, alike, first_of, span
from profiling.charts.style import (
    FONT,
    ROW_HEIGHT,
    base_layout,
    branch_axis,
    branch_style,
    empty,
    escaped,
    exact_bytes,
    hatching,
    label_room,
    number,
    rows_of,
    scaled,
    value_labels,
)
from profiling.model.metrics import METRICS
from profiling.model.units import Unit, byte_unit, show_bytes, time_unit
from profiling.model.words import Text
from profiling.traces.memory import NO_OP

_HEIGHT = 340
# Most points of all lines together.
_POINTS = 2400
_NUMBER = ".3~r"
# Colour and hatching of each kind, in the order of a bar's parts. The hues are Okabe and Ito's,
# each with a contrast of at least 3 on white and on near-black; hues that may be confused by
# colour-blind readers differ in hatching.
_KIND_STYLES = {
    "kept": ("#808080", ""),
    "saved": ("#0a7cc0", ""),
    "copy": ("#d55e00", "x"),
    "temporary": ("#c08000", "/"),
    "gradient": ("#009e73", ""),
    "backward_temporary": ("#c2689a", "\\"),
    "released": ("#8f8700", "."),
}
_HOVER_OPS = 6
_HOVER_LIMIT = 60


def memory_over_time(curves: pd.DataFrame, found: Findings, text: Text) -> go.Figure:
    """Draw the bytes allocated after each allocation and free, from each branch's first one on.

    Args:
        curves: Column ``branch`` and the columns of `profiling.traces.memory.memory_curve`.
        found: What the cell shows.
        text: Translator.

    Returns:
        A step line and a marked peak for each branch. Long curves are reduced to the highest and
        lowest point of each section.
    """
    if curves.empty:
        return empty(text)
    first = curves.groupby("branch")["time_s"].transform("min")
    curves = curves.assign(since_s=curves["time_s"] - first).reset_index(drop=True)
    time, memory = time_unit(curves["since_s"]), byte_unit(curves["live_bytes"])
    branches = curves["branch"].unique().tolist()
    peaks = curves.loc[curves.groupby("branch", sort=False)["live_bytes"].idxmax()]
    title = escaped(_curve_title(peaks, found, memory, text))
    figure = go.Figure(layout=_curve_layout(title, len(branches)))
    figure.update_xaxes(title_text=text("axis.time_since_first", unit=time.symbol))
    figure.update_yaxes(title_text=text("axis.live_memory", unit=memory.symbol))
    # Labels are placed towards the middle of the chart, so that none is cut off.
    middle = curves["since_s"].max() / 2
    named = set(peaks["live_bytes"].agg(["idxmin", "idxmax"]))
    for index, peak in peaks.iterrows():
        curve = _downsample(curves[curves["branch"] == peak["branch"]], _POINTS // len(branches))
        figure.add_trace(_line(curve, peak, time, memory, text))
        figure.add_trace(_peak(peak, index in named, time, memory, text))
        if peak["since_s"] > middle:
            figure.data[-1].textposition = "top left"
    return figure


def _curve_title(peaks: pd.DataFrame, found: Findings, memory: Unit, text: Text) -> str:
    """Return a title: the peaks of the baseline and of the branches with the lowest peak."""
    drawn = dict(zip(peaks["branch"], peaks["live_bytes"], strict=True))
    if found.lower is not None and {found.baseline, *found.lower.branches} <= drawn.keys():
        lowest = [drawn[name] for name in found.lower.branches]
        return text(
            "chart.memory.title.lower",
            baseline=found.baseline,
            base=memory.show(drawn[found.baseline]),
            names=first_of(found.lower.branches, text),
            peak=span(memory.show, min(lowest), max(lowest)),
        )
    low, high = min(drawn.values()), max(drawn.values())
    if alike(low, high):
        return text("chart.memory.title.same", peak=span(memory.show, low, high))
    return text("chart.memory.title")


def _curve_layout(title: str, branches: int) -> go.Layout:
    return base_layout(
        title,
        _HEIGHT,
        branches,
        xaxis={"rangemode": "tozero"},
        yaxis={"rangemode": "tozero"},
    )


def _downsample(curve: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Keep the ends of a curve, and the highest and lowest point of each section."""
    if len(curve) <= limit:
        return curve
    stretch = np.arange(len(curve)) * (limit // 2) // len(curve)
    sizes = curve.groupby(stretch)["live_bytes"]
    kept = {*sizes.idxmax(), *sizes.idxmin(), curve.index[0], curve.index[-1]}
    return curve.loc[sorted(kept)]


def _line(curve: pd.DataFrame, peak: pd.Series, time: Unit, memory: Unit, text: Text) -> go.Scatter:
    name = escaped(peak["branch"])
    style = branch_style(peak["branch"])
    now = text(
        "hover.live",
        size=f"%{{y:{_NUMBER}}} {memory.symbol}",
        time=f"%{{x:{_NUMBER}}} {time.symbol}",
    )
    return go.Scatter(
        name=text("legend.peak", branch=name, peak=memory.show(peak["live_bytes"])),
        legendgroup=name,
        x=scaled(curve["since_s"], time),
        y=scaled(curve["live_bytes"], memory),
        mode="lines",
        line={"color": style.color, "dash": style.dash, "width": 1.5, "shape": "hv"},
        hovertemplate=f"{name}<br>{now}<extra></extra>",
    )


def _peak(peak: pd.Series, named: bool, time: Unit, memory: Unit, text: Text) -> go.Scatter:
    """Return the marker of a branch's peak.

    Only the highest and the lowest peak have a label, since labels would overlap; the legend shows
    all values.
    """
    name = escaped(peak["branch"])
    style = branch_style(peak["branch"])
    exact = f"{text('metric.peak')}: {exact_bytes(int(peak['live_bytes']), memory, text)}"
    return go.Scatter(
        name=name,
        legendgroup=name,
        showlegend=False,
        x=scaled([peak["since_s"]], time),
        y=scaled([peak["live_bytes"]], memory),
        mode="markers+text" if named else "markers",
        marker={"color": style.color, "symbol": style.symbol, "size": 10},
        text=[memory.show(peak["live_bytes"])],
        textposition="top right",
        cliponaxis=False,
        hovertemplate=f"{name}<br>{exact}<extra></extra>",
    )


def peak_parts(
    parts: pd.DataFrame, found: Findings, text: Text, predicted: pd.DataFrame | None = None
) -> go.Figure:
    """Draw the bytes alive at each branch's peak, stacked by kind.

    Args:
        parts: Rows of one cell: column ``branch`` and the columns of
            `profiling.traces.memory.peak_parts`.
        found: What the cell shows.
        text: Translator.
        predicted: Columns ``branch`` and that of the metric ``predicted``; other branches are
            ignored.

    Returns:
        Bars labelled with the peak and marked at the prediction, if there is one. Memory that was
        allocated before the step and freed extends to the left of 0.
    """
    if parts.empty:
        return empty(text)
    branches = parts["branch"].unique().tolist()
    shown = [escaped(branch) for branch in branches]
    predictions = _predictions(predicted, branches)
    above = _sums(parts[parts["bytes"] > 0], branches).fillna(0)
    below = _sums(parts[parts["bytes"] < 0], branches).fillna(0)
    peaks, ends = above + below, above.where(~(predictions > above), predictions)
    unit = byte_unit(ends)
    kinds = [kind for kind in _KIND_STYLES if kind in set(parts["kind"])]
    has_predictions = bool(predictions.notna().any())
    labels, at = [unit.show(peak) for peak in peaks], scaled(ends, unit)
    legend, room = len(kinds) + has_predictions, label_room(at, labels)
    title = escaped(_parts_title(parts, peaks, found, text))
    figure = go.Figure(layout=_parts_layout(title, shown, branches, legend, room))
    reach = [float(below.min()), float(ends.max())]
    figure.update_xaxes(title_text=text("axis.peak", unit=unit.symbol), range=scaled(reach, unit))
    for kind in kinds:
        figure.add_trace(_bars(parts[parts["kind"] == kind], kind, branches, unit, text))
    if has_predictions:
        figure.add_trace(_markers(predictions, shown, unit, text))
    figure.add_trace(value_labels(at, shown, labels, hoverinfo="skip"))
    return figure


def _sums(parts: pd.DataFrame, branches: list[str]) -> pd.Series:
    return parts.groupby("branch")["bytes"].sum().reindex(branches)


def _predictions(predicted: pd.DataFrame | None, branches: list[str]) -> pd.Series:
    if predicted is None:
        return pd.Series(float("nan"), index=branches)
    column = METRICS["predicted"].column
    return predicted.set_index("branch")[column].reindex(branches).astype("float64")


def _parts_title(parts: pd.DataFrame, peaks: pd.Series, found: Findings, text: Text) -> str:
    """Return a title: the kind that explains most of the difference to the lowest peak."""
    sizes = parts.groupby(["kind", "branch"])["bytes"].sum().unstack(fill_value=0)
    high = found.baseline if found.baseline in peaks else str(peaks.idxmax())
    low = found.lower.branches[0] if found.lower else high
    if low not in peaks or not peaks[low] < peaks[high]:
        kind = str(sizes[high].idxmax())
        return text(
            "chart.peak_parts.title.largest",
            branch=high,
            kind=text(f"kind.{kind}"),
            size=show_bytes(sizes[high][kind]),
            peak=show_bytes(peaks[high]),
        )
    less = sizes[high] - sizes[low]
    return text(
        "chart.peak_parts.title.lower",
        low=low,
        high=high,
        difference=show_bytes(float(peaks[high] - peaks[low])),
        kind=text(f"kind.{less.idxmax()}"),
        change=show_bytes(less.max()),
    )


def _parts_layout(
    title: str, shown: list[str], branches: list[str], legend: int, room: int
) -> go.Layout:
    return base_layout(
        title,
        ROW_HEIGHT * len(shown),
        legend,
        room,
        barmode="relative",
        bargap=0.3,
        xaxis={"nticks": 6},
        yaxis=branch_axis(shown, branches),
    )


def _bars(mine: pd.DataFrame, kind: str, branches: list[str], unit: Unit, text: Text) -> go.Bar:
    """Return the bars of one kind."""
    color, pattern = _KIND_STYLES[kind]
    name = text(f"kind.{kind}")
    hover = [_hover(mine[mine["branch"] == branch], branch, name, text) for branch in branches]
    return go.Bar(
        name=name,
        x=scaled(_sums(mine, branches), unit),
        y=[escaped(branch) for branch in branches],
        orientation="h",
        marker={"color": color, "pattern": hatching(pattern), "line": {"width": 0}},
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(part: pd.DataFrame, branch: str, name: str, text: Text) -> str:
    """Return the hover text of a kind in a branch, with the operators with the most bytes."""
    lines = [escaped(branch), f"{name}: {_exact(part['bytes'].sum(), text)}"]
    ops = part[part["op"] != ""].sort_values("bytes", ascending=False, kind="stable")
    for row in rows_of(ops[:_HOVER_OPS]):
        op = text("op.python") if row["op"] == NO_OP else escaped(row["op"], _HOVER_LIMIT)
        lines.append(f"{op}: {_exact(row['bytes'], text)}")
    others = ops[_HOVER_OPS:]
    if len(others):
        rest = _exact(others["bytes"].sum(), text)
        lines.append(text("hover.other_parts", count=len(others), size=rest))
    return "<br>".join(lines)


def _exact(count: float, text: Text) -> str:
    return exact_bytes(int(count), byte_unit([count]), text)


def _markers(predictions: pd.Series, shown: list[str], unit: Unit, text: Text) -> go.Scatter:
    name = text("metric.predicted")
    sizes = [number(guess) for guess in predictions]
    hovers = [
        "" if size is None else f"{branch}<br>{name}: {_exact(size, text)}"
        for branch, size in zip(shown, sizes, strict=True)
    ]
    return go.Scatter(
        name=name,
        x=scaled(predictions, unit),
        y=shown,
        mode="markers",
        marker={"symbol": "diamond-tall", "size": 16, "color": "#ffffff"}
        | {"line": {"width": 2, "color": FONT}},
        cliponaxis=False,
        customdata=hovers,
        hovertemplate="%{customdata}<extra></extra>",
    )
