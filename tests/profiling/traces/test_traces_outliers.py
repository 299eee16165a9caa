"""Events whose times cannot be are left out and counted; traces of any length stay whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiling.traces.table import load_trace, read_trace
from profiling.traces.timeline import end_s
from tests.profiling.planted import event, write_trace

NOW_US = 1_700_000_000_000_000
DAY_US = 24 * 3600 * 1_000_000
BULK = [event(f"op {number}", NOW_US + number) for number in range(4)]


def lost(folder: Path, *events: dict[str, Any]) -> int:
    """Return how many events are left out, and check that both readers leave out the same."""
    path = write_trace(folder / "trace.json", events)
    trace = read_trace(path)
    assert load_trace(path)["name"].to_list() == trace.events["name"].to_list()
    count = len(events) - len(trace.events)
    assert trace.notices == ((("trace.notice.far", {"count": count}),) if count else ())
    return count


@pytest.mark.parametrize(
    "odd",
    [
        event("k", 0, dur=0),
        event("k", 0),
        event("k", 5),
        event("k", NOW_US + 40 * DAY_US),
        event("k", NOW_US - 31 * DAY_US),
        event("k", NOW_US, dur=31 * DAY_US),
        event("k", NOW_US, dur=9e14),
    ],
)
def test_an_event_far_from_all_others_is_left_out(odd: dict[str, Any], tmp_path: Path) -> None:
    assert lost(tmp_path, *BULK, odd) == 1
    assert lost(tmp_path, odd, *BULK, odd) == 2
    trace = read_trace(write_trace(tmp_path / "trace.json", [*BULK, odd])).events
    assert end_s(trace) == 4e-6


def test_an_event_at_the_origin_is_left_out_if_the_others_are_days_later(tmp_path: Path) -> None:
    later = [event("op", 5 * DAY_US + number) for number in range(3)]
    assert lost(tmp_path, event("k", 0), *later) == 1
    hours = [event("op", DAY_US // 2 + number) for number in range(3)]
    assert lost(tmp_path, event("k", 0), *hours) == 0


@pytest.mark.parametrize(
    "starts",
    [
        [NOW_US + day * DAY_US for day in range(100)],
        [NOW_US + 29 * day * DAY_US for day in range(10)],
        [NOW_US, NOW_US + 400 * DAY_US],
        [NOW_US, NOW_US + 1, NOW_US + 400 * DAY_US, NOW_US + 400 * DAY_US + 1],
        [0, 1, 2],
        [0],
        [],
    ],
)
def test_a_long_trace_is_whole(starts: list[int], tmp_path: Path) -> None:
    assert lost(tmp_path, *(event("op", start) for start in starts)) == 0


def test_what_lasts_as_long_as_a_long_trace_is_kept(tmp_path: Path) -> None:
    days = [event("op", NOW_US + day * DAY_US) for day in range(60)]
    assert lost(tmp_path, event("train", NOW_US, dur=60 * DAY_US), *days) == 0
