from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.measure.device import get
from profiling.measure.profiler import record_step
from profiling.measure.step import State
from profiling.traces.diff import trace_diff
from profiling.traces.operators import operator_calls
from profiling.traces.table import load_trace, read_trace
from tests.profiling.planted import cell, event, memory_event, write_trace


def read(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return read_trace(write_trace(folder / "trace.json", events)).events


def work(category: str, name: str, start_us: float, dur: float) -> dict[str, Any]:
    return event(name, start_us, dur=dur, cat=category, pid=0, tid=7)


def test_groups_lie_beside_each_other_and_what_differs_in_count_comes_first(
    tmp_path: Path,
) -> None:
    a = read(
        tmp_path,
        event("same", 0, dur=50),
        event("slower", 100, dur=10),
        event("fewer", 200, dur=4),
        event("fewer", 210, dur=4),
        event("gone", 300, dur=1),
    )
    b = read(
        tmp_path,
        event("same", 0, dur=50),
        event("slower", 100, dur=30),
        event("fewer", 200, dur=4),
        event("new", 300, dur=9),
        memory_event(64, 301),
    )
    found = trace_diff(a, b).set_index("name")
    assert found.index.to_list() == ["new", "fewer", "gone", "slower", "same"]
    assert found["only_in"].fillna("").to_list() == ["b", "", "a", "", ""]
    assert found["count_a"].to_list() == [0, 2, 1, 1, 1]
    assert found["count_b"].to_list() == [1, 1, 0, 1, 1]
    assert found["count_change"].to_list() == [1, -1, -1, 0, 0]
    assert (found["change_s"] * 1e6).to_list() == pytest.approx([9, -4, -1, 20, 0])
    assert found["self_s_a"].isna().to_list() == [True, False, False, False, False]
    assert found.loc["new", "total_s_b"] == pytest.approx(9e-6)
    assert found["allocated_bytes_a"].isna().all()
    assert found.loc["new", "allocated_bytes_b"] == 64
    assert (found["category"] == "cpu_op").all()


def test_work_on_a_gpu_is_compared_too(tmp_path: Path) -> None:
    a = read(tmp_path, event("op", 0), work("kernel", "k", 5, 4))
    b = read(
        tmp_path,
        event("op", 0),
        work("kernel", "k", 5, 4),
        work("gpu_memcpy", "Memcpy DtoD (Device -> Device)", 10, 7),
    )
    first, *others = trace_diff(a, b).to_dict("records")
    assert (first["category"], first["name"]) == ("gpu_memcpy", "Memcpy DtoD (Device -> Device)")
    assert (first["only_in"], first["count_b"]) == ("b", 1)
    assert first["change_s"] == pytest.approx(7e-6)
    assert {(each["name"], each["count_change"]) for each in others} == {("op", 0), ("k", 0)}


def test_shapes_tell_groups_apart(tmp_path: Path) -> None:
    small, large = ({"Input Dims": [[size]]} for size in (2, 3))
    a = read(tmp_path, event("mul", 0, args=small))
    b = read(tmp_path, event("mul", 0, args=large))
    found = trace_diff(a, b, "shapes")
    assert dict(zip(found["shapes"], found["only_in"], strict=True)) == {"[[2]]": "a", "[[3]]": "b"}


def test_a_trace_does_not_differ_from_itself_and_empty_ones_have_no_rows(tmp_path: Path) -> None:
    trace = read(tmp_path, event("op", 0), work("kernel", "k", 5, 4), memory_event(8, 0))
    found = trace_diff(trace, trace)
    assert len(found) == 2
    assert found["only_in"].isna().all()
    assert (found[["count_change", "change_s"]] == 0).all(axis=None)
    empty = read(tmp_path)
    assert trace_diff(empty, empty).empty
    assert trace_diff(trace, empty)["only_in"].to_list() == ["a", "a"]


def recorded(folder: Path, branch: str, device: str = "cpu") -> pd.DataFrame:
    step = State(cell("elementwise", size=100_000, device=device)).step(branch)
    step.backward(step.forward())
    record_step(step, get(device), folder / "trace.json", shapes=False)
    return load_trace(folder / "trace.json")


def test_detach_and_clone_detach_differ_by_the_clone_and_its_copy(tmp_path: Path) -> None:
    a, b = recorded(tmp_path, "detach"), recorded(tmp_path, "clone_detach")
    found = trace_diff(a, b)
    differing = found[found["count_change"] != 0].set_index("name")
    assert {"aten::clone", "aten::copy_"} <= set(differing.index)
    assert (differing["count_change"] > 0).all()
    clone = differing.loc["aten::clone"]
    assert (clone["only_in"], clone["count_a"], clone["count_b"]) == ("b", 0, 1)
    busy = [operator_calls(each)["self_s"].sum() for each in (a, b)]
    ops = found[found["category"] == "cpu_op"]
    assert ops["change_s"].sum() == pytest.approx(busy[1] - busy[0], abs=1e-12)


@pytest.mark.cuda
def test_on_a_gpu_the_copy_is_named_too(tmp_path: Path) -> None:
    found = trace_diff(
        recorded(tmp_path, "detach", "cuda"), recorded(tmp_path, "clone_detach", "cuda")
    )
    copies = found[found["category"] == "gpu_memcpy"]
    assert copies["count_change"].sum() == 1
    assert copies["name"].str.contains("DtoD").any()
