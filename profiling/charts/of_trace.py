"""All charts of a trace, for the page and as HTML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.charts import timeline
from profiling.charts.timeline import Window
from profiling.charts.trace import trace_changes, trace_memory, treemap
from profiling.model.words import Text
from profiling.traces import timeline as lanes
from profiling.traces.memory import downsample, memory_curve, memory_devices
from profiling.traces.operators import kernels, operator_groups
from profiling.traces.phases import training_phases
from profiling.traces.table import Trace
from profiling.traces.timeline import Timeline, View

# Width of a large screen; narrower events are merged.
_WIDTH_PX = 1400


def timeline_chart(
    layout: Timeline, events: pd.DataFrame, phases: pd.DataFrame, window: Window, text: Text
) -> tuple[go.Figure, View]:
    """Draw a window of a trace with its phases; return the figure and the view that it shows."""
    view = lanes.view(layout, *window, _WIDTH_PX)
    figure = timeline.timeline(layout.lanes, view, events, window, text)
    timeline.add_phases(figure, phases, window, text)
    return figure, view


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
    events, work = trace.events, kernels(trace.events)
    layout = lanes.timeline(events, trace.process_names, trace.thread_names)
    found = {
        "timeline": timeline_chart(layout, events, training_phases(events), window, text)[0],
        "memory": memory_chart(events, text),
        "operators": treemap(operator_groups(events), text),
    }
    if len(work):
        found["kernels"] = treemap(work, text, "total_s")
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
