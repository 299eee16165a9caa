"""Operators, kernels and copies of a trace, one by one and grouped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import DEVICE_WORK, is_runtime
from profiling.traces.nesting import (
    Nesting,
    enclosing_spans,
    innermost,
    is_outermost,
    nanoseconds,
    nest,
    nesting_order,
    operator_spans,
    self_times,
)
from profiling.traces.timeline import lane_keys

# Most rows of a table on the page or in an answer of the API; files have all rows.
MOST_ROWS = 300
# Ways to group calls, and the columns of each grouping.
GROUPINGS = {"name": ["name"], "shapes": ["name", "shapes"], "stack": ["name", "stack"]}
# Names of launches in CUDA and HIP, and in the Unified Runtime below XPUs.
_LAUNCH = r"Launch(?:Cooperative)?Kernel|EnqueueKernelLaunch"
_ON_DEVICE_COPY = "DtoD"
# From here on a float may stand for several whole numbers.
_FIRST_INEXACT = 2**53
_COUNTS = ("kernels", "launches", "copies", "device_copies", "syncs")


def operator_count(trace: pd.DataFrame) -> int:
    """Return the number of operator calls in a trace, nested calls included."""
    return int(trace["category"].eq("cpu_op").sum())


def operator_calls(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the operator calls of a trace with their self times.

    Returns:
        The trace's columns for ``cpu_op`` events, ``self_s`` (duration without nested operators on
        the same thread) and ``device_s`` (duration of the GPU work that the call itself launched;
        empty if the trace has no GPU work).
    """
    calls = _calls(trace).drop(columns=["own_bytes", "part_of"])
    # If two start together, the longer one is the outer one.
    order = ["start_s", "duration_s"]
    return calls.sort_values(order, ascending=[True, False], kind="stable", ignore_index=True)


