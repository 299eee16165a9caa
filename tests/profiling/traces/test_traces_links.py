"""Work on a GPU is joined to the call that launched it, and both to their operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

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


def both(number: int) -> dict[str, int]:
    return {"External id": number, "correlation": number}


def test_numbers_that_are_correlations_and_no_ids_join_nothing(tmp_path: Path) -> None:
    found = links(
        tmp_path,
        *(operator(name, 20 * place, 10, place) for place, name in enumerate("abcd")),
        event("launch", 62, cat="cuda_runtime", args=both(1)),
        event("outside", 95, cat="cuda_runtime", args=both(2)),
        kernel("kernel", 100, **both(1)),
        kernel("of outside", 110, **both(2)),
        kernel("lone", 120, **both(0)),
    )
    assert found == {
        "launch": (None, "d"),
        "kernel": ("launch", "d"),
        "of outside": ("outside", None),
    }


def test_sound_ids_serve_where_nothing_is_around(tmp_path: Path) -> None:
    instant = call("no length", 61, correlation=3, **{"External id": 1})
    del instant["dur"]
    found = links(
        tmp_path,
        *(operator(name, 20 * place, 10, place) for place, name in enumerate("abcd")),
        call("inside", 62, correlation=9, **{"External id": 3}),
        call("outside", 95, correlation=2, **{"External id": 2}),
        instant,
        kernel("lone", 120, **{"External id": 0}),
    )
    assert found == {
        "inside": (None, "d"),
        "outside": (None, "c"),
        "no length": (None, "b"),
        "lone": (None, "a"),
    }


def test_an_operator_that_ends_when_a_call_begins_is_not_around_it(tmp_path: Path) -> None:
    base = 1_700_000_000_000_001
    events = operator("before", base - 7, 7), operator("next", base, 3), call("launch", base)
    assert links(tmp_path, *events) == {"launch": (None, "next")}


RANKS: list[list[Any]] = [[1, 2, 0, 1], ["[TP00] 9", "[TP01] 9", "[TP00] 0", "[TP01] 0"]]


@pytest.mark.parametrize("processes", RANKS)
@pytest.mark.parametrize("by_flow", [False, True])
def test_ranks_in_one_file_are_kept_apart(
    by_flow: bool, processes: list[Any], tmp_path: Path
) -> None:
    events = []
    for rank, (host, device) in enumerate(zip(processes[:2], processes[2:], strict=True)):
        start = 3 * rank
        own: dict[str, Any] = {"External id": 1} | ({} if by_flow else {"correlation": 77})
        events += [
            operator(f"op {rank}", start, 10, 1) | {"pid": host, "tid": host},
            call(f"launch {rank}", start + 2, **own) | {"pid": host, "tid": host},
            kernel(f"kernel {rank}", start + 20, **own) | {"pid": device},
            arrow("s", start + 2, 77, pid=host, tid=host),
            arrow("f", start + 20, 77, pid=device, tid=7),
        ]
        # What only this rank launched.
        lone = {"correlation": 80 + rank}
        events.append(call(f"other {rank}", start + 4, **lone) | {"pid": host, "tid": host})
        events.append(kernel(f"late {rank}", start + 40, **lone) | {"pid": device})
    found = links(tmp_path, *events)
    for rank in (0, 1):
        assert found[f"kernel {rank}"] == (f"launch {rank}", f"op {rank}")
        assert found[f"late {rank}"] == (f"other {rank}", f"op {rank}")


def test_devices_and_ranks_that_nothing_tells_apart_are_paired_in_order(tmp_path: Path) -> None:
    events = []
    for rank in (0, 1):
        host = {"pid": 100 + rank, "tid": 5}
        events.append(operator(f"op {rank}", 3 * rank, 10, 1) | host)
        events.append(call(f"launch {rank}", 3 * rank + 2, correlation=77) | host)
        events.append(kernel(f"kernel {rank}", 20 + rank, correlation=77) | {"pid": rank})
    found = links(tmp_path, *events)
    assert found["kernel 0"] == ("launch 0", "op 0")
    assert found["kernel 1"] == ("launch 1", "op 1")


def test_ranks_that_share_a_device_are_not_mixed_up(tmp_path: Path) -> None:
    events = []
    for rank in (0, 1):
        host = {"pid": 100 + rank, "tid": 5}
        events.append(call(f"launch {rank}", 3 * rank, correlation=77) | host)
        events.append(kernel(f"kernel {rank}", 20 + rank, correlation=77))
    events.append(call("of one", 10, correlation=5) | {"pid": 101, "tid": 5})
    events.append(kernel("late", 30, correlation=5))
    assert links(tmp_path, *events) == {"late": ("of one", None)}


def test_work_of_an_mtia_has_its_launch_by_an_arrow_and_several_may_have_one(
    tmp_path: Path,
) -> None:
    work = {"cat": "mtia_ccp_events", "pid": 9, "tid": 801}
    found = links(
        tmp_path,
        operator("op", 0, 30),
        event("run", 5, cat="mtia_runtime", args={"correlation": 7}),
        event("of the device", 18, cat="mtia_runtime", pid=9, tid=2),
        event("first", 20, **work),
        event("second", 25, **work),
        arrow("s", 5, 7),
        arrow("f", 20, 7, pid=9, tid=801),
        arrow("f", 25, 7, pid=9, tid=801),
    )
    assert found == {"run": (None, "op"), "first": ("run", "op"), "second": ("run", "op")}


def test_where_the_host_has_no_calls_an_arrow_leads_to_the_operator(tmp_path: Path) -> None:
    host, device = {"pid": "CPU functions", "tid": 1}, {"pid": "CUDA functions", "tid": 0}
    bare = [
        {"ph": "X", "name": "op", "ts": 5, "dur": 10, "args": {}} | host,
        {"ph": "X", "name": "kernel", "ts": 8, "dur": 2, "args": {}} | device,
        arrow("s", 5, 0, cat="cpu_to_cuda", **host),
        arrow("f", 8, 0, cat="cpu_to_cuda", **device),
    ]
    path = tmp_path / "list.json"
    path.write_text(json.dumps(bare), "utf-8")
    trace = read_trace(path)
    assert trace.events["category"].to_list() == ["cpu_op", "kernel"]
    assert trace.events["op_index"].to_list() == [pd.NA, 0]
    assert trace.notices == ()
