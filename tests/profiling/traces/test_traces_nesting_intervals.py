from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.traces import nesting
from profiling.traces.nesting import (
    covered_before,
    innermost,
    innermost_parts,
    nest,
    nesting_order,
    rows,
    self_times,
)
from tests.profiling.traces.nests import Interval, covered, intervals

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def arrays(given_intervals: list[Interval]) -> Arrays:
    found = np.array(given_intervals, dtype="int64").reshape(-1, 3)
    lane, start, end = found[:, 0], found[:, 1], found[:, 1] + found[:, 2]
    order = nesting_order(lane, start, end)
    return lane[order], start[order], end[order]


@pytest.mark.parametrize(
    ("spans", "parents", "depths", "selves"),
    [
        # (lane, start, length) in order
        ([(0, 0, 10), (0, 1, 4), (0, 2, 1), (0, 6, 4)], [-1, 0, 1, 0], [0, 1, 2, 1], [2, 3, 1, 4]),
        # one ends as the next starts
        ([(0, 0, 5), (0, 5, 5)], [-1, -1], [0, 0], [5, 5]),
        # two that start together, two alike
        ([(0, 0, 9), (0, 0, 4), (0, 4, 2), (0, 4, 2)], [-1, 0, 0, 2], [0, 1, 1, 2], [3, 4, 0, 2]),
        # without duration: inside, at the start and at the end of another
        ([(0, 0, 5), (0, 0, 0), (0, 3, 0), (0, 5, 0)], [-1, 0, 0, -1], [0, 1, 1, 0], [5, 0, 0, 0]),
        # one outlasts the one that it began in, and the one around that
        (
            [(0, 0, 20), (0, 2, 8), (0, 5, 10), (0, 6, 30)],
            [-1, 0, 1, 2],
            [0, 1, 2, 3],
            [2, 3, 1, 30],
        ),
        # another lane is another
        ([(0, 0, 9), (1, 1, 3), (1, 2, 1)], [-1, -1, 1], [0, 0, 1], [9, 2, 1]),
        ([], [], [], []),
    ],
)
def test_known_nests(
    spans: list[Interval], parents: list[int], depths: list[int], selves: list[int]
) -> None:
    lane, start, end = arrays(spans)
    nesting = nest(lane, start, end)
    assert nesting.parent.tolist() == parents
    assert nesting.depth.tolist() == depths
    assert self_times(nesting, start, end).tolist() == selves


@settings(deadline=None)
@given(intervals)
def test_self_times_of_a_lane_add_up_to_what_it_covers(spans: list[Interval]) -> None:
    lane, start, end = arrays(spans)
    own = self_times(nest(lane, start, end), start, end)
    assert (own >= 0).all()
    for number in set(lane.tolist()):
        assert own[lane == number].sum() == covered(spans, number)


@settings(deadline=None)
@given(intervals)
def test_two_of_a_lane_and_depth_never_overlap(spans: list[Interval]) -> None:
    lane, start, end = arrays(spans)
    depth = rows(lane, start, end)
    for one in range(len(start)):
        for other in range(one):
            if (lane[one], depth[one]) == (lane[other], depth[other]):
                assert start[one] >= end[other]


@settings(deadline=None)
@given(intervals)
def test_parts_are_the_time_in_which_an_interval_is_the_innermost(spans: list[Interval]) -> None:
    lane, start, end = arrays(spans)
    parts = innermost_parts(lane, start, end)
    length = np.bincount(parts.owner, parts.end - parts.start, minlength=len(start))
    assert length.tolist() == self_times(nest(lane, start, end), start, end).tolist()
    for number in set(lane.tolist()):
        mine = lane[parts.owner] == number
        assert (parts.start[mine][1:] >= parts.end[mine][:-1]).all()


@settings(deadline=None)
@given(intervals)
def test_many_intervals_of_a_lane_nest_as_few_do(spans: list[Interval]) -> None:
    lane, start, end = arrays(spans)
    few = nest(lane, start, end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nesting, "_FEW", 0)
        many = nest(lane, start, end)
    assert many.parent.tolist() == few.parent.tolist()
    assert many.depth.tolist() == few.depth.tolist()


@settings(deadline=None)
@given(intervals, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 45)), max_size=20))
def test_the_innermost_is_the_last_that_began_and_is_not_over(
    spans: list[Interval], asked: list[tuple[int, int]]
) -> None:
    lane, start, end = arrays(spans)
    lanes, moments = (np.array([each[place] for each in asked], "int64") for place in (0, 1))
    found = innermost(lane, start, end, nest(lane, start, end), moments, lanes)
    for place, number, moment in zip(found, lanes, moments, strict=True):
        enclosing_spans = np.flatnonzero((lane == number) & (start <= moment) & (moment < end))
        assert place == (enclosing_spans[-1] if len(enclosing_spans) else -1)


@settings(deadline=None)
@given(intervals, st.lists(st.integers(-5, 50), max_size=10))
def test_covered_time_before_moments(spans: list[Interval], moments: list[int]) -> None:
    start = np.array([each[1] for each in spans], "int64")
    end = start + np.array([each[2] for each in spans], "int64")
    everywhere = {moment for _, first, length in spans for moment in range(first, first + length)}
    expected = [len([each for each in everywhere if each < moment]) for moment in moments]
    assert covered_before(start, end, np.array(moments, "int64")).tolist() == expected
