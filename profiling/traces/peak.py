"""What a step's peak consists of: the memory alive at that moment, by kind and by operator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.memory import memory_changes
from profiling.traces.nesting import containing, lane_numbers, nanoseconds, outermost

# Every kind that memory alive at the peak can be of; see `peak_parts`.
KINDS = (
    "saved",
    "copy",
    "kept",
    "temporary",
    "gradient",
    "backward_temporary",
    "released",
)

# The name of what was allocated outside of any operator, such as numbers made into tensors.
NO_OP = "python"

_COPY = "aten::clone"
_NODE = "autograd::engine::evaluate_function: "
# What loss.backward() makes first: the gradient of the loss itself.
_FIRST_GRADIENT = "aten::ones_like"
_NEVER = np.iinfo("int64").max

Array = npt.NDArray[Any]


def peak_parts(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Split the peak of a traced step into the allocations that are alive at it.

    The peak is the first moment at which the bytes allocated since the trace began are highest. A
    backward window is a run of backward nodes with no other operator between them, from the
    gradient of the loss on. The first of these kinds that fits is an allocation's:

    - ``gradient``: allocated in a backward window and never freed, as are leaves' gradients;
    - ``backward_temporary``: allocated in a backward window and freed, as are the gradients of
      activations;
    - ``copy``: made by ``aten::clone``, called by the step itself;
    - ``kept``: never freed: the step's result holds it, or the graph of it, or what else outlives
      the step;
    - ``saved``: freed, but still alive when a backward window began: held by autograd, or by a
      name;
    - ``temporary``: freed before a backward window began, or without one after it.

    ``released`` is no allocation: it is what was allocated before the trace began and freed by
    the peak, in negative bytes.

    Args:
        trace: As from `profiling.traces.load.load_trace`, of one step.
        device: ``"cpu"``, or ``"cuda"`` for all GPUs together, where bytes are those of the
            allocator's blocks.

    Returns:
        Columns ``kind``, ``op`` (the outermost operator around the allocation, or the backward
        node; ``"python"`` outside of any, empty for ``released``) and ``bytes``, most bytes first.
        The bytes add up to the highest of `profiling.traces.memory.memory_curve`; there are no
        rows where that is not above 0.
    """
    return alive_at_peak(trace, device).drop(columns="count")