def operator_groups(trace: pd.DataFrame, by: str = "name") -> pd.DataFrame:
    """Summarize operator calls by name, or by name and shapes or stack.

    A call whose only child has the same name is counted once together with that child, as by
    torch's ``key_averages``; the number of the trace's ``cpu_op`` events may be greater.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        by: One of `GROUPINGS`; calls without shapes or stack are a group of their own.

    Returns:
        The columns of the grouping (``name``, and ``shapes`` or ``stack``), ``count``,
        ``total_s``, ``self_s`` (without nested operators on the same thread), ``mean_s`` (of a
        call, nested operators included), ``device_s`` (GPU work that the calls themselves
        launched; empty if the trace has no GPU work), ``allocated_bytes`` (allocated by the calls
        themselves, without nested operators, on all devices, freed or not; empty if the trace has
        no memory events) and ``longest_event`` (row of the longest call in the trace). Greatest
        self time first.
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
    """Return operator calls by thread and start, with four more columns.

    ``self_s``, ``device_s``, ``own_bytes`` (allocated by the call itself) and ``part_of`` (index of
    the call that it is counted with, usually its own).
    """
    is_call = (trace["category"] == "cpu_op") & trace["duration_s"].notna()
    is_memory = trace["bytes"].fillna(0) > 0
    lane, _ = lane_keys(trace)
    calls, lane_of = trace[is_call], lane[is_call]
    start = nanoseconds(calls["start_s"])
    end = start + np.maximum(nanoseconds(calls["duration_s"]), 0)
    order = nesting_order(lane_of, start, end)
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
    """Return the outermost call that each call is counted with; see `operator_groups`."""
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


def device_events(trace: pd.DataFrame) -> pd.DataFrame:
    """Return all device work, with its launch and queue times.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        In order of start, with the trace's index: ``name``, ``category``, ``device`` and ``stream``
        (Int64; if the event lacks them, its process and thread if these are numbers), ``start_ns``
        and ``end_ns``, ``launch_ns`` (from the start of the launching call to the start of the
        work; negative if the two clocks disagree) and ``queue_ns`` (the part of the time after
        that call in which earlier work on the same stream still ran). The last two are Int64 and
        empty if the call is unknown.
    """
    work = trace[trace["category"].isin(DEVICE_WORK) & trace["duration_s"].notna()]
    start = nanoseconds(work["start_s"])
    found = pd.DataFrame(
        {
            "name": work["name"],
            "category": work["category"].astype("str"),
            "device": lane_numbers(work, "device", "process"),
            "stream": lane_numbers(work, "stream", "thread"),
            "start_ns": start,
            "end_ns": start + np.maximum(nanoseconds(work["duration_s"]), 0),
        },
        index=work.index,
    )
    called, returned = _launches(trace, work)
    streams = found.groupby(["device", "stream"], dropna=False)["end_ns"]
    last_end = streams.cummax()
    earlier = last_end.groupby([found["device"], found["stream"]], dropna=False).shift()
    free = np.minimum(earlier.astype("Int64").fillna(returned), found["start_ns"])
    found["launch_ns"] = found["start_ns"] - called
    found["queue_ns"] = (free - returned).clip(lower=0)
    return found


def kernels(trace: pd.DataFrame) -> pd.DataFrame:
    """Summarize kernels, copies and fills by name.

    Returns:
        Columns ``name``, ``category``, ``count``, ``total_s``, ``mean_s``, ``launch_s`` and
        ``queue_s`` (means, see `device_events`; empty if unknown) and ``longest_event`` (row of the
        longest one in the trace). Greatest total time first.
    """
    work = device_events(trace)
    work["length_ns"] = work["end_ns"] - work["start_ns"]
    grouped = work.groupby(["name", "category"], sort=False)
    summed = pd.DataFrame(
        {
            "count": grouped.size(),
            "total_s": grouped["length_ns"].sum() / 1e9,
            "mean_s": grouped["length_ns"].mean() / 1e9,
            "launch_s": grouped["launch_ns"].mean() / 1e9,
            "queue_s": grouped["queue_ns"].mean() / 1e9,
            "longest_event": grouped["length_ns"].idxmax(),
        }
    ).astype({"launch_s": "Float64", "queue_s": "Float64"})
    order = summed.reset_index().sort_values("total_s", ascending=False, kind="stable")
    return order.reset_index(drop=True)


def devices(
    trace: pd.DataFrame, start_s: float | None = None, end_s: float | None = None
) -> pd.DataFrame:
    """Return the busy and idle times of each device and stream in a window.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        start_s: Start of the window; by default, of the first work on any device.
        end_s: End of the window; by default, of the last work on any device.

    Returns:
        For each device a row without a stream, which is busy while any of its streams is, then a
        row for each stream: ``device``, ``stream`` (Int64), ``count``, ``busy_s``, ``idle_s``,
        ``idle_share`` (of the window; empty if it has no length) and ``longest_gap_s`` (longest
        idle time, also before the first and after the last work).
    """
    work = device_events(trace)
    begin = work["start_ns"].min() if start_s is None else round(start_s * 1e9)
    finish = work["end_ns"].max() if end_s is None else round(end_s * 1e9)
    inside = work[(work["start_ns"] <= finish) & (work["end_ns"] >= begin)]
    rows = []
    for device, of_device in inside.groupby("device", dropna=False):
        parts = [(pd.NA, of_device), *of_device.groupby("stream", dropna=False)]
        for stream, part in parts:
            first, last = (part[name].clip(begin, finish) for name in ("start_ns", "end_ns"))
            gaps = _gaps(first.to_numpy(), last.to_numpy(), int(begin), int(finish))
            rows.append((device, stream, len(part), gaps.sum(), gaps.max(initial=0)))
    found = pd.DataFrame(rows, columns=["device", "stream", "count", "idle_ns", "gap_ns"])
    length = int(finish - begin) if rows else 0
    return pd.DataFrame(
        {
            "device": found["device"].astype("Int64"),
            "stream": found["stream"].astype("Int64"),
            "count": found["count"].astype("int64"),
            "busy_s": (length - found["idle_ns"]).astype("int64") / 1e9,
            "idle_s": found["idle_ns"].astype("int64") / 1e9,
            "idle_share": found["idle_ns"].astype("float64") / (length or np.nan),
            "longest_gap_s": found["gap_ns"].astype("int64") / 1e9,
        }
    )


def _gaps(
    start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], begin: int, finish: int
) -> npt.NDArray[np.int64]:
    """Return the lengths of the gaps between intervals, which are in order of start."""
    until = np.maximum.accumulate(np.append(begin, end))
    gaps: npt.NDArray[np.int64] = np.maximum(np.append(start, finish) - until, 0)
    return gaps


def lane_numbers(events: pd.DataFrame, column: str, fallback: str) -> pd.Series:
    """Return the device or stream of events, else their process or thread if that is a number."""
    lane = pd.to_numeric(events[fallback], errors="coerce")
    number = lane.where((lane == np.floor(lane)) & (lane.abs() < _FIRST_INEXACT)).astype("Int64")
    return events[column].fillna(number) if column in events else number


def _launches(trace: pd.DataFrame, work: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return start and end of the call that launched each piece of work, in nanoseconds."""
    if "launch_index" not in work:
        unknown = pd.Series(pd.NA, work.index, dtype="Int64")
        return unknown, unknown
    launch = work["launch_index"]
    # A part of a trace may lack some of the calls.
    calls = trace[trace.index.isin(launch.dropna())]
    start = pd.Series(nanoseconds(calls["start_s"]), calls.index)
    length = pd.Series(nanoseconds(calls["duration_s"].fillna(0)), calls.index)
    called = launch.map(start).astype("Int64")
    return called, called + launch.map(length).astype("Int64")


