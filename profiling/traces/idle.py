"""When each device ran no kernel, and what it waited for, to the nanosecond."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.launches import is_runtime
from profiling.traces.nesting import covered_before, nanoseconds
from profiling.traces.operators import device_events

# What an idle device waited for; each nanosecond of idle time has one of them.
CAUSES = ("synchronize", "host", "launch", "queue", "unknown")

# Calls that return only when the device has finished, or has copied the data.
_SYNCHRONIZING = re.compile(
    r"\w*Synchronize(?:_\w+)?|(?:cuda|hip)(?:Memcpy(?:2D|3D|HtoD|DtoH|DtoD)?|MemcpyWithStream|Free)"
    r"|cuMemcpy(?:HtoD|DtoH|DtoD)(?:_v2)?|zeEventHostSynchronize|urEventWait"
)
_NONE = -1
_NEVER = np.iinfo("int64").max

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class DeviceTime:
    """How a device spent a window of time; all parts but ``window_ns`` add up to it.

    Attributes:
        device: Number of the device; None if unknown.
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
    gaps = dict(by_device(idle_gaps(trace)))
    found = []
    for device, of_device in by_device(work):
        kernels = of_device[of_device["category"] == "kernel"]
        kernel_ns, busy_ns = _covered(kernels, begin, finish), _covered(of_device, begin, finish)
        mine = gaps.get(device, _NO_IDLE)
        idle = {f"{cause}_ns": int(mine[f"{cause}_ns"].sum()) for cause in CAUSES}
        found.append(
            DeviceTime(
                device=device,
                window_ns=finish - begin,
                kernel_ns=kernel_ns,
                copy_ns=busy_ns - kernel_ns,
                **idle,
            )
        )
    return tuple(found)


def by_device(work: pd.DataFrame) -> Iterator[tuple[int | None, pd.DataFrame]]:
    """Yield the rows of each device, by its number, which is None if unknown.

    Args:
        work: A table with ``device``, such as `profiling.traces.operators.device_events`.
    """
    for device, mine in work.groupby("device", dropna=False):
        yield int(str(device)) if pd.notna(mine["device"].iloc[0]) else None, mine


