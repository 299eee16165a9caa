"""Sub-tab Operators: what ran how often and how long, and what ran on the GPUs."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pandas as pd

from demos.locales import Text
from demos.tabs import views
from demos.tabs.trace.acts import Acts, Updates
from demos.tabs.trace.opened import Opened
from demos.tabs.trace.plots import drawn, plot
from demos.tabs.trace.sheet import chosen, sheet, update
from demos.tabs.trace.timeline import TimelinePanel
from demos.tabs.trace.window import around
from profiling.charts.trace_operators import treemap
from profiling.errors import InputError
from profiling.traces.operators import GROUPINGS

SORTS = ("self_s", "total_s", "mean_s", "count", "device_s", "allocated_bytes")


class OperatorsPanel:
    """The components of the sub-tab.

    Attributes:
        components: All that `show` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        with gr.Row():
            self._by = gr.Radio(
                [(labels(f"trace.by.{by}"), by) for by in GROUPINGS],
                value="name",
                label=labels("trace.by"),
                elem_id="trace-by",
            )
            self._sort = gr.Dropdown(
                [(labels(f"trace.column.{column}"), column) for column in SORTS],
                value="self_s",
                label=labels("trace.sort"),
                elem_id="trace-sort",
            )
            self._words = gr.Textbox(
                label=labels("trace.filter"), elem_id="trace-filter", max_length=200
            )
        self._about = gr.HTML(elem_id="trace-operators-about")
        self._table = sheet("trace-operators")
        self._map = plot("operators")
        self._kernels_about = gr.HTML(elem_id="trace-kernels-about")
        self._kernels = sheet("trace-kernels", visible=False)
        self._streams = sheet("trace-streams", visible=False)
        self._kernel_map = plot("kernels")
        self._chosen = [self._by, self._sort, self._words]
        self._listed = [self._about, self._table, self._kernels_about, self._kernels]
        self.components = [*self._listed, self._map, self._streams, self._kernel_map]

    def wire(self, acts: Acts, tab: gr.Tab, tabs: gr.Tabs, timeline: TimelinePanel) -> None:
        """Draw when the sub-tab is opened; lead from a row to the timeline."""
        acts.on(tab.select, self._show, self._chosen, self.components)
        acts.on(self._by.input, self._list, self._chosen, self._listed)
        acts.on(self._sort.input, self._list, self._chosen, self._listed)
        acts.on(self._words.submit, self._list, self._chosen, self._listed)

        def zoom(opened: Opened, text: Text, told: dict[str, Any]) -> Updates:
            start_s, end_s = _span(opened, told)
            window = around(start_s, end_s, opened.end_s)
            return {tabs: gr.update(selected="timeline"), **timeline.show(opened, window, text)}

        for table in (self._table, self._kernels):
            table.select(
                acts.with_event(zoom),
                acts.key,
                [acts.problem, tabs, *timeline.components],
                **acts.quiet,
            )

    def _show(self, opened: Opened, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates that show everything of the sub-tab."""
        has_kernels = not opened.kernels.empty
        ops, kernels = opened.operators("name"), opened.kernels
        return {
            **self._list(opened, text, by, sort, words),
            self._map: drawn("operators", treemap(ops, text)),
            self._streams: update(opened.devices, text, visible=has_kernels),
            self._kernel_map: drawn("kernels", treemap(kernels, text, "total_s"))
            if has_kernels
            else gr.update(value=None, visible=False),
        }

    def _list(self, opened: Opened, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the two tables that are sorted and filtered."""
        ops = chosen(opened.operators(by if by in GROUPINGS else "name"), words or "", sort)
        kernels = chosen(opened.kernels, words or "", sort)
        has_kernels = not opened.kernels.empty
        return {
            self._about: _about("trace.operators.about", ops.found, len(ops.table), text),
            self._table: update(_told(ops.table), text),
            self._kernels_about: _about(
                "trace.kernels.about", kernels.found, len(kernels.table), text
            )
            if has_kernels
            else "",
            self._kernels: update(kernels.table, text, visible=has_kernels),
        }


def _told(ops: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns of which the trace says nothing."""
    return ops.drop(
        columns=[name for name in ("device_s", "allocated_bytes") if ops[name].isna().all()]
    )


def _about(key: str, count: int, shown: int, text: Text) -> str:
    line = text(key, count=f"{count:,}", shown=f"{shown:,}")
    return views.render("trace_about.html", text, lines=[line])


def _span(opened: Opened, told: dict[str, Any]) -> tuple[float, float]:
    """Return start and end of the call that a table's row names in its last column."""
    row = told.get("row_value")
    event = row[-1] if isinstance(row, list) and row else None
    try:
        place = int(event)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError("error.trace_window") from None
    if not 0 <= place < len(opened.events):
        raise InputError("error.trace_window")
    start_s = float(opened.events["start_s"].iloc[place])
    return start_s, start_s + float(opened.events["duration_s"].iloc[place])
