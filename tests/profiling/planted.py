"""Runs and traces made by hand, so that what must come out of them is known."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.model.request import Request
from profiling.model.run import (
    BranchResult,
    Cell,
    CellResult,
    DeviceInfo,
    Environment,
    Reach,
    Run,
    Sample,
    Status,
)

CPU = DeviceInfo("cpu", "A CPU", 2**34, ("float32", "float64"))
GPU = DeviceInfo("cuda", "A GPU", 2**36, ("float32", "float16"))
MACHINE = Environment(
    torch="2.13.0",
    cuda=None,
    cuda_state="environment.cuda_not_built",
    driver=None,
    python="3.11.7",
    platform="Linux",
    threads=2,
    commit="0123456789ab",
    devices=(CPU,),
)
GPU_MACHINE = replace(
    MACHINE, cuda="12.8", cuda_state="environment.cuda_found", driver="13.0", devices=(GPU, CPU)
)


# Small numbers for every parameter that a workload may have.
SMALL = {"depth": 2, "width": 8, "batch": 3, "length": 5, "chunk": 2, "chunks": 2, "steps": 2}
SMALL |= {"vocab": 7, "rank": 2, "codes": 6, "actions": 3}


def cell(workload: str = "elementwise", **values: Any) -> Cell:
    """Return a small cell; branches and parameters are the workload's own unless given."""
    is_ours = "file" not in values and workload in WORKLOADS
    parameters = catalogue.workload(workload).parameters if is_ours else ()
    defaults: dict[str, Any] = {
        "size": 4,
        "dtype": "float32",
        "device": "cpu",
        "branches": ("attached", "detach"),
        "parameters": {name: SMALL[name] for name in parameters},
        "seed": 0,
        "budget_s": 0.05,
    }
    return Cell(workload=workload, **(defaults | values))


def times(pairs: Sequence[tuple[float, float]]) -> tuple[Sample, ...]:
    """Return the time samples of rounds, each with the seconds of forward and backward."""
    return tuple(
        Sample(phase, "time", "s", index, seconds)
        for index, pair in enumerate(pairs)
        for phase, seconds in zip(("forward", "backward"), pair, strict=True)
    )


def noise(seed: int, count: int, spread: float = 0.1) -> list[float]:
    """Return positive numbers around 1 that are skewed as times are."""
    source = random.Random(seed)
    return [math.exp(source.gauss(0, spread)) for _ in range(count)]


def reach(group: str, outcome: str) -> Reach:
    """Return the reach of a group of two tensors with that outcome."""
    return {
        "equal": Reach(group, 2, 2, True, True, 0.0),
        "different": Reach(group, 2, 2, True, False, 0.5),
        "missing": Reach(group, 2, 1, True, None, None),
        "unwanted": Reach(group, 2, 2, False, None, None),
        "none": Reach(group, 2, 0, False, None, None),
        "zeros": Reach(group, 2, 2, False, None, None, zeros=2),
        "unchecked": Reach(group, 2, 2, None, None, None),
    }[outcome]


def branch(name: str, **values: Any) -> BranchResult:
    """Return a branch without samples that went well unless told otherwise."""
    return BranchResult(name, **({"status": Status.OK} | values))


def timed(name: str, steps: Sequence[float]) -> BranchResult:
    """Return a branch whose forward took a quarter of each step."""
    return branch(name, samples=times([(step / 4, step * 3 / 4) for step in steps]))


def numbered(name: str) -> BranchResult:
    """Return a branch of which every number that tables show is another one."""
    steps = times([(0.001, 0.002)] * 6)
    peak, ops = Sample("step", "peak", "bytes", 0, 4096), Sample("step", "ops", "count", 0, 12)
    saved, live = (
        Sample("forward", metric, "bytes", 0, value)
        for metric, value in (("saved", 3072), ("live", 2048))
    )
    return branch(name, samples=(*steps, peak, saved, live, ops), reach=(reach("w", "equal"),))


def run_of(*branches: BranchResult, **values: Any) -> Run:
    """Return a finished run of one cell with these branches."""
    measured = cell(branches=tuple(each.branch for each in branches))
    request = Request(measured.workload, measured.branches, (measured.size,))
    defaults: dict[str, Any] = {
        "id": "a-run",
        "started_utc": "2026-01-02T03:04:05+00:00",
        "environment": MACHINE,
        "request": request,
        "cells": (measured,),
        "results": (CellResult(measured, Status.OK, branches, duration_s=1.0),),
    }
    return Run(**(defaults | values))


def event(name: str, start_us: float, **values: Any) -> dict[str, Any]:
    """Return a trace event of an operator, one microsecond long unless told otherwise."""
    defaults: dict[str, Any] = {"ph": "X", "cat": "cpu_op", "pid": 1, "tid": 1, "dur": 1}
    return {"name": name, "ts": start_us, **defaults, **values}


def memory_event(
    change: int, start_us: float, device_type: int = 0, device_id: int = -1
) -> dict[str, Any]:
    """Return a trace event of an allocation, or of a free if the change is negative."""
    args = {"Bytes": change, "Addr": 64, "Device Type": device_type, "Device Id": device_id}
    return {
        "ph": "i",
        "cat": "cpu_instant_event",
        "name": "[memory]",
        "pid": 1,
        "tid": 1,
        "ts": start_us,
        "args": args,
    }


def write_trace(path: Path, events: Sequence[Mapping[str, Any]]) -> Path:
    """Write events as a Chrome trace, with a field around them that torch writes too."""
    path.write_text(json.dumps({"schemaVersion": 1, "traceEvents": list(events)}), "utf-8")
    return path
