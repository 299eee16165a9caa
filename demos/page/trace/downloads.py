"""Sub-tab Downloads: writes a file of the opened trace on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
import plotly.graph_objects as go

from demos.page.trace.common import Handlers, Updates
from demos.page.trace.opened import OpenTrace
from demos.page.trace.timeline import TimelinePanel, window_of
from profiling.charts.timeline import Window
from profiling.charts.trace import memory_chart, timeline_chart, trace_changes, treemap, write_chart
from profiling.engine.engine import Engine
from profiling.model.errors import InputError
from profiling.model.words import Text
from profiling.output import trace_files

CHARTS = ("timeline", "memory", "operators", "kernels", "trace_diff")


class DownloadsPanel:
    """The components of the sub-tab.

    Attributes:
        components: The components that `cleared` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        names = [*trace_files.offered(), trace_files.DIFF, *map(_html_name, CHARTS)]
        with gr.Row(elem_classes="trace-source"):
            self._name = gr.Dropdown(
                [(labels(f"trace.file.{name}"), name) for name in names],
                value=names[0],
                label=labels("trace.file"),
                elem_id="trace-file-name",
                min_width=240,
            )
            self._make = gr.Button(
                labels("trace.file.make"), elem_id="trace-file-make", scale=0, min_width=140
            )
        self._file = gr.File(interactive=False, visible=False, elem_id="trace-file-made")
        self.components: list[Any] = [self._file]

    def connect(self, handlers: Handlers, engine: Engine, timeline: TimelinePanel) -> None:
        """Connect the button."""

        def write(
            opened: OpenTrace, text: Text, name: str, start: float | None, width: float | None
        ) -> Updates:
            window = window_of(start, width, opened.end_s)
            path = _write(name, opened, window, opened.folder_in(engine.folder), text)
            return {self._file: gr.update(value=str(path), visible=True)}

        handlers.on(self._make.click, write, [self._name, *timeline.window], self.components)

    def cleared(self) -> dict[Any, Any]:
        """Return updates that hide the file of the previous trace."""
        return {self._file: gr.update(value=None, visible=False)}


def _html_name(chart: str) -> str:
    return f"{chart}.html"


def _write(name: str, opened: OpenTrace, window: Window, folder: Path, text: Text) -> Path:
    if name in trace_files.offered():
        return trace_files.write(name, opened.trace, window, folder)
    if name == trace_files.DIFF:
        trace_files.write_csv(_diff(opened), folder / name)
        return folder / name
    chart = name.removesuffix(".html")
    if chart not in CHARTS:
        raise InputError("error.trace_none")
    return write_chart(chart, _figure(chart, opened, window, text), folder, alone=True)


def _figure(chart: str, opened: OpenTrace, window: Window, text: Text) -> go.Figure:
    if chart == "timeline":
        return timeline_chart(opened.timeline, opened.events, opened.phases, window, text)[0]
    if chart == "memory":
        return memory_chart(opened.events, text)
    if chart == "operators":
        return treemap(opened.operators("name"), text)
    if chart == "kernels":
        return treemap(opened.kernels, text, "total_s")
    return trace_changes(_diff(opened), text)


def _diff(opened: OpenTrace) -> pd.DataFrame:
    if opened.diff is None:
        raise InputError("error.trace_no_diff")
    return opened.diff.table
