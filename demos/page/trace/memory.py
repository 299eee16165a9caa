"""Sub-tab Memory: memory over time by device, and the allocations alive at the peak."""

from __future__ import annotations

import gradio as gr

from demos.page import common
from demos.page.trace.common import Handlers, Updates, Visit, empty_plot, plot_update
from profiling.model.words import Text
from profiling.output import trace_views


class MemoryPanel:
    """The components of the sub-tab."""

    def __init__(self) -> None:
        """Create the components."""
        self._plot = empty_plot("memory")
        self._table = gr.HTML(elem_id="trace-memory")

    def connect(self, handlers: Handlers, tab: gr.Tab) -> None:
        """Draw when the sub-tab is opened."""
        handlers.on(tab.select, self._show, [], [self._plot, self._table])

    def _show(self, visit: Visit, text: Text) -> Updates:
        memory = visit.ask(trace_views.memory)
        return {
            self._plot: plot_update("memory", memory.figure),
            self._table: common.render("trace_memory.html", text, devices=memory.devices),
        }