def alive_at_peak(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """List the allocations that are alive at the peak of a trace, by kind and operator.

    Args:
        trace: As from `profiling.traces.load.load_trace`, of any number of steps.
        device: As for `profiling.traces.memory.memory_curve`.

    Returns:
        As `peak_parts`, with the number of allocations (of frees, for ``released``) as ``count``.
    """
    alive = _alive_at_peak(trace, device)
    calls = _operator_calls(trace)
    outer = _only(calls, outermost(calls.lane, calls.start, calls.end))
    place = containing(outer.lane, outer.start, outer.end, alive.lane, alive.start)
    op = np.append(outer.name, NO_OP)[place]
    kinds = _kinds(alive, op, *_windows(outer.name, outer.start, outer.end))
    ops = [
        "" if kind == "released" else name.removeprefix(_NODE)
        for kind, name in zip(kinds, op, strict=True)
    ]
    return _summed({"kind": kinds, "op": ops}, alive.bytes)


def scratch(trace: pd.DataFrame, device: str, dispatched: frozenset[str]) -> pd.DataFrame:
    """Sum up the memory at the peak that no operator returned.

    Who knows only what operators return cannot know of it.

    Args:
        trace: As from `profiling.traces.load.load_trace`, of one step.
        device: ``"cpu"``, or ``"cuda"`` for all GPUs together.
        dispatched: The operators of which that is known, such as ``"aten::sum"``.

    Returns:
        Columns ``op`` and ``bytes``, most bytes first: what was allocated in a call of a given
        operator, is alive at the peak and was freed before that call ended; of several such calls
        within each other the innermost counts. ``"python"`` stands for what was allocated in no
        such call at all.
    """
    alive = _alive_at_peak(trace, device)
    alive = _only(alive, alive.bytes > 0)
    calls = _operator_calls(trace)
    calls = _only(calls, np.array([name in dispatched for name in calls.name], dtype="bool"))
    op: list[str | None] = []
    while len(calls.start):
        is_outer = outermost(calls.lane, calls.start, calls.end)
        outer, calls = _only(calls, is_outer), _only(calls, ~is_outer)
        place = containing(outer.lane, outer.start, outer.end, alive.lane, alive.start)
        op = op or [None if inside else NO_OP for inside in place >= 0]
        freed_inside = (place >= 0) & (np.append(outer.end, -1)[place] > alive.freed)
        for row in np.flatnonzero(freed_inside):
            op[row] = outer.name[place[row]]
    op = op or [NO_OP] * len(alive.start)
    is_unseen = np.array([name is not None for name in op], dtype="bool")
    ops = [name for name in op if name is not None]
    return _summed({"op": ops}, alive.bytes[is_unseen]).drop(columns="count")


def backward_windows(outermost: pd.DataFrame) -> pd.DataFrame:
    """Find the runs of backward nodes with no other operator between them.

    Args:
        outermost: Those of `profiling.traces.nesting.operator_spans` that are in no other one.

    Returns:
        Columns ``start`` and ``end`` of each, in nanoseconds.
    """
    start, end = _windows(*(outermost[name].to_numpy() for name in ("name", "start", "end")))
    return pd.DataFrame({"start": start, "end": end})


class _Calls(NamedTuple):
    """Calls of operators in order of start, and of two that start together the outer one first."""

    name: Array
    lane: Array
    start: Array
    end: Array


class _Alive(NamedTuple):
    """What adds up to a peak: allocations alive, and frees of what was there before; by start."""

    lane: Array
    start: Array
    freed: Array
    bytes: Array


_Rows = TypeVar("_Rows", _Calls, _Alive)


def _only(rows: _Rows, mask: Array) -> _Rows:
    return type(rows)(*(each[mask] for each in rows))


# Plain arrays below: on the few rows of one step's trace a data frame's every move costs more than
# all of the work.
def _operator_calls(trace: pd.DataFrame) -> _Calls:
    places = np.flatnonzero((trace["category"] == "cpu_op") & trace["duration_s"].notna())
    start = nanoseconds(trace["start_s"])[places]
    end = start + nanoseconds(trace["duration_s"].iloc[places])
    name = trace["name"].array[places].to_numpy("object")
    calls = _Calls(name, lane_numbers(trace)[places], start, end)
    return _only(calls, np.lexsort((-end, start)))


def _alive_at_peak(trace: pd.DataFrame, device: str) -> _Alive:
    places, changes, partner = memory_changes(trace, device)
    live = changes.cumsum()
    peak = int(live.argmax()) if len(live) and live.max() > 0 else -1
    start = nanoseconds(trace["start_s"])[places]
    freed = np.where(partner < 0, _NEVER, start[partner])
    alive = (np.arange(len(places)) <= peak) & ((partner < 0) | (partner > peak))
    return _only(_Alive(lane_numbers(trace)[places], start, freed, changes), alive)


def _summed(by: dict[str, Iterable[str]], sizes: Array) -> pd.DataFrame:
    """Count and add up bytes by some columns, most bytes first."""
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
    """Return when each run of backward nodes begins and ends."""
    if not len(names):
        return start, end
    is_node = np.array([name.startswith(_NODE) for name in names])
    # The first gradient goes with what follows it.
    known = np.flatnonzero(names != _FIRST_GRADIENT)
    is_node = np.append(is_node[known], False)[np.searchsorted(known, np.arange(len(names)))]
    first = np.append(0, np.flatnonzero(np.diff(is_node)) + 1)
    is_kept = is_node[first]
    return np.minimum.reduceat(start, first)[is_kept], np.maximum.reduceat(end, first)[is_kept]