def device_work(trace: pd.DataFrame) -> dict[str, int | None]:
    """Count kernels, launches, copies and synchronizations of a step.

    Args:
        trace: As from `profiling.traces.table.load_trace`, of one step.

    Returns:
        ``kernels``; ``launches``, the runtime calls that start one kernel (launches of CUDA graphs
        are not counted); ``copies``, and of these ``device_copies`` within a device; ``syncs``, the
        calls within the ranges ``forward`` and ``backward`` that wait for a stream, an event or a
        device. All are None if the trace has no GPU event; ``syncs`` is None if it lacks these
        ranges.
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
    """Return the bandwidth of the clones that run as device-to-device copies.

    A clone runs as a copy within the device, whose bytes are in the trace, or as a kernel, whose
    bytes are not; kernels are not counted.

    Args:
        trace: As from `profiling.traces.table.load_trace`, of one step.

    Returns:
        Bytes per second of device time; each byte counts as one read and one written. None if there
        is no such clone.
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

    If the work lacks it, the runtime call with the same correlation has it.
    """
    calls = _runtime_calls(trace).dropna(subset=["correlation", "external_id"])
    by_correlation = calls.drop_duplicates("correlation").set_index("correlation")["external_id"]
    return work["external_id"].fillna(work["correlation"].map(by_correlation))


def _ids_within(trace: pd.DataFrame, name: str) -> pd.Series:
    """Return the external ids of an operator's calls and of all nested operators."""
    calls = operator_spans(trace)
    named = calls[calls["name"] == name]
    outer = enclosing_spans(named[is_outermost(named)], calls)
    return calls["external_id"][outer["end"] >= calls["end"]].dropna()


class Selection(NamedTuple):
    """The rows to show, and the number of rows found."""

    table: pd.DataFrame
    found: int


def filter_rows(table: pd.DataFrame, words: str, sort: str | None) -> Selection:
    """Return the rows that contain all words, sorted by a column, at most `MOST_ROWS`.

    Args:
        table: Any table; its text columns are searched.
        words: Words separated by spaces; case is ignored.
        sort: A numeric column, greatest first; the order is kept if the table lacks it.
    """
    texts = table.select_dtypes(include=["object", "string", "category"]).astype("str").fillna("")
    joined = texts.agg(" ".join, axis=1).str.casefold() if len(table) else pd.Series(dtype="str")
    found = table
    for word in words.casefold().split():
        found = found[joined.loc[found.index].str.contains(word, regex=False)]
    if sort is not None and sort in found:
        found = found.sort_values(sort, ascending=False, kind="stable")
    return Selection(found.head(MOST_ROWS), len(found))
