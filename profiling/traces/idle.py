"""When each device ran no kernel, and what it waited for, to the nanosecond."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import is_runtime
from profiling.traces.nesting import covered_before, nanoseconds
from profiling.traces.operators import device_events

# What an idle device waited for; each nanosecond of idle time has one of them.
CAUSES = ("synchronize", "host", "launch", "queue", "unknown")

# Calls that return only when the device has finished, or has copied the data.
_SYNCHRONIZING = re.compile(
    r"\w*Synchronize(?:_\w+)?|(?:cuda|hip)(?:Memcpy(?:2D|3D|HtoD|DtoH|DtoD)?|MemcpyWithStream|Free)"
    r"|cuMemcpy(?:HtoD|DtoH|DtoD)(?:_v2)?|urEventWait"
)
_NONE = -1
_NEVER = np.iinfo("int64").max

_COPIES = ("gpu_memcpy", "gpu_memset")

Array = npt.NDArray[Any]
# Number of a device, None if unknown, and process of its work.
Device = tuple[int | None, str]


@dataclass(frozen=True)
class DeviceTime:
    """How a device spent a window of time; all parts but ``window_ns`` add up to it.

    Attributes:
        device: Number of the device; None if unknown.
        process: The trace's ``process`` of its work, which tells equal numbers of merged ranks
            apart.
        window_ns: Length of the window, from the first work on any device to the last.
        kernel_ns: A kernel ran.
        copy_ns: A copy or a fill ran, and no kernel.
        synchronize_ns: Idle: the next work was not launched yet, because the host had waited for
            the device.
        host_ns: Idle: the next work was not launched yet, for another reason.
        launch_ns: Idle: the call that launches the next work was running.
        queue_ns: Idle: the next work was launched, and did not run yet.
        unknown_ns: Idle: the trace does not tell when the next work was launched.
    """

    device: int | None
    process: str
    window_ns: int
    kernel_ns: int
    copy_ns: int
    synchronize_ns: int
    host_ns: int
    launch_ns: int
    queue_ns: int
    unknown_ns: int

    @property
    def busy_ns(self) -> int:
        """Time in which any work ran."""
        return self.kernel_ns + self.copy_ns

    @property
    def idle_ns(self) -> int:
        """Time in which no work ran."""
        return self.window_ns - self.busy_ns


def device_times(trace: pd.DataFrame) -> tuple[DeviceTime, ...]:
    """Return how each device spent the time from the first work on any device to the last.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
    """
    work = device_events(trace)
    begin, finish = _window(work)
    gaps = idle_gaps(trace)
    columns = [f"{cause}_ns" for cause in CAUSES]
    idle = {key: mine[columns].sum() for key, mine in _by_key(gaps)}
    found = []
    for key, mine in by_device(trace, work):
        device, process = key
        busy_ns = _covered(mine, begin, finish)
        copy_ns = busy_ns - _covered(mine[~mine["category"].isin(_COPIES)], begin, finish)
        waited = {name: int(idle[key][name]) if key in idle else 0 for name in columns}
        found.append(
            DeviceTime(
                device=device,
                process=process,
                window_ns=finish - begin,
                kernel_ns=busy_ns - copy_ns,
                copy_ns=copy_ns,
                **waited,
            )
        )
    return tuple(found)


def by_device(trace: pd.DataFrame, work: pd.DataFrame) -> Iterator[tuple[Device, pd.DataFrame]]:
    """Yield the number and the process of each device, and its work.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        work: As from `profiling.traces.operators.device_events`, or some of its rows.
    """
    yield from _by_key(work.assign(process=trace.loc[work.index, "process"]))


def _by_key(rows: pd.DataFrame) -> Iterator[tuple[Device, pd.DataFrame]]:
    for _, mine in rows.groupby(["device", "process"], dropna=False):
        device, process = mine["device"].iloc[0], mine["process"].iloc[0]
        number = None if pd.isna(device) else int(device)
        yield (number, "" if pd.isna(process) else str(process)), mine


def idle_gaps(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the times in which a device ran nothing, and what it waited for.

    A gap ends when the next work of the device starts; of several that start together, the one
    that was launched first counts. Until the call that launches it, the gap is ``host``; while
    that call runs, ``launch``; from then on, ``queue``. After a device's last work all is ``host``.

    If a thread that launches work of the device was in a synchronizing call when the gap began,
    the first part of ``host``, as long as that call took, is ``synchronize``: without the call, the
    launch would have come so much earlier.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        By device, in order of start: ``device`` (Int64), ``process`` (of the work), ``start_ns``,
        ``end_ns``, ``event`` (row of the work that ended the gap) and ``sync_event`` (row of the
        synchronizing call), both Int64 and empty if there is none, and ``synchronize_ns``,
        ``host_ns``, ``launch_ns``, ``queue_ns`` and ``unknown_ns``, which add up to the gap.
    """
    work = device_events(trace)
    work["call"] = _NONE
    if "launch_index" in trace:
        launch = trace.loc[work.index, "launch_index"].fillna(_NONE)
        work["call"] = trace.index.get_indexer(pd.Index(launch))
    begin, finish = _window(work)
    waits = _synchronizing(trace)
    parts = [_NO_GAPS]
    for (device, process), mine in by_device(trace, work):
        calls = trace.iloc[mine["call"].to_numpy()[mine["call"] >= 0]]
        gaps = _gaps_of(mine, calls, begin, finish)
        found = _with_causes(gaps, _of_threads(waits, calls))
        parts.append(found.assign(device=device, process=process))
    return pd.concat(parts, ignore_index=True).astype(_NO_GAPS.dtypes)


