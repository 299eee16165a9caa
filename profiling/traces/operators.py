"""What ran in a trace: operators on the host, kernels and copies on the devices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.launches import DEVICE_WORK, is_runtime
from profiling.traces.nesting import (
    Nesting,
    around,
    in_order,
    innermost,
    is_outermost,
    nanoseconds,
    nest,
    operator_spans,
    self_times,
)
from profiling.traces.timeline import lane_keys

# What a page or an answer gets of a table; the files have all of it.
MOST_ROWS = 300
# What calls can be grouped by, and the columns that tell the groups apart.
GROUPINGS = {"name": ["name"], "shapes": ["name", "shapes"], "stack": ["name", "stack"]}
# Of CUDA and HIP, and of the Unified Runtime below XPUs.
_LAUNCH = r"Launch(?:Cooperative)?Kernel|EnqueueKernelLaunch"
_ON_DEVICE_COPY = "DtoD"
_COUNTS = ("kernels", "launches", "copies", "device_copies", "syncs")


class Sheet(NamedTuple):
    """Rows to show, and how many there would be."""

    table: pd.DataFrame
    found: int


def chosen(table: pd.DataFrame, words: str, sort: str | None) -> Sheet:
    """Keep the rows in which every word occurs in some text, those with most of a column first.

    Args:
        table: Any table.
        words: Separated by spaces; upper and lower case are alike.
        sort: A column of numbers; the table's own order unless it has it.
    """
    texts = table.select_dtypes(include=["object", "string", "category"]).astype("str")
    joined = texts.agg(" ".join, axis=1).str.casefold() if len(table) else pd.Series(dtype="str")
    found = table
    for word in words.casefold().split():
        found = found[joined.loc[found.index].str.contains(word, regex=False)]
    if sort is not None and sort in found:
        found = found.sort_values(sort, ascending=False, kind="stable")
    return Sheet(found.head(MOST_ROWS), len(found))


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
        trace: As from `profiling.traces.table.read_trace`.
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


def device_events(trace: pd.DataFrame) -> pd.DataFrame:
    """Return everything that ran on a device, with what it waited for.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        In order of start, with rows named as in the trace: ``name``, ``category``, ``device`` and
        ``stream`` (Int64; where the event does not say, its process and thread if these are
        numbers), ``start_ns`` and ``end_ns``, ``launch_ns`` (from the beginning of the call that
        launched it to its own; below 0 where the two clocks disagree) and ``queue_ns`` (the part
        of the time after that call during which earlier work on the same stream still ran). The
        last two are Int64 and empty where the call is unknown.
    """
    work = trace[trace["category"].isin(DEVICE_WORK) & trace["duration_s"].notna()]
    start = nanoseconds(work["start_s"])
    found = pd.DataFrame(
        {
            "name": work["name"],
            "category": work["category"].astype("str"),
            "device": _number(work, "device", "process"),
            "stream": _number(work, "stream", "thread"),
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
    """Sum up kernels, copies and fills by name.

    Returns:
        Columns ``name``, ``category``, ``count``, ``total_s``, ``mean_s``, ``launch_s`` and
        ``queue_s`` (means, see `device_events`; empty where unknown) and ``longest_event`` (the row
        in the trace of the longest one). Most time first.
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
    """Tell how much of a window each device and each of its streams was idle.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        start_s: Where the window begins; with the first work on any device if not given.
        end_s: Where it ends; with the last work on any device if not given.

    Returns:
        For each device a row without a stream, in which any of them counts as busy, then one for
        each stream: ``device``, ``stream`` (Int64), ``count``, ``busy_s``, ``idle_s``,
        ``idle_share`` (of the window; empty for one without length) and ``longest_gap_s`` (idle
        without a break, before the first and after the last work too).
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
    """Return the lengths of the times without any of some intervals, in order of start."""
    until = np.maximum.accumulate(np.append(begin, end))
    gaps: npt.NDArray[np.int64] = np.maximum(np.append(start, finish) - until, 0)
    return gaps


def _number(work: pd.DataFrame, column: str, fallback: str) -> pd.Series:
    lane = pd.to_numeric(work[fallback], errors="coerce")
    number = lane.where(lane == np.floor(lane)).astype("Int64")
    return work[column].fillna(number) if column in work else number


def _launches(trace: pd.DataFrame, work: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return when the call that launched each piece of work began and ended, nanoseconds."""
    if "launch_index" not in work:
        unknown = pd.Series(pd.NA, work.index, dtype="Int64")
        return unknown, unknown
    launch = work["launch_index"]
    # A part of a trace may lack some.
    calls = trace[trace.index.isin(launch.dropna())]
    start = pd.Series(nanoseconds(calls["start_s"]), calls.index)
    length = pd.Series(nanoseconds(calls["duration_s"].fillna(0)), calls.index)
    called = launch.map(start).astype("Int64")
    return called, called + launch.map(length).astype("Int64")


def device_work(trace: pd.DataFrame) -> dict[str, int | None]:
    """Count what a step has a GPU do.

    Args:
        trace: As from `profiling.traces.table.load_trace`, of one step.

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
        trace: As from `profiling.traces.table.load_trace`, of one step.

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
