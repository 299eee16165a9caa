"""Operators of a trace: how often each ran, and how long, without what it called."""

from __future__ import annotations

import pandas as pd

from profiling.traces.nesting import nanoseconds

_DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")


def operator_calls(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a trace that are operators, with their self times.

    Returns:
        The trace's columns for ``cpu_op`` events, ``self_s`` (duration without the operators
        called inside, on the same thread) and ``device_s`` (what it launched on a GPU itself;
        empty where the trace has no GPU work).
    """
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()].copy()
    # Of two that start together the longer one is the outer one.
    calls = calls.sort_values(["start_s", "duration_s"], ascending=[True, False], kind="stable")
    calls["self_s"] = calls["duration_s"]
    for _, thread in calls.groupby(["process", "thread"], sort=False):
        calls.loc[thread.index, "self_s"] = _self_times(thread)
    work = trace[trace["category"].isin(_DEVICE_WORK)]
    if work.empty:
        calls["device_s"] = float("nan")
    else:
        launched = work.groupby("external_id")["duration_s"].sum()
        calls["device_s"] = calls["external_id"].map(launched).astype("float64").fillna(0.0)
    return calls.reset_index(drop=True)


def operators(trace: pd.DataFrame) -> pd.DataFrame:
    """Sum up operator calls by name.

    Returns:
        Columns ``name``, ``count``, ``total_s``, ``self_s``, ``device_s``, most self time first.
    """
    calls = operator_calls(trace)
    grouped = calls.groupby("name", sort=False)
    summed = pd.DataFrame(
        {
            "count": grouped.size(),
            "total_s": grouped["duration_s"].sum(),
            "self_s": grouped["self_s"].sum(),
            "device_s": grouped["device_s"].sum(min_count=1),
        }
    )
    return summed.reset_index().sort_values("self_s", ascending=False, ignore_index=True)


def _self_times(thread: pd.DataFrame) -> list[float]:
    """Subtract from each call the durations of the calls directly inside it."""
    starts = nanoseconds(thread["start_s"]).tolist()
    durations = nanoseconds(thread["duration_s"]).tolist()
    self_times = list(durations)
    open_calls: list[int] = []
    for index, start in enumerate(starts):
        while open_calls and start >= starts[open_calls[-1]] + durations[open_calls[-1]]:
            open_calls.pop()
        if open_calls:
            self_times[open_calls[-1]] -= durations[index]
        open_calls.append(index)
    return [time / 1e9 for time in self_times]
