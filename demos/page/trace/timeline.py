"""Sub-tab Timeline: draws a window of the trace, again after each move and zoom."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from demos.page import common
from demos.page.trace.common import (
    Handlers,
    Updates,
    Visit,
    empty_plot,
    empty_table,
    plot_update,
)
from profiling.charts.timeline import Window
from profiling.model.errors import InputError
from profiling.model.words import Text
from profiling.output import trace_views
from profiling.output.trace_views import Opening

Move = Literal["back", "on", "in", "out", "whole"]
MOVES: tuple[Move, ...] = ("back", "in", "out", "on", "whole")

# Least width of a window; the resolution of the profiler's clock is a nanosecond.
LEAST_S = 100e-9
# Share of the width that a window moves by, and factor of a zoom.
_STEP = 0.75
_ZOOM = 3.0
# Margin around an event that is zoomed to, as a share of its duration.
_MARGIN = 0.15
# Tell the page's script that an answer has come, even if it shows the same window.
_answers = itertools.count()
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


def window_of(ends: Sequence[object] | None, end_s: float) -> Window:
    """Return the window with a start and an end in seconds, inside the trace.

    Raises:
        InputError: A number is missing or not finite, or the end is not after the start.
    """
    start, end = ends if ends is not None and len(ends) == 2 else (None, None)
    if not isinstance(start, (int, float)) or not isinstance(end, (int, float)):
        raise InputError("error.trace_window")
    if not -float("inf") < start < end < float("inf"):
        raise InputError("error.trace_window")
    return clamp((float(start), float(end)), end_s)


def window_around(window: Window, end_s: float) -> Window:
    """Return the window that shows an event with a margin on both sides.

    Args:
        window: Start and end of the event.
        end_s: End of the trace.
    """
    margin = (window[1] - window[0]) * _MARGIN
    return clamp((window[0] - margin, window[1] + margin), end_s)


def event_of(data: dict[str, Any]) -> int:
    """Return the number of the event that was selected on the page.

    Raises:
        InputError: It is none.
    """
    event = data.get("event")
    if not isinstance(event, int):
        raise InputError("error.trace_window")
    return event


class TimelinePanel:
    """The components of the sub-tab.

    Attributes:
        window: State with the start and end of the window in seconds.
        drawn: The components that `show` updates.
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
        self.window = gr.State(None)
        self._about = gr.HTML(elem_id="trace-timeline-about")
        self._plot = empty_plot("timeline")
        self._details = empty_table("trace-details")
        # Tells the overview which window is drawn, and the server which one was selected.
        self._window = gr.HTML("", js_on_load=_SCRIPT, elem_id="trace-window")
        self.drawn = [self.window, self._about, self._plot, self._window]
        self.components = [*self.drawn, self._overview, self._details]

    def connect(self, handlers: Handlers) -> None:
        """Connect buttons and selections on the drawing."""
        for move, button in self._moves.items():
            handlers.on(button.click, partial(self._move, move), [self.window], self.drawn)
        handlers.on_data(self._window.select, self._select, [], [*self.drawn, self._details])
        handlers.on_data(self._details.select, self._follow, [], [*self.drawn, self._details])

    def follow(self, handlers: Handlers, table: gr.HTML, tabs: gr.Tabs) -> None:
        """Have a click on a row of a table in another sub-tab show its event."""

        def zoom(visit: Visit, text: Text, data: dict[str, Any]) -> Updates:
            window = window_around(visit.ask(trace_views.span, event_of(data)), visit.end_s)
            shown = self.show(visit, window, text)
            return {tabs: gr.update(selected="timeline"), **shown}

        handlers.on_data(table.select, zoom, [], [tabs, *self.drawn])

    def open(self, visit: Visit, found: Opening, text: Text) -> Updates:
        """Return updates that draw a whole trace and its overview."""
        end_s = max(visit.end_s, LEAST_S)
        return {
            self._overview: common.render(
                "trace_overview.html",
                text,
                end_s=end_s,
                heights=found.heights,
                length=found.length,
            ),
            self._details: "",
            **self.show(visit, (0.0, end_s), text),
        }

    def show(self, visit: Visit, window: Window, text: Text) -> Updates:
        """Return updates that draw a window."""
        window = clamp(window, visit.end_s)
        drawing = visit.ask(trace_views.drawing, window)
        return {
            self.window: window,
            self._about: common.render("trace_about.html", text, lines=drawing.about),
            self._plot: plot_update("timeline", drawing.figure),
            self._window: common.render(
                "trace_window.html", text, window=window, answer=next(_answers)
            ),
        }

    def _move(self, move: Move, visit: Visit, text: Text, shown: Sequence[float] | None) -> Updates:
        window = move_window(window_of(shown, visit.end_s), move, visit.end_s)
        return self.show(visit, window, text)

    def _select(self, visit: Visit, text: Text, data: dict[str, Any]) -> Updates:
        """Draw the window that was selected on the page, or say what is known of an event."""
        if "event" in data:
            return self._tell(visit, text, event_of(data))
        ends = data.get("start_s"), data.get("end_s")
        return self.show(visit, window_of(ends, visit.end_s), text)

    def _follow(self, visit: Visit, text: Text, data: dict[str, Any]) -> Updates:
        """Go on to an event that another one leads to."""
        event = event_of(data)
        window = window_around(visit.ask(trace_views.span, event), visit.end_s)
        return {**self._tell(visit, text, event), **self.show(visit, window, text)}

    def _tell(self, visit: Visit, text: Text, event: int) -> Updates:
        found = visit.ask(trace_views.details, event)
        return {self._details: common.render("trace_details.html", text, **found._asdict())}
