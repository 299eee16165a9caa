"""Memory over time, from a trace's allocation events, and the parts of a step's peak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.nesting import enclosing, lane_numbers, nanoseconds, outermost
from profiling.traces.read import NO_ADDRESS

_MOST_POINTS = 4000

Array = npt.NDArray[Any]
# Kinds of memory alive at the peak; see `peak_parts`.
KINDS = (
    "saved",
    "copy",
    "kept",
    "temporary",
    "gradient",
    "backward_temporary",
    "released",
)

# Name for allocations outside of any operator, such as numbers converted to tensors.
NO_OP = "python"

_COPY = "aten::clone"
# Start of the names of backward nodes.
NODE_PREFIX = "autograd::engine::evaluate_function: "
# The first operator of loss.backward(): the gradient of the loss itself.
_FIRST_GRADIENT = "aten::ones_like"
_NEVER = np.iinfo("int64").max


def memory_curve(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return the bytes allocated on a device after each allocation and free.

    The curve is the running sum of the events' bytes and starts at 0, because the trace's own
    totals include what was allocated before it.

    Args:
        trace: As from `profiling.traces.table.load_trace`.
        device: ``"cpu"``, ``"cuda:0"`` and so on, or ``"cuda"`` for all GPUs together.

    Returns:
        Columns ``time_s`` (from the trace's start), ``change_bytes`` and ``live_bytes``.
    """
    places = _memory_rows(trace, device)
    change = trace["bytes"].array[places].to_numpy("int64")
    times = trace["start_s"].to_numpy()[places]
    return pd.DataFrame({"time_s": times, "change_bytes": change, "live_bytes": change.cumsum()})


def memory_devices(trace: pd.DataFrame) -> list[str]:
    """Return the devices with memory events in a trace, the CPU first."""
    found = trace["memory_device"].dropna().unique().tolist()
    return sorted(found, key=lambda name: (name != "cpu", len(name), name))


class MemoryFacts(NamedTuple):
    """Summary of a device's memory in a trace.

    Attributes:
        peak_bytes: Greatest number of bytes allocated at once, at least 0.
        peak_s: Time of the first peak from the trace's start; None if the peak is 0.
        end_bytes: Bytes allocated minus bytes freed.
        allocations: Number of allocations.
        frees: Number of frees.
        unseen: Number of frees whose allocation is not in the trace; of events with an address
            only, like the other three.
        unseen_bytes: Bytes of these frees.
        kept: Number of allocations whose free is not in the trace.
        kept_bytes: Bytes of these allocations.
    """

    peak_bytes: int
    peak_s: float | None
    end_bytes: int
    allocations: int
    frees: int
    unseen: int
    unseen_bytes: int
    kept: int
    kept_bytes: int


def memory_facts(trace: pd.DataFrame, device: str) -> MemoryFacts:
    """Summarize a device's memory in a trace.

    A free belongs to the last allocation at its address if the sizes are equal.

    Args:
        trace: As from `profiling.traces.table.load_trace`.
        device: As for `memory_curve`.
    """
    places, changes, partner = memory_changes(trace, device)
    alone = (partner < 0) & has_address(trace, places)
    live = changes.cumsum()
    highest = int(live.max(initial=0))
    unseen, kept = changes[alone & (changes < 0)], changes[alone & (changes > 0)]
    return MemoryFacts(
        peak_bytes=highest,
        peak_s=float(trace["start_s"].iloc[places[live.argmax()]]) if highest else None,
        end_bytes=int(changes.sum()),
        allocations=int((changes > 0).sum()),
        frees=int((changes < 0).sum()),
        unseen=len(unseen),
        unseen_bytes=-int(unseen.sum()),
        kept=len(kept),
        kept_bytes=int(kept.sum()),
    )


def has_address(trace: pd.DataFrame, places: Array) -> Array:
    """Return which of some memory events have an address, without which no free can be matched."""
    found: Array = trace["address"].notna().to_numpy()[places]
    return found


def memory_changes(trace: pd.DataFrame, device: str) -> tuple[Array, Array, Array]:
    """Match a device's frees to its allocations.

    Args:
        trace: As from `profiling.traces.table.load_trace`.
        device: As for `memory_curve`.

    Returns:
        For each memory event of the device: its row in the trace, its bytes, and the index, among
        these events, of the matching free or allocation, -1 if there is none.
    """
    places = _memory_rows(trace, device)
    changes = trace["bytes"].array[places].to_numpy("int64")
    addresses = trace["address"].array[places].to_numpy("uint64", na_value=NO_ADDRESS)
    return places, changes, _partners(changes.tolist(), addresses.tolist())


