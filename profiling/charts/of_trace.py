"""The charts of a trace, as the page shows them and as files that any browser opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.style import Text
from profiling.charts.timeline import Window, add_bands, timeline
from profiling.charts.trace import trace_changes, trace_memory, treemap
from profiling.traces import phases
from profiling.traces import timeline as lanes
from profiling.traces.memory import memory_curve, memory_devices, reduced
from profiling.traces.operators import kernels, operator_groups
from profiling.traces.table import Trace
from profiling.traces.timeline import View, view

# What is narrower than a pixel of a large screen is merged.
_WIDTH_PX = 1400


def timeline_chart(
    laid: lanes.Timeline, events: pd.DataFrame, bands: pd.DataFrame, window: Window, text: Text
) -> tuple[go.Figure, View]:
    """Draw a window of a trace with its phases; also return what is in the drawing."""
    seen = view(laid, *window, _WIDTH_PX)
    figure = timeline(laid.lanes, seen, events, window, text)
    add_bands(figure, bands, window, text)
    return figure, seen


def memory_chart(events: pd.DataFrame, text: Text) -> go.Figure:
    """Draw the memory of all devices of a trace."""
    curves, peaks = [], []
    for device in memory_devices(events):
        curve = memory_curve(events, device).assign(device=device)
        if len(curve):
            curves.append(reduced(curve))
            peaks.append(curve.loc[[curve["live_bytes"].idxmax()]])
    nothing = pd.DataFrame(columns=["device", "time_s", "live_bytes"])
    return trace_memory(
        pd.concat(curves) if curves else nothing, pd.concat(peaks) if peaks else nothing, text
    )


def charts(
    trace: Trace, beside: pd.DataFrame | None, window: Window, text: Text
) -> dict[str, go.Figure]:
    """Draw everything there is of a trace, by name.

    Args:
        trace: The trace.
        beside: What differs from another one, as from `profiling.traces.diff.trace_diff`.
        window: First and last second of the timeline.
        text: Says a locale key.
    """
    events, work = trace.events, kernels(trace.events)
    laid = lanes.timeline(events, trace.process_names, trace.thread_names)
    found = {
        "timeline": timeline_chart(laid, events, phases.bands(events), window, text)[0],
        "memory": memory_chart(events, text),
        "operators": treemap(operator_groups(events), text),
    }
    if len(work):
        found["kernels"] = treemap(work, text, "total_s")
    if beside is not None:
        found["trace_diff"] = trace_changes(beside, text)
    return found


def config(name: str) -> dict[str, Any]:
    """Return how plotly shows a chart; its camera saves a picture under that name."""
    picture = {"format": "png", "scale": 2, "filename": f"detach-lab-{name}"}
    return {"displaylogo": False, "responsive": True, "toImageButtonOptions": picture}


def write_chart(name: str, figure: go.Figure, folder: Path, *, alone: bool) -> Path:
    """Write a chart as a page that needs no network.

    Args:
        name: Name of the chart and, with ``.html``, of the file.
        figure: The chart.
        folder: An existing folder.
        alone: Whether the file has plotly.js in it; else that lies beside, once for all charts.
    """
    path = folder / f"{name}.html"
    figure.write_html(path, config=config(name), include_plotlyjs=True if alone else "directory")
    return path