def idle_gaps(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the times in which a device ran nothing, and what it waited for.

    A gap ends when the next work of the device starts; of several that start together, the one
    that was launched first counts. Until the call that launches it, the gap is ``host``; while
    that call runs, ``launch``; from then on, ``queue``. After a device's last work all is ``host``.

    If a thread that launches work was in a synchronizing call when the gap began, the first part
    of ``host``, as long as that call took, is ``synchronize``: without the call, the launch would
    have come so much earlier.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        By device, in order of start: ``device`` (Int64), ``start_ns``, ``end_ns``, ``event`` (row
        of the work that ended the gap) and ``sync_event`` (row of the synchronizing call), both
        Int64 and empty if there is none, and ``synchronize_ns``, ``host_ns``, ``launch_ns``,
        ``queue_ns`` and ``unknown_ns``, which add up to the gap.
    """
    work = device_events(trace)
    work[["called_ns", "returned_ns"]] = _launching_calls(trace, work)
    begin, finish = _window(work)
    parts = [
        _gaps_of(of_device, begin, finish).assign(device=device)
        for device, of_device in by_device(work)
    ]
    gaps = pd.concat([_NO_GAPS, *parts], ignore_index=True)
    start, end, called, returned = (
        gaps[name].to_numpy("int64") for name in ("start_ns", "end_ns", "called_ns", "returned_ns")
    )
    is_unknown = gaps["is_unknown"].to_numpy("bool")
    launching, queued = np.clip(called, start, end), np.clip(returned, start, end)
    waits = _waits(trace)
    sync = _open_at(waits, start)
    waited = np.append(_lengths(waits), 0)[sync]
    synced = np.minimum(launching - start, waited)
    lengths = {
        "synchronize": synced,
        "host": launching - start - synced,
        "launch": queued - launching,
        "queue": end - queued,
    }
    found = {name: np.where(is_unknown, 0, each) for name, each in lengths.items()}
    found["unknown"] = np.where(is_unknown, end - start, 0)
    rows = np.append(waits.index.to_numpy("int64"), _NONE)[sync]
    return pd.DataFrame(
        {
            "device": gaps["device"].astype("Int64"),
            "start_ns": start,
            "end_ns": end,
            "event": gaps["event"].astype("Int64"),
            "sync_event": pd.arrays.IntegerArray(rows, found["synchronize"] == 0),
            **{f"{cause}_ns": found[cause] for cause in CAUSES},
        }
    )


_NO_IDLE = pd.DataFrame({f"{cause}_ns": pd.Series(dtype="int64") for cause in CAUSES})
_NO_GAPS = pd.DataFrame(
    {
        "device": pd.Series(dtype="Int64"),
        "start_ns": pd.Series(dtype="int64"),
        "end_ns": pd.Series(dtype="int64"),
        "called_ns": pd.Series(dtype="int64"),
        "returned_ns": pd.Series(dtype="int64"),
        "is_unknown": pd.Series(dtype="bool"),
        "event": pd.Series(dtype="Int64"),
    }
)


def _window(work: pd.DataFrame) -> tuple[int, int]:
    return (int(work["start_ns"].min()), int(work["end_ns"].max())) if len(work) else (0, 0)


def _covered(work: pd.DataFrame, begin: int, finish: int) -> int:
    start, end = work["start_ns"].to_numpy(), work["end_ns"].to_numpy()
    before, after = covered_before(start, end, np.array([begin, finish]))
    return int(after - before)


def _launching_calls(trace: pd.DataFrame, work: pd.DataFrame) -> Array:
    """Return start and end of the call that launched each piece of work."""
    found = np.full((len(work), 2), _NEVER)
    if "launch_index" in trace:
        row = trace.index.get_indexer(trace.loc[work.index, "launch_index"].fillna(_NONE))
        calls = trace.iloc[row[row >= 0]]
        start = nanoseconds(calls["start_s"])
        found[row >= 0] = np.stack([start, start + _lengths(calls)], axis=1)
    return found


def _lengths(events: pd.DataFrame) -> Array:
    lengths: Array = np.maximum(nanoseconds(events["duration_s"].fillna(0)), 0)
    return lengths


def _gaps_of(work: pd.DataFrame, begin: int, finish: int) -> pd.DataFrame:
    """Return the gaps of one device, with the call that launched the work after each."""
    columns = ["start_ns", "end_ns", "called_ns", "returned_ns"]
    start, end, called, returned = (work[name].to_numpy() for name in columns)
    # Of works that start together, the one launched first is met first.
    order = np.lexsort((called, start))
    until = np.maximum.accumulate(np.append(begin, end[order]))
    next_start = np.append(start[order], finish)
    is_gap = next_start > until
    is_last = np.arange(len(next_start)) == len(start)
    call = np.append(called[order], _NEVER)
    event = np.append(work.index.to_numpy("int64")[order], _NONE)
    return pd.DataFrame(
        {
            "start_ns": until[is_gap],
            "end_ns": next_start[is_gap],
            "called_ns": call[is_gap],
            "returned_ns": np.append(returned[order], _NEVER)[is_gap],
            "is_unknown": ((call == _NEVER) & ~is_last)[is_gap],
            "event": pd.arrays.IntegerArray(event[is_gap], is_last[is_gap]),
        }
    )


def _waits(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the synchronizing calls of the threads that launch work, in order of start."""
    categories = trace["category"].cat.categories
    calls = trace[trace["category"].isin([each for each in categories if is_runtime(each)])]
    names = calls["name"].astype("category")
    is_wait = np.array([bool(_SYNCHRONIZING.fullmatch(each)) for each in names.cat.categories])
    waits = calls[np.append(is_wait, False)[names.cat.codes]] if len(calls) else calls
    launches = trace.get("launch_index", pd.Series(dtype="Int64")).dropna()
    launching = calls[calls.index.isin(launches)]
    lanes = set(zip(launching["process"], launching["thread"], strict=True))
    mine = [lane in lanes for lane in zip(waits["process"], waits["thread"], strict=True)]
    return waits[np.array(mine, dtype="bool")]


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
