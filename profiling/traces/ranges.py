"""GPU time of the ranges that a program named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.memory import NODE_PREFIX
from profiling.traces.nesting import nanoseconds
from profiling.traces.operators import device_events

# The profiler's own ranges; `profiling.traces.phases.steps` has them.
STEP_PREFIX = "ProfilerStep#"

Array = npt.NDArray[Any]
_Lane = tuple[Any, ...]
# Start and end of ranges, or time and length of pieces of work.
_Spans = tuple[Array, Array]


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
    started = _by_lane(work, work["start_ns"].to_numpy(), length, ["device", "stream"])
    rows: dict[str, tuple[int, int, int]] = {}
    for on_device in (False, True):
        for name, count, spans in _ranges(trace, on_device=on_device):
            if name in rows:
                continue
            lanes = started if on_device else launched
            parts = [_inside(ranges, lanes.get(lane, _NONE)) for lane, ranges in spans.items()]
            time, pieces = (sum(each) for each in zip(*parts, strict=True))
            if pieces:
                rows[name] = count, time, pieces
    whole = int(length.sum())
    found = pd.DataFrame(
        [(name, *values) for name, values in rows.items()],
        columns=["name", "count", "time", "kernels"],
    ).astype({"name": "str", "count": "int64", "time": "int64", "kernels": "int64"})
    found["total_s"] = found["time"] / 1e9
    found["share"] = found["time"] / whole if whole else np.nan
    found["mean_s"] = found["total_s"] / found["count"]
    found = found.sort_values("time", ascending=False, kind="stable", ignore_index=True)
    return found[["name", "count", "total_s", "share", "mean_s", "kernels"]]


_NONE: _Spans = np.zeros(0, "int64"), np.zeros(0, "int64")


def _ranges(
    trace: pd.DataFrame, *, on_device: bool
) -> Iterator[tuple[str, int, dict[_Lane, _Spans]]]:
    """Yield the name, the number and the spans by lane of ranges of the host or of devices."""
    category = "gpu_user_annotation" if on_device else "user_annotation"
    found = trace[(trace["category"] == category) & trace["duration_s"].notna()]
    start = nanoseconds(found["start_s"])
    end = start + np.maximum(nanoseconds(found["duration_s"]), 0)
    if on_device:
        numbers = {
            name: found[name].fillna(pd.to_numeric(found[lane], errors="coerce").astype("Int64"))
            for name, lane in (("device", "process"), ("stream", "thread"))
        }
        lanes = pd.DataFrame(numbers)
    else:
        lanes = found[["process", "thread"]]
    table = lanes.assign(name=found["name"], start=start, end=end)
    for name, mine in table.groupby("name", sort=False):
        yield (
            str(name),
            len(mine),
            {
                _key(lane): _merged(part["start"].to_numpy(), part["end"].to_numpy())
                for lane, part in mine.groupby(list(lanes), dropna=False, sort=False)
            },
        )


def _launched(trace: pd.DataFrame, work: pd.DataFrame, length: Array) -> dict[_Lane, _Spans]:
    """Return when work was launched and how long it took, by the thread that has its ranges."""
    row = trace.index.get_indexer(trace.loc[work.index, "launch_index"].fillna(-1))
    calls = trace.iloc[row[row >= 0]]
    moments = nanoseconds(calls["start_s"])
    found = _by_lane(calls, moments, length[row >= 0], ["process", "thread"])
    is_node = trace["category"].eq("cpu_op") & trace["name"].str.startswith(NODE_PREFIX)
    nodes = trace.loc[is_node, ["process", "thread"]].drop_duplicates()
    backward = [_key(lane) for lane in nodes.itertuples(index=False, name=None)]
    named = trace.loc[trace["category"] == "user_annotation", ["process", "thread"]]
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
) -> dict[_Lane, _Spans]:
    table = rows[by].assign(moment=moments, length=lengths).sort_values("moment", kind="stable")
    return {
        _key(lane): (part["moment"].to_numpy(), part["length"].to_numpy())
        for lane, part in table.groupby(by, dropna=False, sort=False)
    }


def _key(lane: tuple[Any, ...]) -> _Lane:
    return tuple(None if pd.isna(each) else each for each in lane)


def _merged(start: Array, end: Array) -> _Spans:
    """Return overlapping spans as one, in order of start."""
    order = np.argsort(start, kind="stable")
    start, until = start[order], np.maximum.accumulate(end[order])
    is_first = np.append(True, start[1:] > until[:-1])
    return start[is_first], until[np.append(np.flatnonzero(is_first)[1:] - 1, len(until) - 1)]


def _inside(spans: _Spans, work: _Spans) -> tuple[int, int]:
    """Return the time and the number of the pieces of work whose moment is in a span."""
    (start, end), (moments, lengths) = spans, work
    first = np.searchsorted(moments, start, side="left")
    last = np.searchsorted(moments, end, side="left")
    sums = np.append(0, lengths.cumsum())
    return int((sums[last] - sums[first]).sum()), int((last - first).sum())