def downsample(curve: pd.DataFrame, most: int = _MOST_POINTS) -> pd.DataFrame:
    """Drop rows of a curve so that its step line still looks the same.

    Of each short run of rows, the first, last, lowest and highest are kept; the first and last row
    of the curve and the first row of its peak are always kept.

    Args:
        curve: As from `memory_curve`.
        most: Number of rows to keep; up to three more are kept.
    """
    if len(curve) <= most:
        return curve
    live = curve["live_bytes"].to_numpy()
    # Runs of as many rows: of runs of equal duration, one could have most of the rows.
    bounds = np.linspace(0, len(curve), most // 4 + 1).astype("int64")
    starts, ends = bounds[:-1], bounds[1:]
    runs = [live[start:end] for start, end in zip(starts, ends, strict=True)]
    lows = starts + [each.argmin() for each in runs]
    highs = starts + [each.argmax() for each in runs]
    always = [0, live.argmax(), len(curve) - 1]
    chosen = np.unique(np.concatenate([starts, lows, highs, ends - 1, always]))
    return curve.iloc[chosen].reset_index(drop=True)


def _memory_rows(trace: pd.DataFrame, device: str) -> Array:
    """Return the rows of the allocations and frees on a device."""
    devices = trace["memory_device"].cat.categories
    mine = [name for name in devices if device in (name, name.partition(":")[0])]
    is_sized = trace["memory_device"].isin(mine) & trace["bytes"].notna()
    places = np.flatnonzero(is_sized)
    is_memory: Array = np.asarray(trace["name"].iloc[places] == "[memory]")
    return places[is_memory]


def _partners(changes: list[int], addresses: list[int]) -> Array:
    """Return the index of each allocation's free and each free's allocation, -1 for none."""
    partners = [-1] * len(changes)
    allocated: dict[int, int] = {}
    for place, (change, address) in enumerate(zip(changes, addresses, strict=True)):
        if address == NO_ADDRESS:
            continue
        if change > 0:
            allocated[address] = place
        elif address in allocated and changes[allocated[address]] == -change:
            # A free of another size belongs to an allocation that is not in the trace.
            other = allocated.pop(address)
            partners[place], partners[other] = other, place
    return np.array(partners, dtype="int64")


def peak_parts(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Split the peak of a traced step into the allocations that are alive at it.

    The peak is the first moment at which the bytes allocated since the trace began are highest. A
    backward window is a run of backward nodes without another operator in between, from the
    gradient of the loss on. An allocation has the first of these kinds that applies:

    - ``gradient``: allocated in a backward window and never freed, such as gradients of leaves;
    - ``backward_temporary``: allocated in a backward window and freed, such as gradients of
      activations;
    - ``copy``: allocated by ``aten::clone``, called by the step itself;
    - ``kept``: never freed, because the step's result, its graph or something else that outlives
      the step holds it;
    - ``saved``: freed, but alive when a backward window began: held by autograd or by a name;
    - ``temporary``: freed before a backward window began, or without one after it.

    ``released`` stands for memory that was allocated before the trace began and freed before the
    peak, in negative bytes.

    Args:
        trace: As from `profiling.traces.table.load_trace`, of one step.
        device: ``"cpu"``, or ``"cuda"`` for all GPUs together, where bytes are those of the
            allocator's blocks.

    Returns:
        Columns ``kind``, ``op`` (the outermost operator around the allocation, or the backward
        node; ``"python"`` outside of any, empty for ``released``) and ``bytes``, most bytes first.
        The bytes add up to the maximum of `memory_curve`; there are no rows if that is 0, or if an
        event up to the peak has no address.
    """
    return alive_at_peak(trace, device).drop(columns="count")


def alive_at_peak(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Summarize the allocations that are alive at the peak of a trace by kind and operator.

    Args:
        trace: As from `profiling.traces.table.load_trace`, of any number of steps.
        device: As for `memory_curve`.

    Returns:
        As `peak_parts`, with the number of allocations (of frees, for ``released``) as ``count``.
    """
    alive = _alive_at_peak(trace, device)
    calls = _operator_calls(trace)
    outer = _select(calls, outermost(calls.lane, calls.start, calls.end))
    place = enclosing(outer.lane, outer.start, outer.end, alive.lane, alive.start)
    op = np.append(outer.name, NO_OP)[place]
    kinds = _kinds(alive, op, *_windows(outer.name, outer.start, outer.end))
    ops = [
        "" if kind == "released" else name.removeprefix(NODE_PREFIX)
        for kind, name in zip(kinds, op, strict=True)
    ]
    return _sum_bytes({"kind": kinds, "op": ops}, alive.bytes)


def scratch(trace: pd.DataFrame, device: str, dispatched: frozenset[str]) -> pd.DataFrame:
    """Summarize the scratch memory at the peak: memory that is no operator's result.

    A prediction that only follows the results of operators does not include it.

    Args:
        trace: As from `profiling.traces.table.load_trace`, of one step.
        device: ``"cpu"``, or ``"cuda"`` for all GPUs together.
        dispatched: The operators whose results are known, such as ``"aten::sum"``.

    Returns:
        Columns ``op`` and ``bytes``, most bytes first: memory that was allocated in a call of one
        of these operators, is alive at the peak and was freed before that call ended; of nested
        calls, the innermost counts. ``"python"`` stands for memory allocated in no such call.
    """
    alive = _alive_at_peak(trace, device)
    alive = _select(alive, alive.bytes > 0)
    calls = _operator_calls(trace)
    calls = _select(calls, np.array([name in dispatched for name in calls.name], dtype="bool"))
    op: list[str | None] = []
    while len(calls.start):
        is_outer = outermost(calls.lane, calls.start, calls.end)
        outer, calls = _select(calls, is_outer), _select(calls, ~is_outer)
        place = enclosing(outer.lane, outer.start, outer.end, alive.lane, alive.start)
        op = op or [None if inside else NO_OP for inside in place >= 0]
        freed_inside = (place >= 0) & (np.append(outer.end, -1)[place] > alive.freed)
        for row in np.flatnonzero(freed_inside):
            op[row] = outer.name[place[row]]
    op = op or [NO_OP] * len(alive.start)
    is_unseen = np.array([name is not None for name in op], dtype="bool")
    ops = [name for name in op if name is not None]
    return _sum_bytes({"op": ops}, alive.bytes[is_unseen]).drop(columns="count")


def backward_windows(outermost: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of backward nodes without another operator in between.

    Args:
        outermost: The outermost spans of `profiling.traces.nesting.operator_spans`.

    Returns:
        Columns ``start`` and ``end`` of each run, in nanoseconds.
    """
    start, end = _windows(*(outermost[name].to_numpy() for name in ("name", "start", "end")))
    return pd.DataFrame({"start": start, "end": end})


class _Calls(NamedTuple):
    """Operator calls in order of start, the outer one first if two start together."""

    name: Array
    lane: Array
    start: Array
    end: Array


class _Alive(NamedTuple):
    """The events that add up to a peak, in order: live allocations, and frees of older memory."""

    lane: Array
    start: Array
    freed: Array
    bytes: Array


_Rows = TypeVar("_Rows", _Calls, _Alive)


def _select(rows: _Rows, mask: Array) -> _Rows:
    return type(rows)(*(each[mask] for each in rows))


# Arrays instead of data frames: with the few rows of a step's trace, the overhead of pandas would
# exceed the work itself.
def _operator_calls(trace: pd.DataFrame) -> _Calls:
    places = np.flatnonzero((trace["category"] == "cpu_op") & trace["duration_s"].notna())
    start = nanoseconds(trace["start_s"])[places]
    end = start + nanoseconds(trace["duration_s"].iloc[places])
    name = trace["name"].array[places].to_numpy("object")
    calls = _Calls(name, lane_numbers(trace)[places], start, end)
    return _select(calls, np.lexsort((-end, start)))


def _alive_at_peak(trace: pd.DataFrame, device: str) -> _Alive:
    places, changes, partner = memory_changes(trace, device)
    live = changes.cumsum()
    peak = int(live.argmax()) if len(live) and live.max() > 0 else -1
    if not has_address(trace, places[: peak + 1]).all():
        peak = -1
    start = nanoseconds(trace["start_s"])[places]
    freed = np.where(partner < 0, _NEVER, start[partner])
    alive = (np.arange(len(places)) <= peak) & ((partner < 0) | (partner > peak))
    return _select(_Alive(lane_numbers(trace)[places], start, freed, changes), alive)


def _sum_bytes(by: dict[str, Iterable[str]], sizes: Array) -> pd.DataFrame:
    """Return the count and sum of bytes by some columns, most bytes first."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for *key, size in zip(*by.values(), sizes.tolist(), strict=True):
        count, total = found.get(tuple(key), (0, 0))
        found[tuple(key)] = count + 1, total + size
    rows = [(*key, *found[key]) for key in sorted(found, key=lambda key: (-found[key][1], key))]
    columns = list(zip(*rows, strict=True)) or [()] * (len(by) + 2)
    dtypes = ["str"] * len(by) + ["int64", "int64"]
    names = [*by, "count", "bytes"]
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=dtype)
            for name, values, dtype in zip(names, columns, dtypes, strict=True)
        }
    )


