"""Sub-tabs Operators and Phases: what ran how often and how long, and the steps of the schedule."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.trace.common import Acts, Updates, drawn, plot, sheet, update
from demos.page.trace.opened import Opened
from demos.page.trace.timeline import TimelinePanel, around
from profiling.charts.trace import treemap
from profiling.model.errors import InputError
from profiling.model.words import Text
from profiling.traces import phases
from profiling.traces.operators import GROUPINGS, MOST_ROWS, chosen

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
            self._about: _rows_about("trace.operators.about", ops.found, len(ops.table), text),
            self._table: update(_told(ops.table), text),
            self._kernels_about: _rows_about(
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


def _rows_about(key: str, count: int, shown: int, text: Text) -> str:
    line = text(key, count=f"{count:,}", shown=f"{shown:,}")
    return common.render("trace_about.html", text, lines=[line])


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


class PhasesPanel:
    """The components of the sub-tab.

    Attributes:
        components: All that `show` updates.
    """

    def __init__(self) -> None:
        """Place the components."""
        self._steps_about = gr.HTML(elem_id="trace-steps-about")
        self._steps = sheet("trace-steps")
        self._bands_about = gr.HTML(elem_id="trace-bands-about")
        self._bands = sheet("trace-bands")
        self._ranges_about = gr.HTML(elem_id="trace-ranges-about")
        self._ranges = sheet("trace-ranges")
        self.components = [
            *(self._steps_about, self._steps, self._bands_about, self._bands),
            *(self._ranges_about, self._ranges),
        ]

    def wire(self, acts: Acts, tab: gr.Tab) -> None:
        """Draw when the sub-tab is opened."""
        acts.on(tab.select, self._show, [], self.components)

    def _show(self, opened: Opened, text: Text) -> Updates:
        steps = phases.steps(opened.events)
        bands = phases.bands(opened.events)
        ranges = phases.named_ranges(opened.events)
        named = ranges.assign(length_s=ranges["end_s"] - ranges["start_s"])
        shown = named[["name", "thread", "start_s", "length_s"]]
        return {
            self._steps_about: _phases_about("steps", steps, text),
            self._steps: update(_known(steps).head(MOST_ROWS), text, visible=len(steps) > 0),
            self._bands_about: _phases_about("bands", bands, text),
            self._bands: update(_by_phase(bands, text), text, visible=len(bands) > 0),
            self._ranges_about: _phases_about("ranges", ranges, text),
            self._ranges: update(shown.head(MOST_ROWS), text, visible=len(ranges) > 0),
        }


def _known(steps: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns of which the trace says nothing."""
    return steps.dropna(axis="columns", how="all") if len(steps) else steps


def _by_phase(bands: pd.DataFrame, text: Text) -> pd.DataFrame:
    lengths = bands.assign(length_s=bands["end_s"] - bands["start_s"]).groupby(
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
