"""Work on a GPU is joined to the call that launched it, and both to their operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from profiling.traces.table import read_trace
from tests.harness.made_traces import write
from tests.profiling.planted import event, write_trace


def operator(name: str, start_us: float, dur: float, number: int | None = None) -> dict[str, Any]:
    args = {} if number is None else {"External id": number}
    return event(name, start_us, dur=dur, args=args)


def call(name: str, start_us: float, **args: Any) -> dict[str, Any]:
    return event(name, start_us, cat="cuda_runtime", args=args)


def kernel(name: str, start_us: float, **args: Any) -> dict[str, Any]:
    return event(name, start_us, cat="kernel", pid=0, tid=7, args=args)


def arrow(phase: str, start_us: float, number: int, **values: Any) -> dict[str, Any]:
    return {"ph": phase, "cat": "ac2g", "name": "ac2g", "id": number, "ts": start_us} | (
        {"pid": 1, "tid": 1} | values
    )


def links(folder: Path, *events: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """Return the names of each event's launch and operator, by its own name."""
    trace = read_trace(write_trace(folder / "trace.json", events)).events
    named = {
        column: [None if pd.isna(row) else trace["name"][row] for row in trace[column]]
        for column in ("launch_index", "op_index")
    }
    pairs = zip(named["launch_index"], named["op_index"], strict=True)
    found = zip(trace["name"], pairs, strict=True)
    return {name: pair for name, pair in found if pair != (None, None)}


def test_a_kernel_has_the_call_of_its_correlation_and_that_the_op_around_it(tmp_path: Path) -> None:
    found = links(
        tmp_path,
        kernel("late", 50, correlation=2),
        kernel("early", 40, correlation=1),
        call("first", 3, correlation=1, **{"External id": 10}),
        call("second", 12, correlation=2, **{"External id": 20}),
        operator("around", 0, 30, 30),
        operator("a", 2, 5, 10),
        operator("b", 60, 5, 20),
    )
    assert found == {
        "early": ("first", "a"),
        "late": ("second", "around"),
        "first": (None, "a"),
        "second": (None, "around"),
    }


def test_of_calls_with_one_correlation_it_is_the_last_before_the_kernel(tmp_path: Path) -> None:
    calls = [call(f"call {start}", start, correlation=1) for start in (10, 20, 30)]
    kernels = [kernel("between", 25, correlation=1), kernel("before all", 5, correlation=1)]
    found = links(tmp_path, *calls, *kernels)
    assert found == {"between": ("call 20", None), "before all": ("call 10", None)}


def test_without_an_id_it_is_the_innermost_op_around_the_call(tmp_path: Path) -> None:
    found = links(
        tmp_path,
        operator("outer", 0, 100),
        operator("middle", 10, 50),
        operator("inner", 12, 5),
        operator("elsewhere", 20, 50) | {"tid": 2},
        call("in the middle", 30, correlation=1),
        call("in the outer", 80, correlation=2),
        call("outside", 200, correlation=3),
        kernel("kernel", 300, correlation=1),
    )
    assert found == {
        "in the middle": (None, "middle"),
        "in the outer": (None, "outer"),
        "kernel": ("in the middle", "middle"),
    }


def test_without_a_correlation_it_is_the_call_at_the_other_end_of_an_arrow(tmp_path: Path) -> None:
    found = links(
        tmp_path,
        operator("op", 0, 100),
        call("launch", 10),
        call("other", 30),
        kernel("kernel", 50),
        kernel("lone", 70),
        arrow("s", 10, 5),
        arrow("f", 50, 5, pid=0, tid=7),
        arrow("s", 30, 6),
        arrow("f", 70, 6, pid=0, tid=7, cat="fwdbwd"),
        arrow("f", 70, 7, pid=0, tid=7),
    )
    assert found["kernel"] == ("launch", "op")
    assert "lone" not in found


def test_a_kernel_without_a_launch_has_the_op_of_its_own_id(tmp_path: Path) -> None:
    own = {"External id": 4}
    found = links(tmp_path, operator("op", 0, 9, 4), kernel("kernel", 50, correlation=8, **own))
    assert found == {"kernel": (None, "op")}


def test_other_devices_have_calls_of_their_own_runtime(tmp_path: Path) -> None:
    launch = call("launch", 10, correlation=1) | {"cat": "xpu_runtime"}
    found = links(tmp_path, operator("op", 0, 50), launch, kernel("kernel", 60, correlation=1))
    assert found == {"launch": (None, "op"), "kernel": ("launch", "op")}


def test_in_a_made_trace_every_kernel_has_both(tmp_path: Path) -> None:
    write(tmp_path / "trace.json", 100)
    trace = read_trace(tmp_path / "trace.json").events
    kernels = trace[trace["category"] == "kernel"]
    assert len(kernels) == 100
    launches = trace.loc[kernels["launch_index"]]
    assert launches["correlation"].to_list() == kernels["correlation"].to_list()
    assert (launches["name"] == "cudaLaunchKernel").all()
    ops = trace.loc[kernels["op_index"]]
    assert ops["external_id"].to_list() == kernels["external_id"].to_list()
    assert (ops["category"] == "cpu_op").all()