def _kinds(alive: _Alive, op: Array, window_starts: Array, window_ends: Array) -> Array:
    following = np.searchsorted(window_starts, alive.start, side="right")
    in_backward = alive.start < np.append(-1, window_ends)[following]
    next_start = np.append(window_starts, _NEVER)[following]
    kinds = {
        "released": alive.bytes < 0,
        "gradient": in_backward & (alive.freed == _NEVER),
        "backward_temporary": in_backward,
        "copy": op == _COPY,
        "kept": alive.freed == _NEVER,
        "saved": alive.freed > next_start,
    }
    return np.select(list(kinds.values()), list(kinds), "temporary")


def _windows(names: Array, start: Array, end: Array) -> tuple[Array, Array]:
    """Return start and end of each run of backward nodes."""
    if not len(names):
        return start, end
    is_node = np.array([name.startswith(NODE_PREFIX) for name in names])
    # The gradient of the loss counts with the operator that follows it.
    known = np.flatnonzero(names != _FIRST_GRADIENT)
    is_node = np.append(is_node[known], False)[np.searchsorted(known, np.arange(len(names)))]
    first = np.append(0, np.flatnonzero(np.diff(is_node)) + 1)
    is_kept = is_node[first]
    return np.minimum.reduceat(start, first)[is_kept], np.maximum.reduceat(end, first)[is_kept]
