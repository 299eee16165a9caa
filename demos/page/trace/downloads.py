"""Sub-tab Downloads: has a file of the opened trace written on request."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.page.trace.common import Handlers, Updates, Visit
from demos.page.trace.timeline import TimelinePanel, window_of
from profiling.model.words import Text
from profiling.output import trace_views


class DownloadsPanel:
    """The components of the sub-tab.

    Attributes:
        components: The components that `cleared` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        names = trace_views.offered()
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

    def connect(self, handlers: Handlers, timeline: TimelinePanel) -> None:
        """Connect the button."""

        def write(visit: Visit, text: Text, name: str, shown: list[float] | None) -> Updates:
            window = window_of(shown, visit.end_s)
            path = visit.ask(trace_views.write_file, name, window, str(visit.trace.folder))
            return {self._file: gr.update(value=path, visible=True)}

        handlers.on(self._make.click, write, [self._name, timeline.window], self.components)

    def cleared(self) -> dict[Any, Any]:
        """Return updates that hide the file of the previous trace."""
        return {self._file: gr.update(value=None, visible=False)}
