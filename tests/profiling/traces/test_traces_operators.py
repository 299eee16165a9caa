from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.traces.operators import operator_calls, operator_groups
from profiling.traces.table import load_trace
from tests.conftest import FinishedRun
from tests.profiling.planted import event, memory_event, write_trace


def calls(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return operator_calls(load_trace(write_trace(folder / "trace.json", events)))


def self_us(table: pd.DataFrame) -> dict[str, float]:
    return microseconds(table, "self_s")


def microseconds(table: pd.DataFrame, column: str) -> dict[str, float]:
    values = (table[column] * 1e6).round(6)
    return dict(zip(table["name"], values, strict=True))


def test_self_time_is_without_what_was_called_inside(tmp_path: Path) -> None:
    table = calls(
        tmp_path,
        event("outer", 0, dur=100),
        event("first", 10, dur=20),
        event("inner", 12, dur=5),
        event("second", 40, dur=30),
        event("after", 100, dur=7),
    )
    assert self_us(table) == {"outer": 50, "first": 15, "inner": 5, "second": 30, "after": 7}


def test_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    events = [event("inner", 12, dur=5), event("outer", 0, dur=100), event("first", 10, dur=20)]
    assert self_us(calls(tmp_path, *events)) == {"outer": 80, "first": 15, "inner": 5}


def test_of_two_that_start_together_the_longer_is_the_outer_one(tmp_path: Path) -> None:
    table = calls(tmp_path, event("inner", 5, dur=3), event("outer", 5, dur=10))
    assert self_us(table) == {"outer": 7, "inner": 3}
    assert table["name"].to_list() == ["outer", "inner"]


def test_threads_and_processes_are_apart(tmp_path: Path) -> None:
    table = calls(
        tmp_path,
        event("a", 0, dur=100),
        event("b", 10, dur=50, tid=2),
        event("c", 20, dur=5, tid=2),
        event("d", 30, dur=40, pid=2),
    )
    assert self_us(table) == {"a": 100, "b": 45, "c": 5, "d": 40}


def test_calls_without_a_duration_to_speak_of(tmp_path: Path) -> None:
    table = calls(
        tmp_path,
        event("outer", 0, dur=10),
        event("nothing", 3, dur=0),
        event("at the end", 10, dur=0),
    )
    assert self_us(table) == {"outer": 10, "nothing": 0, "at the end": 0}


@pytest.mark.parametrize("origin", [0, 0.1, 5172348123.456])
def test_a_call_that_starts_as_another_ends_is_not_inside_it(origin: float, tmp_path: Path) -> None:
    # In nanoseconds; as seconds in binary, many a sum of start and duration misses the next start.
    lengths = [100 + 37 * number % 1000 for number in range(200)]
    events, start = [], 0
    for length in lengths:
        events.append(event(f"op {start}", origin + start / 1000, dur=length / 1000))
        start += length
    table = calls(tmp_path, *events)
    assert [round(value * 1e9) for value in table["self_s"]] == lengths


def test_only_operators_with_a_duration_are_calls(tmp_path: Path) -> None:
    table = calls(
        tmp_path,
        event("op", 0, dur=10),
        event("range", 1, dur=5, cat="user_annotation"),
        event("launch", 2, dur=5, cat="cuda_runtime"),
        memory_event(8, 3),
        {"ph": "i", "cat": "cpu_op", "name": "instant", "pid": 1, "tid": 1, "ts": 4},
    )
    assert self_us(table) == {"op": 10}


def test_device_time_is_what_a_call_launched_itself(tmp_path: Path) -> None:
    gpu: dict[str, Any] = {"pid": 0, "tid": 7}
    table = calls(
        tmp_path,
        event("outer", 0, dur=100, args={"External id": 1}),
        event("inner", 10, dur=20, args={"External id": 2}),
        event("idle", 200, dur=20, args={"External id": 3}),
        event("gemm", 500, dur=30, cat="kernel", args={"External id": 2}, **gpu),
        event("gemm", 530, dur=12, cat="kernel", args={"External id": 2}, **gpu),
        event("copy", 550, dur=3, cat="gpu_memcpy", args={"External id": 1}, **gpu),
        event("set", 560, dur=1, cat="gpu_memset", args={"External id": 1}, **gpu),
        event("stray", 570, dur=99, cat="kernel", args={"External id": 42}, **gpu),
        event("unknown", 580, dur=99, cat="kernel", **gpu),
        event("launch", 11, dur=50, cat="cuda_runtime", args={"External id": 3}),
    )
    assert microseconds(table, "device_s") == {"outer": 4, "inner": 42, "idle": 0}


def test_without_any_device_work_device_time_is_empty(tmp_path: Path) -> None:
    table = calls(tmp_path, event("op", 0, args={"External id": 1}))
    assert table["device_s"].isna().all()
    summed = operator_groups(load_trace(tmp_path / "trace.json"))
    assert summed["device_s"].isna().all()


def test_operators_are_summed_by_name_most_self_time_first(tmp_path: Path) -> None:
    write_trace(
        tmp_path / "trace.json",
        [
            event("outer", 0, dur=10),
            event("mul", 1, dur=8),
            event("mul", 20, dur=4),
            event("add", 30, dur=5, tid=2, args={"External id": 1}),
            event("k", 40, dur=2, cat="kernel", args={"External id": 1}),
        ],
    )
    table = operator_groups(load_trace(tmp_path / "trace.json"))
    rows = [
        (row.name, row.count, round(row.total_s * 1e6, 6), round(row.self_s * 1e6, 6))
        for row in table.to_records(index=False)
    ]
    assert rows == [("mul", 2, 12, 12), ("add", 1, 5, 5), ("outer", 1, 10, 2)]
    assert [round(value * 1e6, 6) for value in table["device_s"]] == [0, 2, 0]


def test_a_trace_without_operators_has_empty_tables(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "trace.json", [])
    assert operator_calls(load_trace(path)).empty
    table = operator_groups(load_trace(path))
    assert table.empty
    assert list(table.columns[:5]) == ["name", "count", "total_s", "self_s", "mean_s"]


def test_recorded_self_times_sum_up_to_the_time_under_any_operator(
    finished_run: FinishedRun,
) -> None:
    paths = sorted(finished_run.folder.rglob("*.json.gz"))
    assert len(paths) == 12
    for path in paths:
        table = operator_calls(load_trace(path))
        assert (table["self_s"] >= -1e-9).all()
        for _, thread in table.groupby(["process", "thread"]):
            covered, end = 0.0, -math.inf
            for start, duration in zip(thread["start_s"], thread["duration_s"], strict=True):
                if start + duration > end:
                    covered += start + duration - max(start, end)
                    end = start + duration
            assert thread["self_s"].sum() == pytest.approx(covered, abs=1e-9)
