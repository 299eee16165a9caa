"""What ran on the devices of a trace: kernels by name, how long each waited, and idle times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.links import DEVICE_WORK
from profiling.traces.nesting import nanoseconds


def device_events(trace: pd.DataFrame) -> pd.DataFrame:
    """Return everything that ran on a device, with what it waited for.

    Args:
        trace: As from `profiling.traces.load.read_trace`.

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
        trace: As from `profiling.traces.load.read_trace`.
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
