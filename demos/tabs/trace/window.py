"""The part of a trace that is looked at, and the steps that move it."""

from __future__ import annotations

from typing import Literal

from profiling.errors import InputError

Window = tuple[float, float]
Move = Literal["back", "on", "in", "out", "whole"]
MOVES: tuple[Move, ...] = ("back", "in", "out", "on", "whole")

# The profiler's clock has steps of a nanosecond.
LEAST_S = 100e-9
_STEP = 0.75
_ZOOM = 3.0
# What is seen around an event that is zoomed to, as a share of it.
_AROUND = 0.15


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
