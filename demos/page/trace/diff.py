"""Sub-tab Diff: compares the opened trace with another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos.page import common
from demos.page.common import words
from demos.page.trace.common import (
    OPENING,
    Handlers,
    Visit,
    empty_plot,
    empty_table,
    plot_update,
    table_html,
)
from demos.page.trace.source import Chosen, TracePicker, problem, read_chosen
from profiling.engine.engine import Engine
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.output import trace_views


class DiffPanel:
    """The components of the sub-tab.

    Attributes:
        components: The components that `cleared` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        with gr.Row(elem_classes="trace-source"):
            self._source = TracePicker(labels, "trace-beside", "trace.lay", preferred=1)
        self._status = gr.HTML(elem_id="trace-diff-status")
        self._chart = empty_plot("diff")
        self._table = empty_table("trace-diff")
        self.components: list[Any] = [self._status, self._chart, self._table]

    def connect(
        self, handlers: Handlers, tab: gr.Tab, engine: Engine, run: gr.State, name: gr.State
    ) -> None:
        """Connect the events; opening the sub-tab offers the traces of the run."""
        self._source.offer(tab, run)

        def compare(
            request: gr.Request,
            key: str | None,
            own_name: str | None,
            measured: Run | None,
            branch: str | None,
            file: str | None,
        ) -> Iterator[dict[Any, Any]]:
            text = words(request)
            try:
                visit = handlers.visit(request, key)
                for step in read_chosen(engine, measured, branch, file, text):
                    if isinstance(step, Chosen):
                        other = Visit(step.trace, common.language(request))
                        try:
                            shown = self._show(visit, own_name or "", other, step.name, text)
                        finally:
                            step.trace.close()
                        yield {handlers.problem: "", **shown}
                    else:
                        yield {handlers.problem: step}
            except Exception as error:
                # A crafted file can raise almost anything; the previous diff stays.
                yield {handlers.problem: problem(error, text)}

        comparing = gr.on(
            self._source.events,
            compare,
            [handlers.key, name, run, *self._source.inputs],
            [handlers.problem, *self.components],
            api_name="lay_trace_beside",
            api_visibility="undocumented",
            show_progress="hidden",
            **OPENING,
        )
        self._source.stop([comparing], handlers.problem)

    def cleared(self) -> dict[Any, Any]:
        """Return updates that hide the diff of the previous trace."""
        return {self._status: "", self._chart: plot_update("diff", ""), self._table: ""}

    def _show(
        self, visit: Visit, name: str, other: Visit, other_name: str, text: Text
    ) -> dict[Any, Any]:
        # The other trace's process gives what is needed of it, so that only that one can suffer.
        side = other.ask(trace_views.side)
        diff = visit.ask(trace_views.diff, other_name, side.sums)
        about = common.render(
            "trace_diff.html",
            text,
            names=(name, other_name),
            cut=diff.cut,
            sentences=diff.sentences,
            notices=side.notices,
        )
        return {
            self._status: about,
            self._chart: plot_update("diff", diff.figure),
            self._table: table_html(diff.sheet, text, "trace.tab.diff"),
        }
