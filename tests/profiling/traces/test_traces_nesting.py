from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.traces.nesting import enclosing_spans, is_outermost, operator_spans
from profiling.traces.table import load_trace
from tests.profiling.planted import event, memory_event, write_trace


def spans_of(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return operator_spans(load_trace(write_trace(folder / "trace.json", events)))


def test_spans_are_those_of_operators_with_a_duration_outer_ones_first(tmp_path: Path) -> None:
    spans = spans_of(
        tmp_path,
        event("inner", 5, dur=2, args={"External id": 7}),
        event("outer", 5, dur=10),
        event("range", 1, dur=50, cat="user_annotation"),
        event("launch", 2, cat="cuda_runtime"),
        memory_event(8, 3),
        {"ph": "i", "cat": "cpu_op", "name": "instant", "pid": 1, "tid": 1, "ts": 4},
    )
    assert spans["name"].to_list() == ["outer", "inner"]
    assert spans["start"].to_list() == [4000, 4000]  # the trace begins at 1 µs
    assert spans["end"].to_list() == [14000, 6000]
    assert spans["external_id"].to_list() == [pd.NA, 7]
    assert spans["lane"].to_list() == ["1 1", "1 1"]


def test_a_span_is_outermost_where_no_other_of_its_thread_is_around_it(tmp_path: Path) -> None:
    spans = spans_of(
        tmp_path,
        event("long", 0, dur=100),
        event("short", 10, dur=5),
        event("later", 40, dur=5),
        event("elsewhere", 50, dur=5, tid=2),
        event("other process", 50, dur=5, pid=2),
        event("next", 100, dur=5),
    )
    outermost = spans[is_outermost(spans)]["name"]
    assert set(outermost) == {"long", "elsewhere", "other process", "next"}


def test_a_moment_is_in_the_span_that_began_and_has_not_ended(tmp_path: Path) -> None:
    spans = spans_of(tmp_path, event("a", 0, dur=2), event("b", 2, dur=2), event("c", 9, tid=2))
    moments = pd.DataFrame({"start": [0, 1999, 2000, 4000, 9000, 9000], "lane": "1 1"})
    moments.loc[5, "lane"] = "1 2"
    found = enclosing_spans(spans, moments)
    assert found["name"].fillna("").to_list() == ["a", "a", "b", "", "", "c"]
    assert found["end"].fillna(-1).to_list() == [2000, 2000, 4000, -1, -1, 10000]


@pytest.mark.parametrize("origin", [0.1, 5172348123.456])
def test_a_span_that_starts_as_another_ends_is_not_inside_it(origin: float, tmp_path: Path) -> None:
    # In nanoseconds; as seconds in binary, many a sum of start and duration misses the next start.
    lengths = [100 + 37 * number % 1000 for number in range(200)]
    events, start = [], 0
    for length in lengths:
        events.append(event(f"op {start}", origin + start / 1000, dur=length / 1000))
        start += length
    assert is_outermost(spans_of(tmp_path, *events)).all()
