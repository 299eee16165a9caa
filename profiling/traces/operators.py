"""Operators of a trace: how often each ran, and how long, without what it called."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.lanes import lane_keys
from profiling.traces.links import DEVICE_WORK
from profiling.traces.nesting import Nesting, in_order, innermost, nanoseconds, nest, self_times

# What calls can be grouped by, and the columns that tell the groups apart.
GROUPINGS = {"name": ["name"], "shapes": ["name", "shapes"], "stack": ["name", "stack"]}


def operator_count(trace: pd.DataFrame) -> int:
    """Return how many calls of operators a trace has, those within others too."""
    return int(trace["category"].eq("cpu_op").sum())


def operator_calls(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a trace that are operators, with their self times.

    Returns:
        The trace's columns for ``cpu_op`` events, ``self_s`` (duration without the operators
        called inside, on the same thread) and ``device_s`` (what it launched on a GPU itself;
        empty where the trace has no GPU work).
    """
    calls = _calls(trace).drop(columns=["own_bytes", "part_of"])
    # Of two that start together the longer one is the outer one.
    order = ["start_s", "duration_s"]
    return calls.sort_values(order, ascending=[True, False], kind="stable", ignore_index=True)


def operator_groups(trace: pd.DataFrame, by: str = "name") -> pd.DataFrame:
    """Sum up operator calls by name, or by name and what else tells them apart.

    A call that is all that a call of the same name calls is a part of that one and not counted, as
    in torch's own ``key_averages``; a count of the trace's ``cpu_op`` events has it.

    Args:
        trace: As from `profiling.traces.load.read_trace`.
        by: One of `GROUPINGS`; calls without shapes or stack are a group of their own.

    Returns:
        The columns that tell groups apart (``name``, and ``shapes`` or ``stack``), ``count``,
        ``total_s``, ``self_s`` (without operators called inside, on the same thread), ``mean_s``
        (of a call, with what is inside), ``device_s`` (of GPU work that the calls launched
        themselves; empty where the trace has no GPU work), ``allocated_bytes`` (allocated by the
        calls themselves, not by operators inside, on all devices, whether freed or not; empty
        where the trace has no memory events) and ``longest_event`` (the row in the trace of the
        longest call). Most self time first.
    """
    calls = _calls(trace)
    if by == "stack" and "stack" not in calls:
        calls["stack"] = pd.Series(None, calls.index, dtype="str")
    part_of = calls["part_of"].to_numpy()
    is_whole = part_of == np.arange(len(calls))
    keys = [calls[name].array[part_of] for name in GROUPINGS[by]]
    calls = calls.assign(
        **dict(zip(GROUPINGS[by], keys, strict=True)),
        count=is_whole.astype("int64"),
        total_s=calls["duration_s"].where(is_whole, 0.0),
    )
    grouped = calls.groupby(GROUPINGS[by], sort=False, dropna=False)
    count, total = grouped["count"].sum(), grouped["total_s"].sum()
    summed = pd.DataFrame(
        {
            "count": count,
            "total_s": total,
            "self_s": grouped["self_s"].sum(),
            "mean_s": total / count,
            "device_s": grouped["device_s"].sum(min_count=1),
            "allocated_bytes": grouped["own_bytes"].sum(min_count=1),
            "longest_event": grouped["total_s"].idxmax(),
        }
    )
    order = summed.reset_index().sort_values("self_s", ascending=False, kind="stable")
    return order.reset_index(drop=True)


def _calls(trace: pd.DataFrame) -> pd.DataFrame:
    """Return operators by thread and start, with ``self_s``, ``device_s`` and more.

    ``own_bytes`` is what each allocated itself; ``part_of`` the place of the call that it belongs
    to, mostly its own.
    """
    is_call = (trace["category"] == "cpu_op") & trace["duration_s"].notna()
    is_memory = trace["bytes"].fillna(0) > 0
    lane, _ = lane_keys(trace)
    calls, lane_of = trace[is_call], lane[is_call]
    start = nanoseconds(calls["start_s"])
    end = start + np.maximum(nanoseconds(calls["duration_s"]), 0)
    order = in_order(lane_of, start, end)
    lane_of, start, end = lane_of[order], start[order], end[order]
    nesting = nest(lane_of, start, end)
    allocations = trace[is_memory]
    moments = nanoseconds(allocations["start_s"])
    owner = innermost(lane_of, start, end, nesting, moments, lane[is_memory])
    return calls.iloc[order].assign(
        self_s=self_times(nesting, start, end) / 1e9,
        device_s=lambda found: _device_seconds(trace, found),
        own_bytes=_own_bytes(trace, allocations, owner, len(calls)),
        part_of=lambda found: _part_of(found["name"], nesting),
    )


def _part_of(names: pd.Series, nesting: Nesting) -> npt.NDArray[np.int64]:
    """Return for each call the outermost one that does nothing but call it by its own name."""
    parent = nesting.parent
    name, _ = pd.factorize(names)
    inside = np.bincount(parent[parent >= 0], minlength=len(parent))
    is_part = (parent >= 0) & (name == name[parent]) & (inside[parent] == 1)
    found = np.where(is_part, parent, np.arange(len(parent)))
    while (further := is_part[found]).any():
        found = np.where(further, parent[found], found)
    return found


def _device_seconds(trace: pd.DataFrame, calls: pd.DataFrame) -> pd.Series:
    work = trace[trace["category"].isin(DEVICE_WORK)]
    if work.empty:
        return pd.Series(float("nan"), calls.index)
    if "op_index" in trace:
        launched = work.groupby("op_index")["duration_s"].sum()
        return launched.astype("float64").reindex(calls.index).fillna(0.0)
    launched = work.groupby("external_id")["duration_s"].sum()
    return calls["external_id"].map(launched).astype("float64").fillna(0.0)


def _own_bytes(
    trace: pd.DataFrame, allocations: pd.DataFrame, owner: npt.NDArray[np.int64], calls: int
) -> pd.arrays.IntegerArray:
    owned = np.zeros(calls, dtype="int64")
    is_owned = owner >= 0
    np.add.at(owned, owner[is_owned], allocations["bytes"].to_numpy("int64")[is_owned])
    unknown = trace["bytes"].notna().sum() == 0
    return pd.arrays.IntegerArray(owned, np.full(calls, unknown))
