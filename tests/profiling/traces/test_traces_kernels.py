from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from profiling.traces.operators import device_events, devices, kernels
from profiling.traces.table import read_trace
from tests.profiling.planted import event, write_trace
from tests.profiling.traces.nests import Interval, covered, intervals, operators_at


def work(name: str, start_us: float, dur: float, **values: Any) -> dict[str, Any]:
    args = {"device": 0, "stream": 7} | values.pop("args", {})
    lane = {"cat": "kernel", "pid": args["device"], "tid": args["stream"]}
    return event(name, start_us, **lane | {"dur": dur, "args": args} | values)


def launch(start_us: float, dur: float, correlation: int) -> dict[str, Any]:
    args = {"correlation": correlation}
    return event("cudaLaunchKernel", start_us, cat="cuda_runtime", dur=dur, args=args)


def read(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return read_trace(write_trace(folder / "trace.json", events)).events


def nanoseconds(table: pd.DataFrame, column: str) -> list[int]:
    return [round(value * 1e9) for value in table[column]]


def test_work_waits_for_its_launch_and_for_earlier_work_of_its_stream(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        launch(0, 2, 1),
        launch(2, 2, 2),
        launch(4, 2, 3),
        launch(100, 2, 4),
        work("a", 10, 30, args={"correlation": 1}),
        work("b", 41, 5, args={"correlation": 2}),  # behind a until 40
        work("c", 12, 4, args={"correlation": 3, "stream": 8}),  # not behind it
        work("a", 103, 2, args={"correlation": 4}),  # long after b
        work("lone", 200, 1, args={"correlation": 9}),
    )
    found = device_events(trace).set_index("start_ns")
    assert found["name"].to_list() == ["a", "c", "b", "a", "lone"]
    assert found["launch_ns"].to_list() == [10_000, 8000, 39_000, 3000, pd.NA]
    assert found["queue_ns"].to_list() == [0, 0, 36_000, 0, pd.NA]
    summed = kernels(trace).set_index("name")
    assert summed.index.to_list() == ["a", "b", "c", "lone"]
    assert summed["count"].to_list() == [2, 1, 1, 1]
    assert nanoseconds(summed, "total_s") == [32_000, 5000, 4000, 1000]
    assert nanoseconds(summed, "mean_s") == [16_000, 5000, 4000, 1000]
    assert nanoseconds(summed[:3], "launch_s") == [6500, 39_000, 8000]
    assert nanoseconds(summed[:3], "queue_s") == [0, 36_000, 0]
    assert summed["launch_s"].isna().to_list() == [False, False, False, True]
    assert trace.loc[summed["longest_event"], "name"].to_list() == ["a", "b", "c", "lone"]


def test_a_part_of_a_trace_may_lack_the_launch(tmp_path: Path) -> None:
    trace = read(tmp_path, launch(0, 2, 1), work("a", 10, 30, args={"correlation": 1}))
    assert device_events(trace[1:])["launch_ns"].to_list() == [pd.NA]
    assert device_events(trace.drop(columns="launch_index"))["queue_ns"].to_list() == [pd.NA]


def test_the_category_and_the_lane_tell_what_and_where(tmp_path: Path) -> None:
    copy = event("Memcpy DtoD", 5, cat="gpu_memcpy", pid=1, tid=3)
    nowhere = event("k", 6, cat="kernel", pid="GPU", tid="stream")
    found = device_events(read(tmp_path, work("k", 1, 1), copy, nowhere))
    assert found["category"].to_list() == ["kernel", "gpu_memcpy", "kernel"]
    assert found["device"].to_list() == [0, 1, pd.NA]
    assert found["stream"].to_list() == [7, 3, pd.NA]


def test_idle_shares_of_devices_and_streams(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        work("a", 0, 40),
        work("b", 20, 40, args={"stream": 8}),
        work("c", 80, 20),
        work("d", 0, 25, args={"device": 1}),
    )
    found = devices(trace)
    assert list(zip(found["device"], found["stream"].fillna(-1), strict=True)) == [
        (0, -1),
        (0, 7),
        (0, 8),
        (1, -1),
        (1, 7),
    ]
    assert found["count"].to_list() == [3, 2, 1, 1, 1]
    assert nanoseconds(found, "busy_s") == [80_000, 60_000, 40_000, 25_000, 25_000]
    assert nanoseconds(found, "idle_s") == [20_000, 40_000, 60_000, 75_000, 75_000]
    assert found["idle_share"].to_list() == pytest.approx([0.2, 0.4, 0.6, 0.75, 0.75])
    assert nanoseconds(found, "longest_gap_s") == [20_000, 40_000, 40_000, 75_000, 75_000]


def test_idle_within_a_window_counts_work_only_as_far_as_it_is_in_it(tmp_path: Path) -> None:
    trace = read(tmp_path, work("a", 0, 40), work("b", 80, 40))
    found = devices(trace, 30e-6, 90e-6)
    assert nanoseconds(found, "busy_s") == [20_000, 20_000]
    assert found["idle_share"].to_list() == pytest.approx([2 / 3, 2 / 3])
    assert devices(trace, 41e-6, 79e-6).empty
    assert devices(trace, 30e-6, 30e-6)["idle_share"].isna().all()


def test_a_trace_of_a_cpu_has_empty_tables(tmp_path: Path) -> None:
    trace = read(tmp_path, event("op", 0))
    assert device_events(trace).empty
    assert kernels(trace).empty
    assert devices(trace).empty


@settings(deadline=None)
@given(intervals)
def test_busy_time_is_what_any_work_of_a_stream_covers(spans: list[Interval]) -> None:
    trace = operators_at(spans)
    trace["category"] = pd.Series("kernel", trace.index, dtype="category")
    found = devices(trace, 0.0, 50e-9)
    for _, row in found[found["stream"].notna()].iterrows():
        assert round(row["busy_s"] * 1e9) == covered(spans, row["stream"])
        assert round((row["busy_s"] + row["idle_s"]) * 1e9) == 50
