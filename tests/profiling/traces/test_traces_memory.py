from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.traces.memory import memory_curve
from profiling.traces.table import load_trace
from tests.conftest import FinishedRun
from tests.profiling.planted import event, memory_event, write_trace


def curve(folder: Path, *events: dict[str, Any], device: str = "cpu") -> pd.DataFrame:
    return memory_curve(load_trace(write_trace(folder / "trace.json", events)), device)


def test_the_running_sum_in_order_of_time(tmp_path: Path) -> None:
    events = [memory_event(-100, 30), memory_event(100, 10), memory_event(50, 20), event("op", 5)]
    found = curve(tmp_path, *events)
    assert list(found.columns) == ["time_s", "change_bytes", "live_bytes"]
    assert found["time_s"].to_list() == pytest.approx([5e-6, 15e-6, 25e-6])
    assert found["change_bytes"].to_list() == [100, 50, -100]
    assert found["live_bytes"].to_list() == [100, 150, 50]
    assert found.index.to_list() == [0, 1, 2]


def test_frees_of_what_was_there_before_go_below_zero(tmp_path: Path) -> None:
    found = curve(tmp_path, memory_event(-8, 1), memory_event(3, 2), memory_event(-3, 3))
    assert found["live_bytes"].to_list() == [-8, -5, -8]


def test_events_at_the_same_time_keep_the_files_order(tmp_path: Path) -> None:
    found = curve(tmp_path, memory_event(8, 1), memory_event(-8, 1), memory_event(2, 1))
    assert found["live_bytes"].to_list() == [8, 0, 2]


def test_each_kind_of_device_has_its_own_curve(tmp_path: Path) -> None:
    events = (
        memory_event(10, 1),
        memory_event(100, 2, 1, 0),
        memory_event(1000, 3, 1, 1),
        memory_event(-10, 4),
        memory_event(-100, 5, 1, 0),
    )
    assert curve(tmp_path, *events)["live_bytes"].to_list() == [10, 0]
    assert curve(tmp_path, *events, device="cuda")["live_bytes"].to_list() == [100, 1100, 1000]


def test_only_allocations_count(tmp_path: Path) -> None:
    other = memory_event(10**6, 2) | {"name": "[OutOfMemory]"}
    nothing = memory_event(1, 3) | {"args": {"Device Type": 0}}
    assert curve(tmp_path, memory_event(5, 1), other, nothing)["live_bytes"].to_list() == [5]


def test_a_trace_without_memory_has_an_empty_curve(tmp_path: Path) -> None:
    for events in ([], [event("op", 1)], [memory_event(1, 1, 1, 0)]):
        found = curve(tmp_path, *events)
        assert found.empty
        assert list(found.columns) == ["time_s", "change_bytes", "live_bytes"]


def test_a_recorded_curve_ends_at_allocations_less_frees(finished_run: FinishedRun) -> None:
    paths = sorted(finished_run.folder.rglob("*-attached-*.json.gz"))
    assert len(paths) == 2
    for path in paths:
        trace = load_trace(path)
        found = memory_curve(trace, "cpu")
        changes = trace.loc[trace["name"] == "[memory]", "bytes"]
        allocated, freed = changes[changes > 0].sum(), -changes[changes < 0].sum()
        assert allocated > freed > 0
        assert found["live_bytes"].iloc[-1] == allocated - freed
        assert memory_curve(trace, "cuda").empty
