"""Forward, backward and optimizer on a timeline: shaded, and named where the name fits."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.style import FONT, LINE_HEIGHT, Text
from profiling.charts.timeline import BAR_SHARE, Window, cut
from profiling.charts.values import rows_of
from profiling.units import Unit, time_unit


class _Shade(NamedTuple):
    behind: str
    name: str


_SHADES = {
    "forward": _Shade("rgba(11,116,181,.14)", "rgba(11,116,181,.22)"),
    "backward": _Shade("rgba(192,79,0,.14)", "rgba(192,79,0,.22)"),
    "optimizer": _Shade("rgba(0,128,93,.14)", "rgba(0,128,93,.22)"),
}
_MOST_BANDS = 200


def add_bands(figure: go.Figure, bands: pd.DataFrame, window: Window, text: Text) -> None:
    """Shade the phases of a trace behind its events, with their names in the row above.

    Args:
        figure: As from `profiling.charts.timeline.timeline`, of the same window; it is changed.
        bands: As from `profiling.traces.phases.bands`.
        window: First and last second shown.
        text: Says a locale key.
    """
    if not figure.data:
        return
    unit = time_unit([window[1] - window[0]])
    seen = bands[(bands["end_s"] > window[0]) & (bands["start_s"] < window[1])]
    # Of more than these none is wide enough to be told from its neighbours.
    seen = cut(seen, window).head(_MOST_BANDS)
    for band in rows_of(seen):
        figure.add_shape(
            type="rect",
            x0=band["start_s"] / unit.factor,
            x1=band["end_s"] / unit.factor,
            y0=0,
            y1=1,
            yref="paper",
            layer="below",
            line={"width": 0},
            fillcolor=_SHADES[band["phase"]].behind,
        )
    names = [_names(str(phase), of, unit, text) for phase, of in seen.groupby("phase", sort=False)]
    figure.add_traces(names)
    figure.update_layout(height=figure.layout.height + LINE_HEIGHT * len(names))


def _names(phase: str, bands: pd.DataFrame, unit: Unit, text: Text) -> go.Bar:
    """Return bars, since these show their text only where it fits, however wide the screen."""
    name = text(f"trace.phase.{phase}")
    return go.Bar(
        name=name,
        orientation="h",
        base=bands["start_s"].to_numpy() / unit.factor,
        x=(bands["end_s"] - bands["start_s"]).to_numpy() / unit.factor,
        y=[-1] * len(bands),
        width=BAR_SHARE,
        marker={"color": _SHADES[phase].name, "line": {"width": 0}},
        text=[name] * len(bands),
        textposition="inside",
        insidetextanchor="middle",
        insidetextfont={"color": FONT, "size": 10},
        textangle=0,
        hovertext=[f"{name}<br>{time_unit([s]).show(s)}" for s in bands["whole_s"]],
        hovertemplate="%{hovertext}<extra></extra>",
    )
