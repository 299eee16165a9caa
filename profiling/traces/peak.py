"""What a step's peak consists of: the memory alive at that moment, by kind and by operator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from profiling.traces.memory import memory_events
from profiling.traces.nesting import around, is_outermost, lanes, nanoseconds, operator_spans

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
    return _summed(_parts(trace, device), ["kind", "op"])


def alive_at_peak(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """List the allocations that are alive at the peak of a trace, by kind and operator.

    Args:
        trace: As from `profiling.traces.load.load_trace`, of any number of steps.
        device: As for `profiling.traces.memory.memory_curve`.

    Returns:
        As `peak_parts`, with the number of allocations (of frees, for ``released``) as ``count``.
    """
    grouped = _parts(trace, device).groupby(["kind", "op"])["bytes"]
    found = grouped.agg(["count", "sum"]).rename(columns={"sum": "bytes"}).reset_index()
    return found.sort_values("bytes", ascending=False, kind="stable", ignore_index=True)


class MemoryFacts(NamedTuple):
    """What a trace says of a device's memory.

    Attributes:
        peak_bytes: The highest of the bytes live, 0 if they are never above that.
        peak_s: When that is first so, from the trace's start; None if never above 0.
        end_bytes: Allocations less frees.
        allocations: How many there are.
        frees: How many there are.
        unseen: Of the frees, those of which the trace has no allocation.
        unseen_bytes: What these freed.
        kept: Of the allocations, those of which the trace has no free.
        kept_bytes: What these allocated.
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
    """Sum up what a trace says of a device's memory.

    A free belongs to the last allocation at its address, if that had its size.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        device: As for `profiling.traces.memory.memory_curve`.
    """
    events = memory_events(trace, device)
    changes = events["bytes"].to_numpy("int64")
    alone = _partners(changes.tolist(), events["address"].to_list()) < 0
    live = changes.cumsum()
    highest = int(live.max(initial=0))
    unseen, kept = changes[alone & (changes < 0)], changes[alone & (changes > 0)]
    return MemoryFacts(
        peak_bytes=highest,
        peak_s=float(events["start_s"].iloc[live.argmax()]) if highest else None,
        end_bytes=int(changes.sum()),
        allocations=int((changes > 0).sum()),
        frees=int((changes < 0).sum()),
        unseen=len(unseen),
        unseen_bytes=-int(unseen.sum()),
        kept=len(kept),
        kept_bytes=int(kept.sum()),
    )


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
    alive = alive[alive["bytes"] > 0].reset_index(drop=True)
    calls = operator_spans(trace)
    calls = calls[calls["name"].isin(dispatched)]
    is_inside = around(calls[is_outermost(calls)], alive)["name"].notna()
    op = pd.Series(NO_OP, index=alive.index, dtype="object").mask(is_inside, None)
    while len(calls):
        outermost = is_outermost(calls)
        found = around(calls[outermost], alive)
        op = found["name"].where(found["end"] > alive["freed"], op)
        calls = calls[~outermost]
    return _summed(alive.assign(op=op).dropna(subset="op"), ["op"])


def _parts(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return what adds up to the peak, with columns ``kind``, ``op`` and ``bytes`` among others."""
    alive = _alive_at_peak(trace, device)
    calls = operator_spans(trace)
    outermost = calls[is_outermost(calls)]
    op = around(outermost, alive)["name"].fillna(NO_OP)
    kind = _kinds(alive, op, backward_windows(outermost))
    return alive.assign(kind=kind, op=op.str.removeprefix(_NODE).where(kind != "released", ""))


def _summed(parts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    summed = parts.groupby(by)[["bytes"]].sum().reset_index()
    return summed.sort_values("bytes", ascending=False, kind="stable", ignore_index=True)


def _alive_at_peak(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return what adds up to the peak: allocations alive, and frees of what was there before.

    Returns:
        Columns ``lane`` (process and thread), ``start`` and ``freed`` in nanoseconds, ``bytes``;
        in order of start.
    """
    events = memory_events(trace, device)
    changes = events["bytes"].to_numpy("int64")
    live = changes.cumsum()
    peak = int(live.argmax()) if len(live) and live.max() > 0 else -1
    start = nanoseconds(events["start_s"])
    partner = _partners(changes.tolist(), events["address"].to_list())
    alive = (np.arange(len(events)) <= peak) & ((partner < 0) | (partner > peak))
    table = pd.DataFrame(
        {
            "lane": lanes(events),
            "start": start,
            "freed": np.where(partner < 0, _NEVER, start[partner]),
            "bytes": changes,
        }
    )
    return table[alive].reset_index(drop=True)


def _partners(changes: list[int], addresses: list[int]) -> np.ndarray:
    """Return for every allocation the place of its free, and the other way round; -1 for none."""
    partners = [-1] * len(changes)
    allocated: dict[int, int] = {}
    for place, (change, address) in enumerate(zip(changes, addresses, strict=True)):
        if change > 0:
            allocated[address] = place
        elif address in allocated and changes[allocated[address]] == -change:
            # Of another size it would be the free of an allocation that the trace does not have.
            other = allocated.pop(address)
            partners[place], partners[other] = other, place
    return np.array(partners, dtype="int64")


def _kinds(alive: pd.DataFrame, op: pd.Series, windows: pd.DataFrame) -> np.ndarray:
    starts, ends = windows["start"].to_numpy(), windows["end"].to_numpy()
    start, freed = alive["start"].to_numpy(), alive["freed"].to_numpy()
    following = np.searchsorted(starts, start, side="right")
    in_backward = start < np.append(-1, ends)[following]
    next_start = np.append(starts, _NEVER)[following]
    kinds = {
        "released": alive["bytes"] < 0,
        "gradient": in_backward & (freed == _NEVER),
        "backward_temporary": in_backward,
        "copy": op == _COPY,
        "kept": freed == _NEVER,
        "saved": freed > next_start,
    }
    return np.select(list(kinds.values()), list(kinds), "temporary")


def backward_windows(outermost: pd.DataFrame) -> pd.DataFrame:
    """Find the runs of backward nodes with no other operator between them.

    Args:
        outermost: Those of `profiling.traces.nesting.operator_spans` that are in no other one.

    Returns:
        Columns ``start`` and ``end`` of each, in nanoseconds.
    """
    is_node = outermost["name"].str.startswith(_NODE).astype("boolean")
    # The first gradient goes with what follows it.
    is_node = is_node.mask(outermost["name"] == _FIRST_GRADIENT).bfill().fillna(False).astype(bool)
    runs = (is_node != is_node.shift()).cumsum()
    grouped = outermost[is_node].groupby(runs)
    return pd.DataFrame({"start": grouped["start"].min(), "end": grouped["end"].max()})
