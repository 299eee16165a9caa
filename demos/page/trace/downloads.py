"""Sub-tab Downloads: one file at a time, made when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
import plotly.graph_objects as go

from demos.page.trace.common import Acts, Updates
from demos.page.trace.opened import Opened
from demos.page.trace.timeline import TimelinePanel, Window, typed
from profiling.charts.of_trace import memory_chart, timeline_chart, write_chart
from profiling.charts.trace import trace_changes, treemap
from profiling.engine.engine import Engine
from profiling.model.errors import InputError
from profiling.model.words import Text
from profiling.output import csv

CHARTS = ("timeline", "memory", "operators", "kernels", "trace_diff")


class FilesPanel:
    """The components of the sub-tab.

    Attributes:
        components: All that an opened trace empties.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        names = [*csv.offered(), csv.DIFF, *map(_page_of, CHARTS)]
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

    def wire(self, acts: Acts, engine: Engine, timeline: TimelinePanel) -> None:
        """Say what the button does."""

        def make(
            opened: Opened, text: Text, name: str, start: float | None, width: float | None
        ) -> Updates:
            window = typed(start, width, opened.end_s)
            path = _written(name, opened, window, opened.folder_in(engine.folder), text)
            return {self._file: gr.update(value=str(path), visible=True)}

        acts.on(self._make.click, make, [self._name, *timeline.window], self.components)

    def cleared(self) -> dict[Any, Any]:
        """Return updates for a trace of which no file was made yet."""
        return {self._file: gr.update(value=None, visible=False)}


def _page_of(chart: str) -> str:
    return f"{chart}.html"


def _written(name: str, opened: Opened, window: Window, folder: Path, text: Text) -> Path:
    if name in csv.offered():
        return csv.write(name, opened.trace, window, folder)
    if name == csv.DIFF:
        csv.write_csv(_beside(opened), folder / name)
        return folder / name
    chart = name.removesuffix(".html")
    if chart not in CHARTS:
        raise InputError("error.trace_none")
    return write_chart(chart, _figure(chart, opened, window, text), folder, alone=True)


def _figure(chart: str, opened: Opened, window: Window, text: Text) -> go.Figure:
    if chart == "timeline":
        return timeline_chart(opened.timeline, opened.events, opened.bands, window, text)[0]
    if chart == "memory":
        return memory_chart(opened.events, text)
    if chart == "operators":
        return treemap(opened.operators("name"), text)
    if chart == "kernels":
        return treemap(opened.kernels, text, "total_s")
    return trace_changes(_beside(opened), text)


def _beside(opened: Opened) -> pd.DataFrame:
    if opened.beside is None:
        raise InputError("error.trace_no_diff")
    return opened.beside.diff
