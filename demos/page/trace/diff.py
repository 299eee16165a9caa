"""Sub-tab Diff: another trace beside the opened one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.common import words
from demos.page.trace.common import Acts, drawn, plot, sheet, update
from demos.page.trace.opened import Beside, Opened
from demos.page.trace.source import Source, problem, reading
from profiling.analysis.trace_findings import diff_sentences
from profiling.charts.trace import trace_changes
from profiling.engine.engine import Engine
from profiling.model.run import Run
from profiling.model.words import Text
from profiling.traces.diff import trace_diff
from profiling.traces.operators import MOST_ROWS

_SHOWN = (
    *("name", "category", "count_a", "count_b", "self_s_a", "self_s_b", "change_s"),
    *("total_s_a", "total_s_b", "device_s_a", "device_s_b"),
    *("allocated_bytes_a", "allocated_bytes_b"),
)


class DiffPanel:
    """The components of the sub-tab.

    Attributes:
        components: All that an opened trace empties.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        with gr.Row(elem_classes="trace-source"):
            self._source = Source(labels, "trace-beside", "trace.lay", preferred=1)
        self._status = gr.HTML(elem_id="trace-diff-status")
        self._chart = plot("diff")
        self._table = sheet("trace-diff", visible=False)
        self.components: list[Any] = [self._status, self._chart, self._table]

    def wire(self, acts: Acts, tab: gr.Tab, engine: Engine, run: gr.State) -> None:
        """Say what a choice does; opening the sub-tab offers the traces of the run."""
        self._source.offer(tab, run)

        def lay(
            request: gr.Request,
            key: str | None,
            measured: Run | None,
            branch: str | None,
            file: str | None,
        ) -> Iterator[dict[Any, Any]]:
            text = words(request)
            try:
                opened = acts.opened(key)
                for step in reading(engine, measured, branch, file, text):
                    shown = self._show(opened, step, text) if isinstance(step, Opened) else None
                    yield {acts.problem: "", **shown} if shown else {acts.problem: step}
            except Exception as error:
                # What a made-up file can raise has no list; what was shown stays.
                yield {acts.problem: problem(error, text)}

        gr.on(
            self._source.asked,
            lay,
            [acts.key, run, *self._source.inputs],
            [acts.problem, *self.components],
            api_name="lay_trace_beside",
            api_visibility="undocumented",
            concurrency_id="worker",
            concurrency_limit=1,
            show_progress="hidden",
        )

    def cleared(self) -> dict[Any, Any]:
        """Return updates for a trace that has none beside it yet."""
        hidden = gr.update(value=None, visible=False)
        return {self._status: "", self._chart: hidden, self._table: hidden}

    def _show(self, opened: Opened, other: Opened, text: Text) -> dict[Any, Any]:
        diff = trace_diff(opened.events, other.events)
        opened.beside = Beside(other.name, diff)
        about = common.render(
            "trace_diff.html",
            text,
            names=(opened.name, other.name),
            sentences=diff_sentences(diff, text),
            notices=[text(notice, **values) for notice, values in other.trace.notices],
        )
        return {
            self._status: about,
            self._chart: drawn("diff", trace_changes(diff, text)),
            self._table: update(shown_columns(diff).head(MOST_ROWS), text),
        }


def shown_columns(diff: pd.DataFrame) -> pd.DataFrame:
    """Return what a person reads of a diff, without columns that are empty."""
    return diff[list(_SHOWN)].dropna(axis="columns", how="all")
