"""Sub-tabs GPU, Operators, and Phases (with profiler steps and ranges)."""

from __future__ import annotations

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
from demos.page.trace.timeline import TimelinePanel
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
        self._inputs = [self._by, self._sort, self._words]
        self._listed = [self._about, self._table]

    def connect(
        self, handlers: Handlers, tab: gr.Tab, tabs: gr.Tabs, timeline: TimelinePanel
    ) -> None:
        """Draw when the sub-tab is opened; a click on a row zooms the timeline to it."""
        handlers.on(tab.select, self._show, self._inputs, [*self._listed, self._map])
        for changed in (self._by.input, self._sort.input, self._words.submit):
            handlers.on(changed, self._list, self._inputs, self._listed)
        timeline.follow(handlers, self._table, tabs)

    def _show(self, visit: Visit, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the whole sub-tab."""
        figure = visit.ask(trace_views.operator_areas)
        return {
            **self._list(visit, text, by, sort, words),
            self._map: plot_update("operators", figure),
        }

    def _list(self, visit: Visit, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the table that is sorted and filtered."""
        found = visit.ask(trace_views.operators, by, sort, words or "")
        return {
            self._about: _about(found.about, text),
            self._table: table_html(found.sheet, text, "trace.tab.operators"),
        }


class GpuPanel:
    """The components of the sub-tab GPU."""

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        self._words = gr.Textbox(
            label=labels("trace.filter"), elem_id="trace-gpu-filter", max_length=200
        )
        self._tables = empty_table("trace-gpu")
        self._map = empty_plot("kernels")

    def connect(
        self, handlers: Handlers, tab: gr.Tab, tabs: gr.Tabs, timeline: TimelinePanel
    ) -> None:
        """Draw when the sub-tab is opened; a click on a row zooms the timeline to it."""
        for event in (tab.select, self._words.submit):
            handlers.on(event, self._show, [self._words], [self._tables, self._map])
        timeline.follow(handlers, self._tables, tabs)

    def _show(self, visit: Visit, text: Text, words: str) -> Updates:
        found = visit.ask(trace_views.gpu, words or "")
        return {
            self._tables: common.render("trace_gpu.html", text, tables=found.tables),
            self._map: plot_update("kernels", found.figure),
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
