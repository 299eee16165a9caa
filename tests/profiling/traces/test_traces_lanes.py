from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from profiling.traces.table import load_trace, read_trace
from profiling.traces.timeline import MOST_LANES, timeline
from tests.conftest import FinishedRun
from tests.profiling.planted import event, memory_event, write_trace
from tests.profiling.traces.nests import Interval, intervals, operators_at

GPU: dict[str, Any] = {"cat": "kernel", "pid": 0, "tid": 7, "args": {"device": 0, "stream": 7}}


def read(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return read_trace(write_trace(folder / "trace.json", events)).events


def test_threads_come_first_with_the_main_one_ahead_then_streams_by_device(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("k", 1, **GPU | {"pid": 1, "args": {"device": 1, "stream": 7}}),
        event("k", 2, **GPU | {"tid": 20, "args": {"device": 0, "stream": 20}}),
        event("k", 3, **GPU),
        event("range", 3, **GPU | {"cat": "gpu_user_annotation", "dur": 5}),
        event("PyTorch Profiler (0)", 0, cat="Trace", pid="Spans", tid="PyTorch Profiler", dur=99),
        event("other", 4, pid=50, tid=9),
        event("main", 5, pid=50, tid=50),
        event("tenth", 6, pid=50, tid=10),
        memory_event(8, 7),
    )
    lanes = timeline(trace, {"50": "python"}, {("50", "9"): "pt_autograd_0"}).lanes
    assert list(zip(lanes["kind"], lanes["process"], lanes["thread"], strict=True)) == [
        ("thread", "50", "50"),
        ("thread", "50", "9"),
        ("thread", "50", "10"),
        ("stream", "0", "7"),
        ("stream", "0", "20"),
        ("stream", "1", "7"),
        ("profiler", "Spans", "PyTorch Profiler"),
    ]
    assert lanes["process_name"].to_list() == ["python"] * 3 + [""] * 4
    assert lanes["thread_name"].to_list() == ["", "pt_autograd_0"] + [""] * 5
    assert lanes["device"].to_list() == [pd.NA, pd.NA, pd.NA, 0, 0, 1, pd.NA]
    assert lanes["stream"].to_list() == [pd.NA, pd.NA, pd.NA, 7, 20, 7, pd.NA]
    assert lanes["depth"].to_list() == [1, 1, 1, 2, 1, 1, 1]
    assert lanes["events"].to_list() == [1, 1, 1, 2, 1, 1, 1]


def test_a_row_is_used_again_once_it_is_free(tmp_path: Path) -> None:
    # Functions that begin before a step ends, and end after it.
    events = [event("step", 10 * number, dur=11) for number in range(50)]
    events += [event("inside", 10 * number + 5, dur=2) for number in range(50)]
    found = timeline(read(tmp_path, *events))
    assert found.lanes["depth"].to_list() == [2]
    depths = found.spans.sort_values("event")["depth"].to_list()
    assert depths == [0, 1, 1, 0] * 25


def test_events_lie_in_rows_by_nesting(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("inner", 12, dur=5),
        event("outer", 10, dur=100),
        event("range", 5, dur=200, cat="user_annotation"),
        event("after", 110, dur=7),
        event("no end", 11, dur=None),
    )
    spans = timeline(trace).spans
    assert list(zip(spans["name"], spans["depth"], strict=True)) == [
        ("range", 0),
        ("outer", 1),
        ("after", 1),
        ("inner", 2),
    ]
    assert trace.loc[spans["event"], "name"].to_list() == spans["name"].to_list()
    assert spans["start_ns"].to_list() == [0, 5000, 105_000, 7000]
    assert spans["end_ns"].to_list() == [200_000, 105_000, 112_000, 12_000]


def test_events_may_lack_process_and_thread(tmp_path: Path) -> None:
    trace = read(tmp_path, {"ph": "X", "name": "a", "ts": 1, "dur": 2})
    lanes = timeline(trace).lanes
    assert (lanes["process"][0], lanes["thread"][0], lanes["events"][0]) == ("", "", 1)


@pytest.mark.parametrize("events", [[], [memory_event(1, 1)]])
def test_without_intervals_there_are_no_lanes(events: list[Any], tmp_path: Path) -> None:
    found = timeline(read(tmp_path, *events))
    assert found.lanes.empty
    assert found.spans.empty


def test_too_many_lanes_share_the_last_one() -> None:
    found = timeline(operators_at([(lane, lane, 20) for lane in range(MOST_LANES + 30)]))
    assert found.lanes["kind"].to_list() == ["thread"] * (MOST_LANES - 1) + ["more"]
    assert found.lanes["events"].to_list() == [1] * (MOST_LANES - 1) + [31]
    assert found.lanes["thread"].iloc[-1] == ""


@settings(deadline=None)
@given(intervals)
def test_every_interval_has_its_place(spans: list[Interval]) -> None:
    trace = operators_at(spans)
    found = timeline(trace)
    assert sorted(found.spans["event"]) == list(trace.index)
    assert found.lanes["events"].sum() == len(trace)
    keys = found.spans[["lane", "depth", "start_ns"]]
    assert keys.equals(keys.sort_values(["lane", "depth", "start_ns"], kind="stable"))


def test_recorded_events_are_all_laid_out(finished_run: FinishedRun) -> None:
    path = min(finished_run.folder.rglob("*.json.gz"))
    trace = load_trace(path)
    found = timeline(trace)
    assert len(found.spans) == trace["duration_s"].notna().sum() > 50
    assert "thread" in set(found.lanes["kind"])
