"""What a traced step has a GPU do: kernels, launches, copies, and how often the host waits."""

from __future__ import annotations

import pandas as pd

from profiling.traces.links import DEVICE_WORK, is_runtime
from profiling.traces.nesting import around, is_outermost, operator_spans

# Of CUDA and HIP, and of the Unified Runtime below XPUs.
_LAUNCH = r"Launch(?:Cooperative)?Kernel|EnqueueKernelLaunch"
_ON_DEVICE_COPY = "DtoD"
_COUNTS = ("kernels", "launches", "copies", "device_copies", "syncs")


def device_work(trace: pd.DataFrame) -> dict[str, int | None]:
    """Count what a step has a GPU do.

    Args:
        trace: As from `profiling.traces.load.load_trace`, of one step.

    Returns:
        ``kernels``; ``launches``, the calls of a runtime that start one each (a launch of a CUDA
        graph is none); ``copies``, and of these ``device_copies`` within a device; ``syncs``, the
        calls within the ranges ``forward`` and ``backward`` that wait until a stream, an event or
        a device is done. All are None for a trace without any event of a GPU, and ``syncs`` for
        one without these ranges.
    """
    category = trace["category"]
    calls = _runtime_calls(trace)
    if calls.empty and not category.isin(DEVICE_WORK).any():
        return dict.fromkeys(_COUNTS)
    copies = trace[category == "gpu_memcpy"]
    return {
        "kernels": int((category == "kernel").sum()),
        "launches": int(calls["name"].str.contains(_LAUNCH).sum()),
        "copies": len(copies),
        "device_copies": int(copies["name"].str.contains(_ON_DEVICE_COPY).sum()),
        "syncs": _syncs(trace, calls),
    }


def clone_bandwidth(trace: pd.DataFrame) -> float | None:
    """Return the bytes read and written per second by the clones that are plain copies.

    A clone runs as a copy within the device, of which the trace has the bytes, or as a kernel, of
    which it has none; the latter are left out.

    Args:
        trace: As from `profiling.traces.load.load_trace`, of one step.

    Returns:
        Bytes per second of device time, each byte counted once read and once written; None
        without such a clone.
    """
    copies = trace[trace["category"] == "gpu_memcpy"]
    copies = copies[copies["name"].str.contains(_ON_DEVICE_COPY)]
    mine = copies[_launched_by(trace, copies).isin(_ids_within(trace, "aten::clone"))]
    mine = mine.dropna(subset=["copied_bytes", "duration_s"])
    seconds = float(mine["duration_s"].sum())
    return 2 * int(mine["copied_bytes"].sum()) / seconds if seconds > 0 else None


def _syncs(trace: pd.DataFrame, calls: pd.DataFrame) -> int | None:
    is_range = trace["category"].eq("user_annotation") & trace["name"].isin(["forward", "backward"])
    ranges = trace[is_range]
    if ranges.empty:
        return None
    waits = calls[calls["name"].str.contains("Synchronize")]
    within = pd.Series(False, index=waits.index)
    for start, duration in zip(ranges["start_s"], ranges["duration_s"], strict=True):
        within |= waits["start_s"].between(start, start + duration)
    return int(within.sum())


def _runtime_calls(trace: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in trace["category"].unique() if is_runtime(str(name))]
    return trace[trace["category"].isin(names)]


def _launched_by(trace: pd.DataFrame, work: pd.DataFrame) -> pd.Series:
    """Return the external id of the operator that launched each piece of device work.

    Where the work itself does not have it, the runtime call that has the same correlation does.
    """
    calls = _runtime_calls(trace).dropna(subset=["correlation", "external_id"])
    by_correlation = calls.drop_duplicates("correlation").set_index("correlation")["external_id"]
    return work["external_id"].fillna(work["correlation"].map(by_correlation))


def _ids_within(trace: pd.DataFrame, name: str) -> pd.Series:
    """Return the external ids of an operator's calls and of all operators that they call."""
    calls = operator_spans(trace)
    named = calls[calls["name"] == name]
    outer = around(named[is_outermost(named)], calls)
    return calls["external_id"][outer["end"] >= calls["end"]].dropna()
