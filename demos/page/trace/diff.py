"""Sub-tab Diff: compares the opened trace with another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.common import words
from demos.page.trace.common import Handlers, empty_plot, empty_table, plot_update, table_update
from demos.page.trace.opened import OpenTrace, TraceDiff
from demos.page.trace.source import TracePicker, problem, read_chosen
from profiling.charts.trace import trace_changes
from profiling.engine.engine import Engine
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.traces.diff import diff_sentences, trace_diff
from profiling.traces.operators import MOST_ROWS

_SHOWN = (
    *("name", "category", "count_a", "count_b", "self_s_a", "self_s_b", "change_s"),
    *("total_s_a", "total_s_b", "device_s_a", "device_s_b"),
    *("allocated_bytes_a", "allocated_bytes_b"),
)


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
        self._table = empty_table("trace-diff", visible=False)
        self.components: list[Any] = [self._status, self._chart, self._table]

    def connect(self, handlers: Handlers, tab: gr.Tab, engine: Engine, run: gr.State) -> None:
        """Connect the events; opening the sub-tab offers the traces of the run."""
        self._source.offer(tab, run)

        def compare(
            request: gr.Request,
            key: str | None,
            measured: Run | None,
            branch: str | None,
            file: str | None,
        ) -> Iterator[dict[Any, Any]]:
            text = words(request)
            try:
                opened = handlers.opened(key)
                for step in read_chosen(engine, measured, branch, file, text):
                    shown = self._show(opened, step, text) if isinstance(step, OpenTrace) else None
                    yield {handlers.problem: "", **shown} if shown else {handlers.problem: step}
            except Exception as error:
                # A crafted file can raise almost anything; the previous diff stays.
                yield {handlers.problem: problem(error, text)}

        gr.on(
            self._source.events,
            compare,
            [handlers.key, run, *self._source.inputs],
            [handlers.problem, *self.components],
            api_name="lay_trace_beside",
            api_visibility="undocumented",
            concurrency_id="worker",
            concurrency_limit=1,
            show_progress="hidden",
        )

    def cleared(self) -> dict[Any, Any]:
        """Return updates that hide the diff of the previous trace."""
        hidden = gr.update(value=None, visible=False)
        return {self._status: "", self._chart: hidden, self._table: hidden}

    def _show(self, opened: OpenTrace, other: OpenTrace, text: Text) -> dict[Any, Any]:
        diff = trace_diff(opened.events, other.events)
        opened.diff = TraceDiff(other.name, diff)
        about = common.render(
            "trace_diff.html",
            text,
            names=(opened.name, other.name),
            sentences=diff_sentences(diff, text),
            notices=[text(notice, **values) for notice, values in other.trace.notices],
        )
        return {
            self._status: about,
            self._chart: plot_update("diff", trace_changes(diff, text)),
            self._table: table_update(shown_columns(diff).head(MOST_ROWS), text),
        }


def shown_columns(diff: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a diff that the page shows, without empty ones."""
    return diff[list(_SHOWN)].dropna(axis="columns", how="all")