_NO_GAPS = pd.DataFrame(
    {
        name: pd.Series(dtype=dtype)
        for name, dtype in {
            "device": "Int64",
            "process": "str",
            **dict.fromkeys(("start_ns", "end_ns"), "int64"),
            **dict.fromkeys(("event", "sync_event"), "Int64"),
            **{f"{cause}_ns": "int64" for cause in CAUSES},
        }.items()
    }
)


def _window(work: pd.DataFrame) -> tuple[int, int]:
    return (int(work["start_ns"].min()), int(work["end_ns"].max())) if len(work) else (0, 0)


def _covered(work: pd.DataFrame, begin: int, finish: int) -> int:
    start, end = work["start_ns"].to_numpy(), work["end_ns"].to_numpy()
    before, after = covered_before(start, end, np.array([begin, finish]))
    return int(after - before)


def _lengths(events: pd.DataFrame) -> Array:
    lengths: Array = np.maximum(nanoseconds(events["duration_s"].fillna(0)), 0)
    return lengths


class _Gaps(NamedTuple):
    """The gaps of a device; what ended them, and when that was launched; -1 and far if unknown."""

    start: Array
    end: Array
    event: Array
    called: Array
    returned: Array
    is_unknown: Array


def _gaps_of(work: pd.DataFrame, calls: pd.DataFrame, begin: int, finish: int) -> _Gaps:
    start, end, call = (work[name].to_numpy("int64") for name in ("start_ns", "end_ns", "call"))
    called, returned = np.full((2, len(work)), _NEVER)
    called[call >= 0] = nanoseconds(calls["start_s"])
    returned[call >= 0] = called[call >= 0] + _lengths(calls)
    # Of works that start together, the one launched first is met first.
    order = np.lexsort((called, start))
    until = np.maximum.accumulate(np.append(begin, end[order]))
    next_start = np.append(start[order], finish)
    is_gap = next_start > until
    is_last = np.arange(len(next_start)) == len(start)
    moment = np.append(called[order], _NEVER)
    return _Gaps(
        start=until[is_gap],
        end=next_start[is_gap],
        event=np.append(work.index.to_numpy("int64")[order], _NONE)[is_gap],
        called=moment[is_gap],
        returned=np.append(returned[order], _NEVER)[is_gap],
        is_unknown=((moment == _NEVER) & ~is_last)[is_gap],
    )


def _with_causes(gaps: _Gaps, waits: pd.DataFrame) -> pd.DataFrame:
    launching, queued = (
        np.clip(each, gaps.start, gaps.end) for each in (gaps.called, gaps.returned)
    )
    sync = _open_at(waits, gaps.start)
    synced = np.minimum(launching - gaps.start, np.append(_lengths(waits), 0)[sync])
    lengths = {
        "synchronize": synced,
        "host": launching - gaps.start - synced,
        "launch": queued - launching,
        "queue": gaps.end - queued,
    }
    found = {name: np.where(gaps.is_unknown, 0, each) for name, each in lengths.items()}
    found["unknown"] = np.where(gaps.is_unknown, gaps.end - gaps.start, 0)
    rows = np.append(waits.index.to_numpy("int64"), _NONE)[sync]
    return pd.DataFrame(
        {
            "start_ns": gaps.start,
            "end_ns": gaps.end,
            "event": pd.arrays.IntegerArray(gaps.event, gaps.event == _NONE),
            "sync_event": pd.arrays.IntegerArray(rows, found["synchronize"] == 0),
            **{f"{cause}_ns": found[cause] for cause in CAUSES},
        }
    )


def _synchronizing(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the calls in which the host waits for a device, in order of start."""
    categories = trace["category"].cat.categories
    calls = trace[trace["category"].isin([each for each in categories if is_runtime(each)])]
    names = calls["name"].astype("category")
    is_wait = [bool(_SYNCHRONIZING.fullmatch(each)) for each in names.cat.categories]
    is_named = np.array([*is_wait, False])[names.cat.codes]
    # A copy from or to memory that is not pinned keeps its call until it is done.
    copies = trace[trace["category"] == "gpu_memcpy"]
    unpinned = copies[copies["name"].str.contains("Pageable", regex=False)]
    rows = unpinned.get("launch_index", pd.Series(dtype="Int64")).dropna()
    return calls[is_named | calls.index.isin(rows)]


def _of_threads(waits: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """Return the waits of the threads of some calls."""
    lanes = calls[["process", "thread"]].drop_duplicates()
    pairs = pd.MultiIndex.from_frame(waits[["process", "thread"]])
    return waits[pairs.isin(pd.MultiIndex.from_frame(lanes))]


def _open_at(calls: pd.DataFrame, moments: Array) -> Array:
    """Return the place of a call that is open at each moment, -1 if there is none."""
    start = nanoseconds(calls["start_s"])
    end = start + _lengths(calls)
    # The call that ends last of those that have begun.
    last = np.zeros(len(end), dtype="int64")
    ends = end.tolist()
    best = 0
    for number, until in enumerate(ends):
        best = number if until >= ends[best] else best
        last[number] = best
    place = np.searchsorted(start, moments, side="right") - 1
    found = np.append(last, _NONE)[place]
    is_open = (place >= 0) & (np.append(end, 0)[found] > moments)
    return np.where(is_open, found, _NONE)
