"""Sub-tabs Operators (with kernels and streams) and Phases (with profiler steps and ranges)."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.page import common
from demos.page.trace.common import (
    Handlers,
    Updates,
    Visit,
    empty_plot,
    empty_table,
    plot_update,
    table_html,
)
from demos.page.trace.timeline import TimelinePanel, event_of, window_around
from profiling.model.words import Text
from profiling.output import trace_views
from profiling.output.trace_views import Listed

GROUPINGS = ("name", "shapes", "stack")
SORTS = ("self_s", "total_s", "mean_s", "count", "device_s", "allocated_bytes")


class OperatorsPanel:
    """The components of the sub-tab Operators."""

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
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
        self._table = empty_table("trace-operators")
        self._map = empty_plot("operators")
        self._kernels_about = gr.HTML(elem_id="trace-kernels-about")
        self._kernels = empty_table("trace-kernels")
        self._streams = empty_table("trace-streams")
        self._kernel_map = empty_plot("kernels")
        self._inputs = [self._by, self._sort, self._words]
        self._tables = [self._about, self._table, self._kernels_about, self._kernels]
        self._outputs = [*self._tables, self._map, self._streams, self._kernel_map]

    def connect(
        self, handlers: Handlers, tab: gr.Tab, tabs: gr.Tabs, timeline: TimelinePanel
    ) -> None:
        """Draw when the sub-tab is opened; a click on a row zooms the timeline to it."""
        handlers.on(tab.select, self._show, self._inputs, self._outputs)
        handlers.on(self._by.input, self._list, self._inputs, self._tables)
        handlers.on(self._sort.input, self._list, self._inputs, self._tables)
        handlers.on(self._words.submit, self._list, self._inputs, self._tables)

        def zoom(visit: Visit, text: Text, data: dict[str, Any]) -> Updates:
            window = window_around(visit.ask(trace_views.span, event_of(data)), visit.end_s)
            shown = timeline.show(visit, window, text)
            return {tabs: gr.update(selected="timeline"), **shown}

        for table in (self._table, self._kernels):
            handlers.on_data(table.select, zoom, [], [tabs, *timeline.drawn])

    def _show(self, visit: Visit, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the whole sub-tab."""
        areas = visit.ask(trace_views.areas)
        return {
            **self._list(visit, text, by, sort, words),
            self._map: plot_update("operators", areas.operators),
            self._streams: table_html(areas.streams, text, "trace.streams"),
            self._kernel_map: plot_update("kernels", areas.kernels),
        }

    def _list(self, visit: Visit, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the tables that are sorted and filtered."""
        found = visit.ask(trace_views.tables, by, sort, words or "")
        return {
            self._about: _about(found.operators_about, text),
            self._table: table_html(found.operators, text, "trace.tab.operators"),
            self._kernels_about: _about(found.kernels_about, text),
            self._kernels: table_html(found.kernels, text, "trace.column.kernels"),
        }


def _about(line: str, text: Text) -> str:
    return common.render("trace_about.html", text, lines=[line]) if line else ""


class PhasesPanel:
    """The components of the sub-tab Phases."""

    def __init__(self) -> None:
        """Create the components."""
        self._parts = {
            part: (gr.HTML(elem_id=f"trace-{part}-about"), empty_table(f"trace-{part}"))
            for part in ("steps", "bands", "ranges")
        }

    def connect(self, handlers: Handlers, tab: gr.Tab) -> None:
        """Draw when the sub-tab is opened."""
        outputs = [each for part in self._parts.values() for each in part]
        handlers.on(tab.select, self._show, [], outputs)

    def _show(self, visit: Visit, text: Text) -> Updates:
        found = visit.ask(trace_views.training_phases)
        listed: dict[str, Listed] = {
            "steps": found.steps,
            "bands": found.phases,
            "ranges": found.ranges,
        }
        updates: Updates = {}
        for part, (about, table) in self._parts.items():
            updates[about] = _about(listed[part].about, text)
            updates[table] = table_html(listed[part].sheet, text, f"trace.{part}")
        return updates
