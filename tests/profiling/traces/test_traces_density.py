from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.traces.timeline import MOST_SHAPES, View, overview, timeline, view
from tests.profiling.traces.nests import Interval, intervals, operators_at, table


def spans(*rows: tuple[str, int, int]) -> pd.DataFrame:
    """Return operators on one thread: name, start and length in nanoseconds."""
    return table(
        [{"name": name, "start_s": at / 1e9, "duration_s": long / 1e9} for name, at, long in rows]
    )


def blocks(seen: View) -> list[tuple[int, int, int, str]]:
    starts, ends = ((seen.blocks[name] * 1e9).round().astype(int) for name in ("start_s", "end_s"))
    return list(zip(starts, ends, seen.blocks["count"], seen.blocks["name"], strict=True))


def test_wide_events_are_drawn_and_narrow_ones_are_merged_by_pixel() -> None:
    trace = spans(("wide", 0, 300), ("a", 300, 20), ("b", 330, 40), ("a", 380, 15), ("b", 410, 9))
    seen = view(timeline(trace), 0, 1e-6, width_px=10)
    assert seen.drawn["name"].to_list() == ["wide"]
    assert seen.drawn["event"].to_list() == [0]
    assert blocks(seen) == [(300, 395, 3, "b"), (410, 419, 1, "b")]
    assert seen.blocks["busy_s"].to_list() == pytest.approx([75e-9, 9e-9])
    assert (seen.count, seen.finest_s) == (5, 1e-7)


def test_the_busiest_name_is_that_with_the_most_time_or_else_the_most_events() -> None:
    often = view(timeline(spans(("a", 0, 9), ("b", 10, 5), ("b", 20, 5))), 0, 1e-6, 10)
    assert blocks(often) == [(0, 25, 3, "b")]
    instant = view(timeline(spans(("a", 0, 0), ("b", 1, 0), ("b", 2, 0))), 0, 1e-6, 10)
    assert blocks(instant) == [(0, 2, 3, "b")]


def test_an_overview_counts_what_is_in_each_part() -> None:
    trace = spans(("outer", 0, 100), ("a", 5, 10), ("b", 30, 9), ("end", 100, 0))
    assert overview(timeline(trace), 100e-9, 10).tolist() == [2, 2, 1, 2, 1, 1, 1, 1, 1, 2]
    assert overview(timeline(spans()), 0.0, 3).tolist() == [0, 0, 0]


def test_a_window_has_what_touches_it() -> None:
    trace = spans(
        ("before", 0, 99), ("touching", 99, 1), ("in", 150, 10), ("to", 200, 50), ("x", 251, 9)
    )
    seen = view(timeline(trace), 100e-9, 200e-9, width_px=100)
    assert seen.drawn["name"].to_list() == ["touching", "in", "to"]
    assert seen.drawn["end_s"].to_list() == pytest.approx([100e-9, 160e-9, 250e-9])
    nothing = view(timeline(trace), 300e-9, 400e-9)
    assert (len(nothing.drawn), len(nothing.blocks), nothing.count) == (0, 0, 0)
    assert list(nothing.blocks.columns) == list(seen.blocks.columns)


def test_a_window_of_one_moment() -> None:
    assert view(timeline(spans(("a", 0, 10), ("b", 20, 5))), 5e-9, 5e-9).count == 1


def test_a_trace_without_events() -> None:
    assert view(timeline(table([])), 0, 1).count == 0


@settings(deadline=None)
@given(intervals, st.integers(0, 20), st.integers(0, 25), st.integers(1, 30))
def test_what_is_drawn_and_the_blocks_add_up(
    given_spans: list[Interval], first: int, length: int, width: int
) -> None:
    seen = view(timeline(operators_at(given_spans)), first / 1e9, (first + length) / 1e9, width)
    inside = [
        each for each in given_spans if each[1] <= first + length and each[1] + each[2] >= first
    ]
    assert seen.count == len(inside) == len(seen.drawn) + seen.blocks["count"].sum()
    drawn = seen.drawn["end_s"] - seen.drawn["start_s"]
    busy = (drawn.sum() + seen.blocks["busy_s"].sum()) * 1e9
    assert busy == pytest.approx(sum(each[2] for each in inside), abs=1e-3)


@settings(deadline=None)
@given(intervals, st.integers(1, 30))
def test_nothing_overlaps_in_a_row(given_spans: list[Interval], width: int) -> None:
    seen = view(timeline(operators_at(given_spans)), 0, 4e-8, width)
    shapes = pd.concat([seen.drawn, seen.blocks]).sort_values(["start_s", "end_s"])
    for _, row in shapes.groupby(["lane", "depth"]):
        starts, ends = (np.rint(row[name].to_numpy() * 1e9) for name in ("start_s", "end_s"))
        assert (starts[1:] >= ends[:-1]).all()


@pytest.mark.parametrize("kind", ["many lanes", "deep", "dense", "wide"])
def test_the_number_of_shapes_is_bounded(kind: str) -> None:
    number = np.arange(20_000)
    one = np.zeros_like(number)
    lane, start, length = {
        "many lanes": (number, number % 7, one + 50),
        "deep": (one, number, 50_000 - 2 * number),
        "dense": (number % 400, number, one + 1),
        "wide": (number % 1000, number // 1000 * 50, one + 49),
    }[kind]
    trace = operators_at(list(zip(lane.tolist(), start.tolist(), length.tolist(), strict=True)))
    seen = view(timeline(trace), 0, 5e-5)
    assert len(seen.drawn) + len(seen.blocks) <= MOST_SHAPES
    assert seen.count == 20_000 == len(seen.drawn) + seen.blocks["count"].sum()
