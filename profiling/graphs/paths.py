"""The lines, arrows and signs of a drawing, as SVG path data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from profiling.graphs.layout import Point

# A triangle with an exclamation mark, on the upper left corner of a box.
_WARNING = "l8 14h-16zm0 4.5v5m0 1.5v1.5"
_SCISSORS = "l-11 7a2.5 2.5 0 1 0 .1 0m10.9 1l-11-7a2.5 2.5 0 1 1 .1 0"
_TIP = "l-4 8h8z"


def curve(points: Sequence[Point]) -> str:
    """Return the line of a route that leads down: straight through rows, bent between them."""
    path, upright = f"M{_pair(points[0])}", ""
    for before, after in itertools.pairwise(points):
        if before.x == after.x:
            upright = f"V{number(after.y)}" if after.y != before.y else upright
        else:
            middle = number((before.y + after.y) / 2)
            path += (
                f"{upright}C{number(before.x)} {middle} {number(after.x)} {middle} {_pair(after)}"
            )
            upright = ""
    return path + upright


def straight(points: Sequence[Point]) -> str:
    """Return the line of a route that leads across."""
    return "M" + "L".join(map(_pair, points))


def tip(end: Point) -> str:
    """Return an arrow's tip, pointing up."""
    return f"M{_pair(end)}{_TIP}"


def scissors(middle: Point) -> str:
    """Return a pair of scissors about to cut from the right."""
    return f"M{number(middle.x + 8)} {number(middle.y - 4)}{_SCISSORS}"


def warning(corner: Point) -> str:
    """Return a warning sign upon a corner."""
    return f"M{number(corner.x)} {number(corner.y - 8)}{_WARNING}"


def number(value: float) -> str:
    """Return a coordinate, to a tenth of a pixel.

    Example:
        >>> number(12.0), number(1 / 3)
        ('12', '0.3')
    """
    return f"{value:.1f}".removesuffix(".0")


def _pair(point: Point) -> str:
    return f"{number(point.x)} {number(point.y)}"
