"""GPU time of the ranges that a program named."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.memory import NODE_PREFIX
from profiling.traces.nesting import nanoseconds
from profiling.traces.operators import device_events, lane_numbers
from profiling.traces.phases import named_ranges

# The profiler's own ranges; `profiling.traces.phases.steps` has them.
STEP_PREFIX = "ProfilerStep#"

Array = npt.NDArray[Any]
_Lane = tuple[Any, ...]
# When pieces of work were launched, or began, in order; and their lengths.
_Work = tuple[Array, Array]


def range_times(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the GPU time of each named range.

    The work of a ``user_annotation`` is what was launched in it: by its own thread, or by a thread
    that runs backward nodes, which its own thread waits for. A name that only
    ``gpu_user_annotation`` events have, or any name if the trace does not tell launches, has the
    work that started within these events on their stream. Nested ranges count what is in them.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        ``name``, ``count`` (of the ranges), ``total_s`` (time of the work, added up), ``share``
        (of the time of all work in the trace), ``mean_s`` (of a range) and ``kernels`` (pieces of
        work). Greatest time first; ranges without GPU work are left out.
    """
    work = device_events(trace)
    length = (work["end_ns"] - work["start_ns"]).to_numpy("int64")
    launched = _launched(trace, work, length)
    started = _by_lane(work, work["start_ns"].to_numpy("int64"), length, ["device", "stream"])
    of_host = _sums(_ranges(trace, on_device=False), launched)
    of_device = _sums(_ranges(trace, on_device=True), started)
    of_device = of_device[~of_device["name"].isin(of_host["name"])]
    found = pd.concat([of_host, of_device]).astype({"name": "str"})
    whole = int(length.sum())
    found["total_s"] = found["time"] / 1e9
    found["share"] = found["time"] / (whole or np.nan)
    found["mean_s"] = found["total_s"] / found["count"]
    found = found.sort_values("time", ascending=False, kind="stable", ignore_index=True)
    return found[["name", "count", "total_s", "share", "mean_s", "kernels"]]


_NONE: _Work = np.zeros(0, "int64"), np.zeros(0, "int64")


def _ranges(trace: pd.DataFrame, *, on_device: bool) -> pd.DataFrame:
    """Return name, lane, start and end of the ranges of the host or of devices."""
    if on_device:
        is_range = (trace["category"] == "gpu_user_annotation") & trace["duration_s"].notna()
        found = trace[is_range]
        numbers = [
            lane_numbers(found, *names) for names in (("device", "process"), ("stream", "thread"))
        ]
        lanes = pd.concat(numbers, axis=1, keys=["device", "stream"])
    else:
        found = trace.loc[named_ranges(trace)["event"]]
        lanes = found[["process", "thread"]]
    start = nanoseconds(found["start_s"])
    keys = [_key(lane) for lane in lanes.itertuples(index=False, name=None)]
    end = start + np.maximum(nanoseconds(found["duration_s"]), 0)
    spans = {"name": found["name"].to_numpy(), "lane": keys, "start": start, "end": end}
    return pd.DataFrame(spans)


def _sums(ranges: pd.DataFrame, work: dict[_Lane, _Work]) -> pd.DataFrame:
    """Return the number of the ranges of each name, and the time and number of the work in them."""
    counts = ranges.groupby("name", sort=False).size()
    parts = [counts.to_frame("count").assign(time=0, kernels=0)]
    for _, mine in ranges.groupby("lane", sort=False):
        spans = _merged(mine)
        moments, lengths = work.get(mine["lane"].iloc[0], _NONE)
        first, last = (np.searchsorted(moments, spans[name]) for name in ("start", "end"))
        sums = np.append(0, lengths.cumsum())
        found = pd.DataFrame(
            {"name": spans["name"], "time": sums[last] - sums[first], "kernels": last - first}
        )
        parts.append(found.groupby("name", sort=False).sum().assign(count=0))
    found = pd.concat(parts).groupby(level=0, sort=False).sum().rename_axis("name").reset_index()
    return found[found["kernels"] > 0]


def _merged(ranges: pd.DataFrame) -> pd.DataFrame:
    """Return the ranges of a lane, with those of one name that overlap as one."""
    name, _ = pd.factorize(ranges["name"])
    order = np.lexsort((ranges["start"], name))
    spans, name = ranges.iloc[order], name[order]
    # Ranks instead of times, so that one number orders by name, then time.
    ends, rank = np.unique(spans["end"], return_inverse=True)
    until = np.maximum.accumulate(name * len(ends) + rank)
    last_end = ends[until % max(len(ends), 1)]
    is_first = np.append(
        True, (name[1:] != name[:-1]) | (spans["start"].to_numpy()[1:] > last_end[:-1])
    )
    is_last = np.append(is_first[1:], True)
    return spans[is_first].assign(end=last_end[is_last])


def _launched(trace: pd.DataFrame, work: pd.DataFrame, length: Array) -> dict[_Lane, _Work]:
    """Return when work was launched and how long it took, by the thread that has its ranges."""
    row = trace.index.get_indexer(trace.loc[work.index, "launch_index"].fillna(-1))
    calls = trace.iloc[row[row >= 0]]
    moments = nanoseconds(calls["start_s"])
    found = _by_lane(calls, moments, length[row >= 0], ["process", "thread"])
    is_node = trace["category"].eq("cpu_op") & trace["name"].str.startswith(NODE_PREFIX)
    nodes = trace.loc[is_node, ["process", "thread"]].drop_duplicates()
    backward = [_key(lane) for lane in nodes.itertuples(index=False, name=None)]
    named = named_ranges(trace)[["process", "thread"]]
    named = named[~named.duplicated()]
    threads = {_key(lane) for lane in named.itertuples(index=False, name=None)}
    result = dict(found)
    for lane in threads:
        others = [
            found[each]
            for each in backward
            if each != lane and each[0] == lane[0] and each in found
        ]
        parts = [found.get(lane, _NONE), *others]
        moments, lengths = (np.concatenate(each) for each in zip(*parts, strict=True))
        order = np.argsort(moments, kind="stable")
        result[lane] = moments[order], lengths[order]
    return result


def _by_lane(
    rows: pd.DataFrame, moments: Array, lengths: Array, by: list[str]
) -> dict[_Lane, _Work]:
    table = rows[by].assign(moment=moments, length=lengths).sort_values("moment", kind="stable")
    return {
        _key(lane): (part["moment"].to_numpy(), part["length"].to_numpy())
        for lane, part in table.groupby(by, dropna=False, sort=False)
    }


def _key(lane: tuple[Any, ...]) -> _Lane:
    return tuple(None if pd.isna(each) else each for each in lane)
