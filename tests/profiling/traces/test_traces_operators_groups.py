from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from torch.profiler import ProfilerActivity, profile

from profiling.measure.profiler import warm_up
from profiling.traces.operators import GROUPINGS, operator_calls, operator_groups
from profiling.traces.table import load_trace, read_trace
from tests.profiling.planted import event, memory_event, write_trace
from tests.profiling.traces.nests import Interval, covered, intervals, operators_at


def read(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return read_trace(write_trace(folder / "trace.json", events)).events


def by_name(table: pd.DataFrame, column: str) -> dict[str, Any]:
    return dict(zip(table["name"], table[column], strict=True))


def test_allocations_belong_to_the_innermost_operator_of_their_thread(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("outer", 0, dur=100),
        event("inner", 10, dur=20),
        event("zero", 30, dur=0),
        event("elsewhere", 0, dur=100, tid=2),
        memory_event(1, 5),
        memory_event(2, 10),
        memory_event(-2, 12),
        memory_event(4, 29.999),
        memory_event(8, 30),  # as inner has ended
        memory_event(16, 100),  # as outer has ended
        memory_event(32, 15, 1, 0) | {"tid": 2},
        memory_event(64, 15) | {"tid": 3},
    )
    own = by_name(operator_groups(trace), "allocated_bytes")
    assert own == {"outer": 9, "inner": 6, "zero": 0, "elsewhere": 32}


def test_without_memory_events_bytes_are_unknown(tmp_path: Path) -> None:
    assert operator_groups(read(tmp_path, event("op", 0)))["allocated_bytes"].isna().all()


def test_groups_count_sum_and_know_their_longest_call(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("mul", 0, dur=4, args={"Input Dims": [[2]]}),
        event("mul", 10, dur=9, args={"Input Dims": [[3]]}),
        event("add", 20, dur=3),
        event("mul", 30, dur=2, args={"Input Dims": [[2]]}),
        event("mul", 40, dur=1),
    )
    mul, add = operator_groups(trace).to_dict("records")
    assert (mul["name"], mul["count"], mul["longest_event"]) == ("mul", 4, 1)
    assert [mul["total_s"], mul["self_s"], mul["mean_s"]] == pytest.approx([16e-6, 16e-6, 4e-6])
    assert (add["name"], add["count"], add["longest_event"]) == ("add", 1, 2)
    shapes = operator_groups(trace, "shapes").fillna({"shapes": "none"})
    found = list(zip(shapes["name"], shapes["shapes"], shapes["count"], strict=True))
    assert found == [
        ("mul", "[[3]]", 1),
        ("mul", "[[2]]", 2),
        ("add", "none", 1),
        ("mul", "none", 1),
    ]


def test_an_operator_that_only_calls_itself_counts_once_as_in_torch(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("sum", 0, dur=20, args={"Input Dims": [[2]]}),
        event("sum", 1, dur=18, args={"Input Dims": [[2], [1]]}),
        event("sum", 2, dur=16, args={"Input Dims": [[2], [1], []]}),
        event("fill", 3, dur=5),
        memory_event(8, 10),
        event("mul", 30, dur=10),
        event("mul", 31, dur=2),
        event("mul", 34, dur=2),
    )
    found = operator_groups(trace, "shapes").set_index("name")
    assert found["shapes"].fillna("").to_dict() == {"sum": "[[2]]", "mul": "", "fill": ""}
    assert found["count"].to_dict() == {"sum": 1, "mul": 3, "fill": 1}
    assert (found["total_s"] * 1e6).to_dict() == pytest.approx({"sum": 20, "mul": 14, "fill": 5})
    assert (found["self_s"] * 1e6).to_dict() == pytest.approx({"sum": 15, "mul": 10, "fill": 5})
    assert found["allocated_bytes"].to_dict() == {"sum": 8, "mul": 0, "fill": 0}
    assert len(operator_calls(trace)) == 7


def test_stacks_tell_groups_apart(tmp_path: Path) -> None:
    trace = read(tmp_path, event("mul", 0, dur=4), event("mul", 10, dur=6), event("mul", 20))
    trace["stack"] = pd.Series(["a", "b", "a"], dtype="str")
    found = operator_groups(trace, "stack")
    assert list(zip(found["stack"], found["count"], strict=True)) == [("b", 1), ("a", 2)]
    plain = operator_groups(trace.drop(columns="stack"), "stack")
    assert plain["stack"].isna().all()
    assert plain["count"].to_list() == [3]


def test_device_time_follows_the_launch_where_work_has_no_external_id(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        event("outer", 0, dur=100, args={"External id": 1}),
        event("inner", 10, dur=20, args={"External id": 2}),
        event(
            "cudaLaunchKernel",
            12,
            cat="cuda_runtime",
            args={"correlation": 5, "External id": 2},
        ),
        event("k", 50, dur=7, cat="kernel", pid=0, tid=7, args={"correlation": 5}),
    )
    found = by_name(operator_groups(trace), "device_s")
    assert found == pytest.approx({"outer": 0.0, "inner": 7e-6})


@pytest.mark.parametrize("by", GROUPINGS)
def test_a_trace_without_operators_has_an_empty_table(by: str, tmp_path: Path) -> None:
    found = operator_groups(read(tmp_path, memory_event(8, 1)), by)
    assert found.empty
    assert list(found.columns)[:2] == [*GROUPINGS[by], "count"][:2]


@settings(deadline=None)
@given(intervals)
def test_self_times_add_up_to_each_threads_busy_time(spans: list[Interval]) -> None:
    calls = operator_calls(operators_at(spans))
    for thread, mine in calls.groupby("thread"):
        assert round(mine["self_s"].sum() * 1e9) == covered(spans, int(str(thread)))
    groups = operator_groups(operators_at(spans))
    assert (groups["count"] > 0).all()
    assert groups["count"].sum() <= len(spans)
    assert groups["self_s"].sum() == pytest.approx(calls["self_s"].sum(), abs=1e-15)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[profile, pd.DataFrame]:
    """A session of torch's profiler and the table of its trace."""
    warm_up()
    weight = torch.randn(8, 8, requires_grad=True)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True, profile_memory=True) as run:
        for _ in range(3):
            hidden = (weight @ weight).relu()
            (hidden + hidden.detach().clone()).sum().backward()
    path = tmp_path_factory.mktemp("session") / "trace.json"
    run.export_chrome_trace(str(path))
    return run, load_trace(path)


def test_counts_are_torchs_own(session: tuple[profile, pd.DataFrame]) -> None:
    run, trace = session
    own = {each.key: each.count for each in run.key_averages() if each.key != "[memory]"}
    assert by_name(operator_groups(trace), "count") == own
    by_shape = operator_groups(trace, "shapes").groupby("name")["count"].sum()
    assert by_shape.to_dict() == own


def test_self_times_are_torchs_own(session: tuple[profile, pd.DataFrame]) -> None:
    run, trace = session
    found = by_name(operator_groups(trace), "self_s")
    for each in run.key_averages():
        if each.key in found:
            assert found[each.key] * 1e6 == pytest.approx(each.self_cpu_time_total, abs=0.01), each


def test_bytes_allocated_are_those_of_the_trace(session: tuple[profile, pd.DataFrame]) -> None:
    _, trace = session
    positive = trace["bytes"][trace["bytes"] > 0]
    found = by_name(operator_groups(trace), "allocated_bytes")
    assert sum(found.values()) <= positive.sum()
    assert found["aten::mm"] > 0
    assert found["aten::detach"] == 0
    assert np.all(np.array(list(found.values())) >= 0)
