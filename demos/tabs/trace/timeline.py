"""Sub-tab Timeline: one window of the trace at a time, drawn afresh for every step and zoom."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from demos.locales import Text
from demos.tabs import views
from demos.tabs.trace.acts import Acts, Updates
from demos.tabs.trace.opened import Opened
from demos.tabs.trace.plots import drawn, plot
from demos.tabs.trace.window import LEAST_S, MOVES, Move, Window, inside, moved, typed
from profiling.charts.timeline import MOST_LINKS, links
from profiling.errors import InputError
from profiling.trace_charts import timeline_chart
from profiling.traces.density import View, overview
from profiling.units import time_unit

_DIGITS = 6
# Parts of the overview; a phone has about as many pixels.
_BINS = 300
_WATCH = (Path(__file__).parent / "window.js").read_text(encoding="utf-8")


class TimelinePanel:
    """The components of the sub-tab.

    Attributes:
        window: Number fields of the window's start and width in milliseconds.
        components: All that `open` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        self._overview = gr.HTML(elem_id="trace-overview", js_on_load=None)
        with gr.Row(elem_classes="trace-moves", equal_height=True):
            self._moves = {
                move: gr.Button(
                    labels(f"trace.move.{move}"), size="sm", min_width=70, elem_id=f"trace-{move}"
                )
                for move in MOVES
            }
        with gr.Row():
            start, width = (
                gr.Number(
                    0, label=labels(f"trace.field.{name}"), min_width=140, elem_id=f"trace-{name}"
                )
                for name in ("start", "width")
            )
        self.window = [start, width]
        self._about = gr.HTML(elem_id="trace-timeline-about")
        self._plot = plot("timeline")
        # Tells the overview which window is drawn, and which one was chosen there or on the plot.
        self._window = gr.HTML("", js_on_load=_WATCH, elem_id="trace-window")
        self._drawn = [*self.window, self._about, self._plot, self._window]
        self.components = [*self._drawn, self._overview]

    def wire(self, acts: Acts) -> None:
        """Say what buttons, fields and the drawing itself do."""
        for move, button in self._moves.items():
            acts.on(button.click, partial(self._move, move), self.window, self._drawn)
        for field in self.window:
            acts.on(field.submit, self._typed, self.window, self._drawn)
        self._window.select(
            acts.with_event(self._chosen), acts.key, [acts.problem, *self._drawn], **acts.quiet
        )

    def open(self, opened: Opened, text: Text) -> Updates:
        """Return updates that draw a trace from end to end, and its overview."""
        end_s = max(opened.end_s, LEAST_S)
        counts = overview(opened.timeline, end_s, _BINS)
        # A moment with few events is seen beside one with many.
        heights = np.ceil(100 * np.sqrt(counts / max(counts.max(), 1))).astype("int64").tolist()
        length = time_unit([end_s]).show(end_s)
        return {
            self._overview: views.render(
                "trace_overview.html", text, end_s=end_s, heights=heights, length=length
            ),
            **self.show(opened, (0.0, end_s), text),
        }

    def show(self, opened: Opened, window: Window, text: Text) -> Updates:
        """Return updates that draw a window."""
        window = inside(window, opened.end_s)
        figure, seen = timeline_chart(opened.timeline, opened.events, opened.bands, window, text)
        start, width = self.window
        return {
            start: round(window[0] * 1e3, _DIGITS),
            width: round((window[1] - window[0]) * 1e3, _DIGITS),
            self._about: views.render("trace_about.html", text, lines=_about(opened, seen, text)),
            self._plot: drawn("timeline", figure),
            self._window: views.render("trace_window.html", text, window=window),
        }

    def _move(
        self, move: Move, opened: Opened, text: Text, start: float | None, width: float | None
    ) -> Updates:
        now = (0.0, opened.end_s) if move == "whole" else typed(start, width, opened.end_s)
        return self.show(opened, moved(now, move, opened.end_s), text)

    def _typed(
        self, opened: Opened, text: Text, start: float | None, width: float | None
    ) -> Updates:
        return self.show(opened, typed(start, width, opened.end_s), text)

    def _chosen(self, opened: Opened, text: Text, told: dict[str, Any]) -> Updates:
        """Draw what was chosen on the page, which tells the first and the last second."""
        ends = told.get("start_s"), told.get("end_s")
        if not all(isinstance(end, (int, float)) for end in ends):
            raise InputError("error.trace_window")
        start, end = (float(end) * 1e3 for end in ends)  # type: ignore[arg-type]
        return self.show(opened, typed(start, end - start, opened.end_s), text)


def _about(opened: Opened, seen: View, text: Text) -> list[str]:
    """Say what is in a drawing, and what is left out of it."""
    merged = int(seen.blocks["count"].sum())
    said = text(
        "trace.timeline.about",
        count=f"{seen.count:,}",
        drawn=f"{len(seen.drawn):,}",
        merged=f"{merged:,}",
        blocks=f"{len(seen.blocks):,}",
        finest=time_unit([seen.finest_s]).show(seen.finest_s),
    )
    launches = links(seen, opened.events)
    if not launches:
        return [said]
    key = "trace.timeline.links" if launches <= MOST_LINKS else "trace.timeline.links_many"
    return [said, text(key, count=f"{launches:,}", most=MOST_LINKS)]
