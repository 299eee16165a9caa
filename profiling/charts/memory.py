"""Memory over time in a traced step, one step line a branch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from profiling.charts.findings import exact_bytes, tied
from profiling.charts.style import Text, base_layout, branch_style, empty
from profiling.charts.values import escaped, scaled
from profiling.units import Unit, byte_unit, time_unit

_HEIGHT = 340
# Points of all lines together: a trace may have any number of them, a page may not.
_POINTS = 2400
_NUMBER = ".3~r"


def memory_over_time(curves: pd.DataFrame, text: Text) -> go.Figure:
    """Draw the bytes live after each allocation and each free, from a branch's first one on.

    Args:
        curves: Column ``branch``, then those of `profiling.traces.memory.memory_curve`.
        text: Says a locale key.

    Returns:
        One step line and one marked peak a branch, times and bytes in one unit each. Of long
        curves the highest and lowest point of each stretch are drawn.
    """
    if curves.empty:
        return empty(text)
    first = curves.groupby("branch")["time_s"].transform("min")
    curves = curves.assign(since_s=curves["time_s"] - first).reset_index(drop=True)
    time, memory = time_unit(curves["since_s"]), byte_unit(curves["live_bytes"])
    branches = curves["branch"].unique().tolist()
    peaks = curves.loc[curves.groupby("branch", sort=False)["live_bytes"].idxmax()]
    figure = go.Figure(layout=_layout(_finding(peaks, memory, text), len(branches)))
    figure.update_xaxes(title_text=text("axis.time_since_first", unit=time.symbol))
    figure.update_yaxes(title_text=text("axis.live_memory", unit=memory.symbol))
    # Labels point to the middle of the chart, so that none is cut off at its ends.
    middle = curves["since_s"].max() / 2
    named = set(peaks["live_bytes"].agg(["idxmin", "idxmax"]))
    for index, peak in peaks.iterrows():
        curve = _thinned(curves[curves["branch"] == peak["branch"]], _POINTS // len(branches))
        figure.add_trace(_line(curve, peak, time, memory, text))
        figure.add_trace(_peak(peak, index in named, time, memory, text))
        if peak["since_s"] > middle:
            figure.data[-1].textposition = "top left"
    return figure


def _finding(peaks: pd.DataFrame, memory: Unit, text: Text) -> str:
    """Name the branches with the highest and with the lowest peak, all that share it."""
    values: dict[str, str] = {}
    for place, size in (("high", peaks["live_bytes"].max()), ("low", peaks["live_bytes"].min())):
        shared = peaks[peaks["live_bytes"] == size]["branch"].to_list()
        values |= {place: tied(shared, text), f"{place}_peak": memory.show(size)}
    if values["high"] == values["low"]:
        return text("chart.memory.title.one", peak=values["high_peak"])
    return text("chart.memory.title.peaks", **values)


def _layout(title: str, branches: int) -> go.Layout:
    return base_layout(
        title,
        _HEIGHT,
        branches,
        xaxis={"rangemode": "tozero"},
        yaxis={"rangemode": "tozero"},
    )


def _thinned(curve: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Keep the ends of a curve, and of each stretch the highest and the lowest point."""
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
    """Mark a branch's peak; only the highest and the lowest are labelled, the rest would overlap.

    The legend has the value of every peak.
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
