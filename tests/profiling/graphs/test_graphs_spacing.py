"""Distances of what stands in a line."""

from __future__ import annotations

import pytest

from profiling.graphs.layout import Item, Segment, assign_x, width


def items(*widths: float) -> list[Item]:
    return [Item(each / 2, each / 2, 10) for each in widths]


def test_the_width_of_a_line_has_gaps_between_only() -> None:
    assert width(items(10, 20, 30), 5) == 70
    assert width([], 5) == 0


def test_what_is_wanted_at_one_place_is_spread_around_it() -> None:
    top, (left, right) = items(20), items(40, 40)
    segments = [Segment(top[0], left, 0, 0), Segment(top[0], right, 0, 0)]
    assign_x([top, [left, right]], segments, 300, 10)
    assert right.x - left.x == pytest.approx(50)
    assert (left.x + right.x) / 2 == pytest.approx(top[0].x)


def test_ends_away_from_the_middle_count() -> None:
    (top,), (low,) = items(100), items(20)
    assign_x([[top], [low]], [Segment(top, low, 30, 0)], 300, 10)
    assert low.x - top.x == pytest.approx(30)


def test_nothing_leaves_the_room_there_is() -> None:
    line = items(100, 100, 100)
    assign_x([line], [], 320, 10)
    assert [item.x for item in line] == [50, 160, 270]
