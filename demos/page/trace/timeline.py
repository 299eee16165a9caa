"""Sub-tab Timeline: one window of the trace at a time, drawn afresh for every step and zoom."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np

from demos.page import common
from demos.page.trace.common import Acts, Updates, drawn, plot
from demos.page.trace.opened import Opened
from profiling.charts.of_trace import timeline_chart
from profiling.charts.timeline import MOST_LINKS, links
from profiling.model.errors import InputError
from profiling.model.units import time_unit
from profiling.model.words import Text
from profiling.traces.timeline import View, overview

Window = tuple[float, float]
Move = Literal["back", "on", "in", "out", "whole"]
MOVES: tuple[Move, ...] = ("back", "in", "out", "on", "whole")

# The profiler's clock has steps of a nanosecond.
LEAST_S = 100e-9
_STEP = 0.75
_ZOOM = 3.0
# What is seen around an event that is zoomed to, as a share of it.
_AROUND = 0.15
_DIGITS = 6
# Parts of the overview; a phone has about as many pixels.
_BINS = 300
_WATCH = (Path(__file__).parent / "window.js").read_text(encoding="utf-8")


def moved(window: Window, move: Move, end_s: float) -> Window:
    """Move a window, or change its width around its middle.

    Args:
        window: First and last second.
        move: By most of its width back or on, in or out by a factor, or to the whole trace.
        end_s: Where the trace ends; it begins at 0.

    Example:
        >>> moved((2.0, 3.0), "on", 10.0), moved((9.5, 10.0), "on", 10.0)
        ((2.75, 3.75), (9.5, 10.0))
        >>> moved((0.0, 1.0), "whole", 10.0)
        (0.0, 10.0)
    """
    start, end = window
    width, middle = end - start, (start + end) / 2
    if move == "whole":
        return inside((0.0, end_s), end_s)
    if move in ("in", "out"):
        width = width / _ZOOM if move == "in" else width * _ZOOM
        return inside((middle - width / 2, middle + width / 2), end_s)
    shift = width * (_STEP if move == "on" else -_STEP)
    return inside((start + shift, end + shift), end_s)


def inside(window: Window, end_s: float) -> Window:
    """Put a window inside a trace; one that is too wide or too narrow is made to fit."""
    width = min(max(window[1] - window[0], LEAST_S), max(end_s, LEAST_S))
    start = min(max(window[0], 0.0), max(end_s - width, 0.0))
    return start, start + width


def typed(start_ms: float | None, width_ms: float | None, end_s: float) -> Window:
    """Return the window that a person typed, in milliseconds.

    Raises:
        InputError: A number is missing or no number, or the width is not above 0.
    """
    if start_ms is None or width_ms is None or not 0 < width_ms < float("inf"):
        raise InputError("error.trace_window")
    if not abs(start_ms) < float("inf"):
        raise InputError("error.trace_window")
    return inside((start_ms / 1e3, (start_ms + width_ms) / 1e3), end_s)


def around(start_s: float, end_s: float, trace_end_s: float) -> Window:
    """Return the window that shows one event with something on either side of it."""
    margin = (end_s - start_s) * _AROUND
    return inside((start_s - margin, end_s + margin), trace_end_s)


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
            self._overview: common.render(
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
            self._about: common.render("trace_about.html", text, lines=_about(opened, seen, text)),
            self._plot: drawn("timeline", figure),
            self._window: common.render("trace_window.html", text, window=window),
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
