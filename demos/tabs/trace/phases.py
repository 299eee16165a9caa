"""Sub-tab Phases: the steps of the profiler's schedule, and forward, backward and optimizer."""

from __future__ import annotations

import gradio as gr
import pandas as pd

from demos.locales import Text
from demos.tabs import views
from demos.tabs.trace.acts import Acts, Updates
from demos.tabs.trace.opened import Opened
from demos.tabs.trace.sheet import MOST_ROWS, sheet, update
from profiling.traces import phases


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
            self._steps_about: _about("steps", steps, text),
            self._steps: update(_known(steps).head(MOST_ROWS), text, visible=len(steps) > 0),
            self._bands_about: _about("bands", bands, text),
            self._bands: update(_by_phase(bands, text), text, visible=len(bands) > 0),
            self._ranges_about: _about("ranges", ranges, text),
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


def _about(part: str, table: pd.DataFrame, text: Text) -> str:
    key = f"trace.{part}.about" if len(table) else f"trace.{part}.none"
    return views.render("trace_about.html", text, lines=[text(key, count=f"{len(table):,}")])
