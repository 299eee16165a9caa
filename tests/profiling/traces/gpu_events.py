"""Events of a host that launches work on a GPU, as Kineto writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from profiling.traces.table import Trace, read_trace
from tests.profiling.planted import event, write_trace

BACKWARD = 9
NODE = "autograd::engine::evaluate_function: "


def call(
    name: str, start_us: float, dur: float, correlation: int | None = None, tid: int = 1
) -> dict[str, Any]:
    args = {} if correlation is None else {"correlation": correlation}
    return event(name, start_us, cat="cuda_runtime", dur=dur, tid=tid, args=args)


def work(
    name: str, start_us: float, dur: float, correlation: int = 0, **args: Any
) -> dict[str, Any]:
    category = "gpu_memcpy" if name.startswith("Memcpy") else "kernel"
    known = {"device": 0, "stream": 7, "correlation": correlation} | args
    lane = {"pid": known["device"], "tid": known["stream"]}
    return event(name, start_us, cat=category, dur=dur, args=known, **lane)


def launched(
    name: str, start_us: float, dur: float, correlation: int, tid: int = 1, **args: Any
) -> list[dict[str, Any]]:
    """Return work that begins 10 µs after the call of 2 µs that launches it."""
    launch = call("cudaLaunchKernel", start_us - 10, 2, correlation, tid)
    return [launch, work(name, start_us, dur, correlation, **args)]


def operator(
    name: str, start_us: float, dur: float, sequence: int | None = None, tid: int = 1
) -> dict[str, Any]:
    args = {} if sequence is None else {"Sequence number": sequence}
    return event(name, start_us, dur=dur, tid=tid, args=args)


def annotation(name: str, start_us: float, dur: float, tid: int = 1) -> dict[str, Any]:
    return event(name, start_us, cat="user_annotation", dur=dur, tid=tid)


def read(folder: Path, *events: dict[str, Any]) -> Trace:
    return read_trace(write_trace(folder / "trace.json", events))
