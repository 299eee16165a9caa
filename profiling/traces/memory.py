"""Memory over time, from a trace's allocation events."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from tsdownsample import M4Downsampler

from profiling.traces.raw_events import NO_ADDRESS

_MOST_POINTS = 4000

Array = npt.NDArray[Any]


def memory_curve(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return bytes live on a device after each allocation and each free.

    The curve is the running sum of the events' bytes and so starts at 0: the trace's own totals
    carry over from whatever ran before it.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        device: ``"cpu"``, ``"cuda:0"`` and so on, or ``"cuda"`` for all GPUs together.

    Returns:
        Columns ``time_s`` (from the trace's start), ``change_bytes`` and ``live_bytes``.
    """
    places = _places(trace, device)
    change = trace["bytes"].array[places].to_numpy("int64")
    times = trace["start_s"].to_numpy()[places]
    return pd.DataFrame({"time_s": times, "change_bytes": change, "live_bytes": change.cumsum()})


def memory_devices(trace: pd.DataFrame) -> list[str]:
    """Return the devices of which a trace has memory events, the CPU first."""
    found = trace["memory_device"].dropna().unique().tolist()
    return sorted(found, key=lambda name: (name != "cpu", len(name), name))


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
    places, changes, partner = memory_changes(trace, device)
    alone = partner < 0
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


def memory_changes(trace: pd.DataFrame, device: str) -> tuple[Array, Array, Array]:
    """Match a device's frees to its allocations.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        device: As for `memory_curve`.

    Returns:
        Of each of its memory events the row in the trace, the bytes, and the place, among these
        events, of the free of the allocation or the other way round; -1 for none.
    """
    places = _places(trace, device)
    changes = trace["bytes"].array[places].to_numpy("int64")
    addresses = trace["address"].array[places].to_numpy("uint64", na_value=NO_ADDRESS)
    return places, changes, _partners(changes.tolist(), addresses.tolist())


def reduced(curve: pd.DataFrame, most: int = _MOST_POINTS) -> pd.DataFrame:
    """Take rows of a curve so that its step line is drawn alike with fewer of them.

    Of each short run of rows the first, the last, the lowest and the highest stay; and so do the
    curve's first row, its last one and the first of its highest.

    Args:
        curve: As from `memory_curve`.
        most: How many rows are left at the most, three more at the very most.
    """
    if len(curve) <= most:
        return curve
    live = curve["live_bytes"].to_numpy()
    # Without times, because runs of equal length in time may all fall into one.
    chosen = M4Downsampler().downsample(live, n_out=most // 4 * 4)
    ends = [0, int(live.argmax()), len(curve) - 1]
    return curve.iloc[np.union1d(chosen.astype("int64"), ends)].reset_index(drop=True)


def _places(trace: pd.DataFrame, device: str) -> Array:
    """Return the rows of a trace that are allocations and frees on a device."""
    devices = trace["memory_device"].cat.categories
    mine = [name for name in devices if device in (name, name.partition(":")[0])]
    is_sized = trace["memory_device"].isin(mine) & trace["bytes"].notna()
    places = np.flatnonzero(is_sized)
    is_memory: Array = np.asarray(trace["name"].iloc[places] == "[memory]")
    return places[is_memory]


def _partners(changes: list[int], addresses: list[int]) -> Array:
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
