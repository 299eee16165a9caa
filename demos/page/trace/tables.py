"""Sub-tabs Operators (with kernels and streams) and Phases (with profiler steps and ranges)."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.trace.common import (
    Handlers,
    Updates,
    empty_plot,
    empty_table,
    plot_update,
    table_update,
)
from demos.page.trace.opened import OpenTrace
from demos.page.trace.timeline import TimelinePanel, window_around
from profiling.charts.trace import treemap
from profiling.model.errors import InputError
from profiling.model.words import Text
from profiling.traces import phases
from profiling.traces.operators import GROUPINGS, MOST_ROWS, filter_rows

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
        self._kernels = empty_table("trace-kernels", visible=False)
        self._streams = empty_table("trace-streams", visible=False)
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

        def zoom(opened: OpenTrace, text: Text, data: dict[str, Any]) -> Updates:
            start_s, end_s = _span(opened, data)
            window = window_around(start_s, end_s, opened.end_s)
            return {tabs: gr.update(selected="timeline"), **timeline.show(opened, window, text)}

        for table in (self._table, self._kernels):
            table.select(
                handlers.with_event(zoom),
                handlers.key,
                [handlers.problem, tabs, *timeline.components],
                **handlers.private,
            )

    def _show(self, opened: OpenTrace, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the whole sub-tab."""
        has_kernels = not opened.kernels.empty
        ops, kernels = opened.operators("name"), opened.kernels
        return {
            **self._list(opened, text, by, sort, words),
            self._map: plot_update("operators", treemap(ops, text)),
            self._streams: table_update(opened.devices, text, visible=has_kernels),
            self._kernel_map: plot_update("kernels", treemap(kernels, text, "total_s"))
            if has_kernels
            else gr.update(value=None, visible=False),
        }

    def _list(self, opened: OpenTrace, text: Text, by: str, sort: str, words: str) -> Updates:
        """Return updates of the tables that are sorted and filtered."""
        ops = filter_rows(opened.operators(by if by in GROUPINGS else "name"), words or "", sort)
        kernels = filter_rows(opened.kernels, words or "", sort)
        has_kernels = not opened.kernels.empty
        return {
            self._about: _rows_about("trace.operators.about", ops.found, len(ops.table), text),
            self._table: table_update(_without_unknown(ops.table), text),
            self._kernels_about: _rows_about(
                "trace.kernels.about", kernels.found, len(kernels.table), text
            )
            if has_kernels
            else "",
            self._kernels: table_update(kernels.table, text, visible=has_kernels),
        }


def _without_unknown(ops: pd.DataFrame) -> pd.DataFrame:
    """Drop the columns that are unknown for the whole trace."""
    return ops.drop(
        columns=[name for name in ("device_s", "allocated_bytes") if ops[name].isna().all()]
    )


def _rows_about(key: str, count: int, shown: int, text: Text) -> str:
    line = text(key, count=f"{count:,}", shown=f"{shown:,}")
    return common.render("trace_about.html", text, lines=[line])


def _span(opened: OpenTrace, data: dict[str, Any]) -> tuple[float, float]:
    """Return start and end of the event whose number is in the last column of a selected row."""
    row = data.get("row_value")
    event = row[-1] if isinstance(row, list) and row else None
    try:
        place = int(event)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError("error.trace_window") from None
    if not 0 <= place < len(opened.events):
        raise InputError("error.trace_window")
    start_s = float(opened.events["start_s"].iloc[place])
    return start_s, start_s + float(opened.events["duration_s"].iloc[place])


class PhasesPanel:
    """The components of the sub-tab Phases."""

    def __init__(self) -> None:
        """Create the components."""
        self._steps_about = gr.HTML(elem_id="trace-steps-about")
        self._steps = empty_table("trace-steps")
        self._phases_about = gr.HTML(elem_id="trace-bands-about")
        self._phases = empty_table("trace-bands")
        self._ranges_about = gr.HTML(elem_id="trace-ranges-about")
        self._ranges = empty_table("trace-ranges")
        self._outputs = [
            *(self._steps_about, self._steps, self._phases_about, self._phases),
            *(self._ranges_about, self._ranges),
        ]

    def connect(self, handlers: Handlers, tab: gr.Tab) -> None:
        """Draw when the sub-tab is opened."""
        handlers.on(tab.select, self._show, [], self._outputs)

    def _show(self, opened: OpenTrace, text: Text) -> Updates:
        steps = phases.steps(opened.events)
        known = steps.dropna(axis="columns", how="all") if len(steps) else steps
        spans = opened.phases
        ranges = phases.named_ranges(opened.events)
        named = ranges.assign(length_s=ranges["end_s"] - ranges["start_s"])
        shown = named[["name", "thread", "start_s", "length_s"]]
        return {
            self._steps_about: _phases_about("steps", steps, text),
            self._steps: table_update(known.head(MOST_ROWS), text, visible=len(steps) > 0),
            self._phases_about: _phases_about("bands", spans, text),
            self._phases: table_update(_by_phase(spans, text), text, visible=len(spans) > 0),
            self._ranges_about: _phases_about("ranges", ranges, text),
            self._ranges: table_update(shown.head(MOST_ROWS), text, visible=len(ranges) > 0),
        }


def _by_phase(spans: pd.DataFrame, text: Text) -> pd.DataFrame:
    lengths = spans.assign(length_s=spans["end_s"] - spans["start_s"]).groupby(
        ["phase", "is_marked"], sort=False
    )["length_s"]
    summed = pd.DataFrame(
        {"count": lengths.size(), "total_s": lengths.sum(), "mean_s": lengths.mean()}
    ).reset_index()
    summed["phase"] = [text(f"trace.phase.{phase}") for phase in summed["phase"]]
    known = {True: text("trace.phase.marked"), False: text("trace.phase.derived")}
    return summed.assign(is_marked=summed["is_marked"].map(known))


def _phases_about(part: str, table: pd.DataFrame, text: Text) -> str:
    key = f"trace.{part}.about" if len(table) else f"trace.{part}.none"
    return common.render("trace_about.html", text, lines=[text(key, count=f"{len(table):,}")])
