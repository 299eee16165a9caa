"""What kernels and collective operations say of themselves, and a file of its machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.traces.head import TraceDevice
from profiling.traces.table import Trace, read_trace
from profiling.traces.timeline import chrome_trace
from tests.profiling.planted import event, write_trace

KERNEL = {
    "grid": [128, 1, 1],
    "block": [64, 2, 1],
    "registers per thread": 32,
    "shared memory": 2048,
    "est. achieved occupancy %": 62.5,
}
COLLECTIVE = {
    "Collective name": "allreduce",
    "In msg nelems": 2**40,
    "dtype": "Float",
    "Group size": 8,
    "Process Group Name": "0",
}
NAMES = {
    "grid": ["128,1,1"],
    "block": ["64,2,1"],
    "registers": [32],
    "shared_bytes": [2048],
    "occupancy_pct": [62.5],
    "collective": ["allreduce"],
    "message_elements": [2**40],
    "dtype": ["Float"],
    "group_size": [8],
    "group": ["0"],
    "kernel_file": ["/tmp/triton.py"],
    "sequence": [2**33],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.json"


def headed(path: Path, **head: Any) -> Trace:
    path.write_text(json.dumps({**head, "traceEvents": [event("op", 1)]}), "utf-8")
    return read_trace(path)


def test_arguments_that_few_events_have_are_columns_and_are_kept_when_written(path: Path) -> None:
    operator = {"Sequence number": 2**33, "kernel_file": "/tmp/triton.py"}
    events = [
        event("op", 1, args=operator),
        event("k", 2, cat="kernel", args=KERNEL),
        event("nccl", 3, cat="kernel", args=COLLECTIVE),
        event("bare", 4),
    ]
    trace = read_trace(write_trace(path, events))
    path.write_bytes(chrome_trace(trace.events))
    for table in (trace.events, read_trace(path).events):
        assert {name: table[name].dropna().to_list() for name in NAMES} == NAMES
        rows = [table[name].notna().to_numpy().nonzero()[0].tolist() for name in NAMES]
        assert rows == [[1]] * 5 + [[2]] * 5 + [[0]] * 2


def test_what_does_not_fit_such_a_column_is_empty(path: Path) -> None:
    args = {"grid": "grid(100,)", "block": [[1]], "registers per thread": 2**31}
    (row,) = read_trace(write_trace(path, [event("op", 1, args=args)])).events.to_dict("records")
    assert all(pd.isna(row[name]) for name in ("grid", "block", "registers"))


def test_a_file_tells_the_devices_and_how_it_was_recorded(path: Path) -> None:
    gpu = {"id": 1, "name": "GPU", "totalGlobalMem": 2**36, "computeMajor": 9, "computeMinor": 0}
    trace = headed(
        path,
        schemaVersion=1,
        with_stack=1,
        cupti_version=22,
        roctracer_version=4.1,
        deviceProperties=[gpu | {"numSms": 132}, {"id": 17, "name": "ARTEMIS"}, {"id": "x"}, 3],
        distributedInfo={"backend": "nccl", "rank": 2, "world_size": 8},
    )
    assert trace.devices == (
        TraceDevice(1, "GPU", 2**36, "9.0", 132),
        TraceDevice(17, "ARTEMIS", None, None, None),
    )
    assert trace.facts == {
        "schema_version": 1,
        "with_stack": 1,
        "cupti_version": 22,
        "roctracer_version": 4.1,
        "backend": "nccl",
        "world_size": 8,
    }
    assert trace.ranks == (2,)


@pytest.mark.parametrize("odd", [None, 3, "x", [[]], {"id": 1}, [{"id": -1}], [{"id": 2**70}]])
def test_odd_values_beside_the_events_are_left_out(odd: Any, path: Path) -> None:
    head = {"deviceProperties": odd, "distributedInfo": odd, "with_stack": [odd]}
    trace = headed(path, **head)
    assert (trace.devices, trace.facts, trace.ranks) == ((), {}, ())
