"""Sub-tab Timeline: draws a window of the trace, again after each move and zoom."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np

from demos.page import common
from demos.page.trace.common import Handlers, Updates, empty_plot, plot_update
from demos.page.trace.opened import OpenTrace
from profiling.charts.timeline import MOST_LAUNCH_LINES, Window, count_launch_lines
from profiling.charts.trace import timeline_chart
from profiling.model.errors import InputError
from profiling.model.units import time_unit
from profiling.model.words import Text
from profiling.traces.timeline import View, overview

Move = Literal["back", "on", "in", "out", "whole"]
MOVES: tuple[Move, ...] = ("back", "in", "out", "on", "whole")

# Least width of a window; the resolution of the profiler's clock is a nanosecond.
LEAST_S = 100e-9
# Share of the width that a window moves by, and factor of a zoom.
_STEP = 0.75
_ZOOM = 3.0
# Margin around an event that is zoomed to, as a share of its duration.
_MARGIN = 0.15
_DIGITS = 6
# Parts of the overview, about the width of a phone in pixels.
_BINS = 300
_SCRIPT = (Path(__file__).parent / "window.js").read_text(encoding="utf-8")


def move_window(window: Window, move: Move, end_s: float) -> Window:
    """Move a window, or change its width around its middle.

    Args:
        window: First and last second.
        move: ``"back"`` or ``"on"`` by most of its width, ``"in"`` or ``"out"`` by a factor, or to
            the ``"whole"`` trace.
        end_s: End of the trace, which starts at 0.

    Example:
        >>> move_window((2.0, 3.0), "on", 10.0), move_window((9.5, 10.0), "on", 10.0)
        ((2.75, 3.75), (9.5, 10.0))
        >>> move_window((0.0, 1.0), "whole", 10.0)
        (0.0, 10.0)
    """
    start, end = window
    width, middle = end - start, (start + end) / 2
    if move == "whole":
        return clamp((0.0, end_s), end_s)
    if move in ("in", "out"):
        width = width / _ZOOM if move == "in" else width * _ZOOM
        return clamp((middle - width / 2, middle + width / 2), end_s)
    shift = width * (_STEP if move == "on" else -_STEP)
    return clamp((start + shift, end + shift), end_s)


def clamp(window: Window, end_s: float) -> Window:
    """Move and resize a window so that it is inside the trace."""
    width = min(max(window[1] - window[0], LEAST_S), max(end_s, LEAST_S))
    start = min(max(window[0], 0.0), max(end_s - width, 0.0))
    return start, start + width


def window_of(start_ms: float | None, width_ms: float | None, end_s: float) -> Window:
    """Return the window with a start and width in milliseconds.

    Raises:
        InputError: A number is missing or not finite, or the width is not above 0.
    """
    if start_ms is None or width_ms is None or not 0 < width_ms < float("inf"):
        raise InputError("error.trace_window")
    if not abs(start_ms) < float("inf"):
        raise InputError("error.trace_window")
    return clamp((start_ms / 1e3, (start_ms + width_ms) / 1e3), end_s)


def window_around(start_s: float, end_s: float, trace_end_s: float) -> Window:
    """Return the window that shows an event with a margin on both sides."""
    margin = (end_s - start_s) * _MARGIN
    return clamp((start_s - margin, end_s + margin), trace_end_s)


class TimelinePanel:
    """The components of the sub-tab.

    Attributes:
        window: Number fields for the start and width of the window in milliseconds.
        components: The components that `open` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
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
        self._plot = empty_plot("timeline")
        # Tells the overview which window is drawn, and the server which one was selected.
        self._window = gr.HTML("", js_on_load=_SCRIPT, elem_id="trace-window")
        self._drawn = [*self.window, self._about, self._plot, self._window]
        self.components = [*self._drawn, self._overview]

    def connect(self, handlers: Handlers) -> None:
        """Connect buttons, fields and selections on the drawing."""
        for move, button in self._moves.items():
            handlers.on(button.click, partial(self._move, move), self.window, self._drawn)
        for field in self.window:
            handlers.on(field.submit, self._submit, self.window, self._drawn)
        self._window.select(
            handlers.with_event(self._select),
            handlers.key,
            [handlers.problem, *self._drawn],
            **handlers.private,
        )

    def open(self, opened: OpenTrace, text: Text) -> Updates:
        """Return updates that draw a whole trace and its overview."""
        end_s = max(opened.end_s, LEAST_S)
        counts = overview(opened.timeline, end_s, _BINS)
        # With the square root, parts with few events are visible beside parts with many.
        heights = np.ceil(100 * np.sqrt(counts / max(counts.max(), 1))).astype("int64").tolist()
        length = time_unit([end_s]).show(end_s)
        return {
            self._overview: common.render(
                "trace_overview.html", text, end_s=end_s, heights=heights, length=length
            ),
            **self.show(opened, (0.0, end_s), text),
        }

    def show(self, opened: OpenTrace, window: Window, text: Text) -> Updates:
        """Return updates that draw a window."""
        window = clamp(window, opened.end_s)
        figure, view = timeline_chart(opened.timeline, opened.events, opened.phases, window, text)
        start, width = self.window
        return {
            start: round(window[0] * 1e3, _DIGITS),
            width: round((window[1] - window[0]) * 1e3, _DIGITS),
            self._about: common.render("trace_about.html", text, lines=_about(opened, view, text)),
            self._plot: plot_update("timeline", figure),
            self._window: common.render("trace_window.html", text, window=window),
        }

    def _move(
        self, move: Move, opened: OpenTrace, text: Text, start: float | None, width: float | None
    ) -> Updates:
        now = (0.0, opened.end_s) if move == "whole" else window_of(start, width, opened.end_s)
        return self.show(opened, move_window(now, move, opened.end_s), text)

    def _submit(
        self, opened: OpenTrace, text: Text, start: float | None, width: float | None
    ) -> Updates:
        return self.show(opened, window_of(start, width, opened.end_s), text)

    def _select(self, opened: OpenTrace, text: Text, data: dict[str, Any]) -> Updates:
        """Draw the window that was selected on the page."""
        ends = data.get("start_s"), data.get("end_s")
        if not all(isinstance(end, (int, float)) for end in ends):
            raise InputError("error.trace_window")
        start, end = (float(end) * 1e3 for end in ends)  # type: ignore[arg-type]
        return self.show(opened, window_of(start, end - start, opened.end_s), text)


def _about(opened: OpenTrace, view: View, text: Text) -> list[str]:
    """Return sentences on the numbers of events, blocks and launches in a drawing."""
    merged = int(view.blocks["count"].sum())
    events = text(
        "trace.timeline.about",
        count=f"{view.count:,}",
        drawn=f"{len(view.drawn):,}",
        merged=f"{merged:,}",
        blocks=f"{len(view.blocks):,}",
        finest=time_unit([view.finest_s]).show(view.finest_s),
    )
    launches = count_launch_lines(view, opened.events)
    if not launches:
        return [events]
    key = "trace.timeline.links" if launches <= MOST_LAUNCH_LINES else "trace.timeline.links_many"
    return [events, text(key, count=f"{launches:,}", most=MOST_LAUNCH_LINES)]
