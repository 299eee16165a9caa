"""Memory over time in a trace: one step line a device, its peak marked."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.findings import exact_bytes
from profiling.charts.style import MODEBAR, Text, base_layout, empty
from profiling.charts.values import escaped, scaled
from profiling.units import Unit, byte_unit, time_unit

_HEIGHT = 360
_STYLES = (
    ("#0a7cc0", "solid", "circle"),
    ("#d55e00", "dash", "square"),
    ("#009e73", "dashdot", "diamond"),
    ("#7d6bd6", "dot", "cross"),
    ("#c2689a", "longdash", "star"),
    ("#8f8700", "longdashdot", "hexagon"),
)
_NUMBER = ".4~r"


def trace_memory(curves: pd.DataFrame, peaks: pd.DataFrame, text: Text) -> go.Figure:
    """Draw the bytes live on each device.

    Args:
        curves: Columns ``device``, ``time_s`` and ``live_bytes``, in order of time.
        peaks: The same columns: where each device has the most.
        text: Says a locale key.

    Returns:
        One step line and one marked peak a device, times and bytes in one unit each.
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
        _HEIGHT,
        devices,
        modebar=MODEBAR,
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
