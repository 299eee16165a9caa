from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.traces.operators import kernels, operator_groups
from profiling.traces.phases import training_phases
from profiling.traces.table import load_trace, read_trace
from profiling.traces.timeline import chrome_trace, cut, end_s, window
from tests.conftest import FinishedRun
from tests.harness import made_traces
from tests.profiling.planted import event, memory_event, write_trace


def shifted(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the table with times from its own first event, rounded as a file's are."""
    start = (trace["start_s"] - trace["start_s"].iloc[0]).round(9)
    return trace.assign(start_s=start, duration_s=trace["duration_s"].round(9))


def assert_alike(one: pd.DataFrame, other: pd.DataFrame) -> None:
    left, right = (shifted(each.reset_index(drop=True)) for each in (one, other))
    pd.testing.assert_frame_equal(left, right, check_categorical=False)


def test_a_window_has_what_touches_it(tmp_path: Path) -> None:
    events = [
        event("before", 0, dur=9),
        event("around", 1, dur=100),
        event("touching", 8, dur=2),
        memory_event(8, 15),
        memory_event(8, 21),
        event("after", 20.001),
    ]
    trace = load_trace(write_trace(tmp_path / "trace.json", events))
    found = window(trace, 10e-6, 20e-6)
    assert found["name"].to_list() == ["around", "touching", "[memory]"]
    assert found.index.to_list() == [1, 2, 3]
    assert window(trace, 200e-6, 300e-6).empty


def test_a_cut_part_counts_only_what_is_in_the_window(tmp_path: Path) -> None:
    on_gpu: dict[str, Any] = {"cat": "kernel", "pid": 0, "tid": 7}
    events = [
        event("inner", 0, dur=30),
        event("outer", 0, dur=100),
        event("forward", 0, dur=100, cat="user_annotation"),
        event("early", 2, dur=3, cat="cuda_runtime", args={"correlation": 1}),
        event("launch", 12, dur=3, cat="cuda_runtime", args={"correlation": 2}),
        event("across", 5, dur=10, args={"correlation": 1}, **on_gpu),
        event("inside", 18, dur=10, args={"correlation": 2}, **on_gpu),
        memory_event(8, 15),
        memory_event(8, 25),
    ]
    part = cut(read_trace(write_trace(tmp_path / "trace.json", events)).events, 10e-6, 20e-6)
    groups = operator_groups(part).set_index("name")
    assert groups["total_s"].to_dict() == pytest.approx({"inner": 10e-6, "outer": 10e-6})
    assert groups["self_s"].to_dict() == pytest.approx({"inner": 10e-6, "outer": 0})
    assert groups["device_s"].to_dict() == pytest.approx({"inner": 7e-6, "outer": 0})
    assert groups["allocated_bytes"].to_dict() == {"inner": 8, "outer": 0}
    work = kernels(part).set_index("name")
    assert work["total_s"].to_dict() == pytest.approx({"across": 5e-6, "inside": 2e-6})
    assert work["launch_s"].isna().to_dict() == {"across": True, "inside": False}
    assert work["launch_s"]["inside"] * 1e9 == pytest.approx(6000)
    phases = training_phases(part)
    assert (phases["start_s"][0], phases["end_s"][0]) == pytest.approx((10e-6, 20e-6))


def test_a_trace_ends_with_what_ran_and_not_with_the_profilers_own_notes(tmp_path: Path) -> None:
    note = event("Record Window End", 90) | {"ph": "i"}
    del note["dur"]
    op = event("op", 2, dur=8)
    ends = [
        end_s(load_trace(write_trace(tmp_path / "trace.json", events)))
        for events in ([op, note], [op, memory_event(8, 14), note], [note, note | {"ts": 95}], [])
    ]
    assert ends == pytest.approx([8e-6, 12e-6, 5e-6, 0.0])


def test_a_window_written_as_a_chrome_trace_reads_back(tmp_path: Path) -> None:
    made_traces.write(tmp_path / "whole.json", 60)
    whole = read_trace(tmp_path / "whole.json")
    part = window(whole.events, 0.5e-3, 1.5e-3)
    assert 100 < len(part) < len(whole.events)
    path = tmp_path / "part.json"
    path.write_bytes(chrome_trace(part, whole.process_names, whole.thread_names))
    again = read_trace(path)
    links = ["launch_index", "op_index"]  # row numbers, of another table
    assert_alike(again.events.drop(columns=links), part.drop(columns=links))
    assert again.process_names == whole.process_names
    assert again.thread_names == whole.thread_names
    assert again.notices == ()


def test_recorded_traces_read_back_whole(finished_run: FinishedRun, tmp_path: Path) -> None:
    path = min(finished_run.folder.rglob("*.json.gz"))
    trace = load_trace(path)
    (tmp_path / "again.json").write_bytes(chrome_trace(trace))
    assert_alike(load_trace(tmp_path / "again.json"), trace)


def written(folder: Path, *events: dict[str, Any]) -> list[dict[str, Any]]:
    trace = read_trace(write_trace(folder / "trace.json", events)).events
    found: list[dict[str, Any]] = json.loads(chrome_trace(trace))["traceEvents"]
    return found


def test_what_an_event_lacks_is_not_written(tmp_path: Path) -> None:
    bare, full = written(
        tmp_path,
        {"ph": "i", "name": "bare", "ts": 1},
        event("op", 2.5, dur=0.125, pid="Spans", tid="007", args={"Input Dims": [[2], []]}),
    )
    assert bare == {"ph": "i", "name": "bare", "ts": 0.0}
    assert full == {
        "ph": "X",
        "cat": "cpu_op",
        "name": "op",
        "pid": "Spans",
        "tid": "007",
        "ts": 1.5,
        "dur": 0.125,
        "args": {"Input Dims": [[2], []]},
    }


@pytest.mark.parametrize(("kind", "number"), [(0, -1), (1, 0), (1, 3), (12, 0), (13, 0), (20, 2)])
def test_devices_of_memory_events_are_kept(kind: int, number: int, tmp_path: Path) -> None:
    (found,) = written(tmp_path, memory_event(-64, 1, kind, number))
    args = {"Bytes": -64, "Addr": 64, "Device Type": kind, "Device Id": number}
    assert found["args"] == args


def test_a_rank_is_kept(tmp_path: Path) -> None:
    made_traces.write(tmp_path / "rank.json", 3, rank=5)
    (tmp_path / "again.json").write_bytes(chrome_trace(read_trace(tmp_path / "rank.json").events))
    assert read_trace(tmp_path / "again.json").ranks == (5,)
