"""Makes the values of a trace's events a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from profiling.traces.gathering import DEVICE_FIELDS, Array, Gathered
from profiling.traces.raw_events import ABSENT, NO_ADDRESS

# Column, pandas dtype; every one may be missing in an event.
COLUMNS = {
    "name": "str",
    "category": "category",
    "phase": "category",
    "process": "str",
    "thread": "str",
    "start_s": "float64",
    "duration_s": "float64",
    "bytes": "Int64",
    "address": "UInt64",
    "memory_device": "category",
    "external_id": "Int64",
    "correlation": "Int64",
    "stream": "Int64",
    "shapes": "str",
    "copied_bytes": "Int64",
}
# What `read_trace` adds to them.
MORE_COLUMNS = {
    "device": "Int64",
    "rank": "Int64",
    "allocated_bytes": "Int64",
    "reserved_bytes": "Int64",
    "launch_index": "Int64",
    "op_index": "Int64",
    "stack": "str",
}

# Before and after the origin: what still counts in nanoseconds of 64 bits.
_MAX_TIME_US = 4e15
_MAX_DURATION_US = 1e15

Notices = dict[str, dict[str, int]]


def table_of(gathered: Gathered, notices: Notices) -> tuple[pd.DataFrame, Array]:
    """Return the rows that have a time, in order of start.

    Args:
        gathered: All events of a trace.
        notices: Is added to: rows without a time, durations that are none.

    Returns:
        `COLUMNS`, and those of `MORE_COLUMNS` that an event has itself; and each row's start in
        nanoseconds of the file's clock.
    """
    times_us, durations_us = gathered.array("times").T
    starts, is_timed = nanoseconds_of(times_us)
    is_odd = is_timed & ((durations_us < 0) | (durations_us > _MAX_DURATION_US))
    for key, is_lost in (("no_time", ~is_timed), ("durations", is_odd)):
        if is_lost.any():
            notices[f"trace.notice.{key}"] = {"count": int(is_lost.sum())}
    places = np.flatnonzero(is_timed)
    order = places[np.argsort(starts[places], kind="stable")]
    starts = starts[order]
    columns: dict[str, Any] = {
        name: _texts(gathered, name, order) for name in ("name", "process", "thread", "stack")
    }
    columns |= {name: _category(gathered, name, order) for name in ("category", "phase")}
    columns["start_s"] = (starts - starts[:1]) / 1e9
    columns["duration_s"] = np.where(is_odd, np.nan, durations_us)[order] / 1e6
    ids = gathered.array("ids")[order].T.copy()
    columns |= {"external_id": _nullable(ids[0]), "correlation": _nullable(ids[1])}
    columns["shapes"] = _texts(gathered, "shapes", order, bytes.decode)
    columns |= _of_memory(gathered, order) | _of_device(gathered, order)
    names = [name for name in (*COLUMNS, *MORE_COLUMNS) if name in columns]
    return pd.DataFrame({name: columns[name] for name in names}, copy=False), starts


def nanoseconds_of(times_us: Array) -> tuple[Array, Array]:
    """Return microseconds as nanoseconds, and which of them can be counted so.

    Whole nanoseconds: it is these that a file's clock counts, and writes as a fraction.
    """
    # Not so for what is no number either.
    is_timed = np.abs(times_us) <= _MAX_TIME_US
    return np.rint(np.where(is_timed, times_us, 0) * 1e3).astype("int64"), is_timed


def _texts(
    gathered: Gathered, name: str, order: Array, text: Callable[[Any], str] = str
) -> pd.Series:
    """Return texts as a column in which equal ones share their memory."""
    codes, found = gathered.texts(name)
    read = np.array([None if value is None else text(value) for value in found], dtype="object")
    return pd.Series(read[codes[order]], dtype="str")


def _category(gathered: Gathered, name: str, order: Array) -> pd.Categorical:
    codes, found = gathered.texts(name)
    return _categorical(codes[order], found)


def _categorical(codes: Array, found: list[str | None]) -> pd.Categorical:
    """Return few texts that occur often, the categories in order of the alphabet."""
    kept = sorted({value for value in found if value is not None})
    places = {value: place for place, value in enumerate(kept)}
    # One more, so that the number -1 is that of no text.
    renumbered = np.array([-1 if value is None else places[value] for value in (*found, None)])
    return pd.Categorical.from_codes(renumbered[codes], categories=pd.Index(kept, dtype="str"))


def _nullable(values: Array, absent: int = ABSENT) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values, values == absent)


def _of_memory(gathered: Gathered, order: Array) -> dict[str, Any]:
    """Return the columns of allocations and frees."""
    places = gathered.array("memory_places")
    sizes, kinds, numbers, allocated, reserved = gathered.array("memory").T
    names = list(map(_device, sizes.tolist(), kinds.tolist(), numbers.tolist()))
    numbers_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    codes = np.full(gathered.count, -1)
    codes[places] = [numbers_of[name] for name in names]
    return {
        "bytes": _spread(sizes, places, order),
        "address": _spread(gathered.array("address"), places, order, NO_ADDRESS),
        "memory_device": _categorical(codes[order], list(numbers_of)),
        "allocated_bytes": _spread(allocated, places, order),
        "reserved_bytes": _spread(reserved, places, order),
    }


def _of_device(gathered: Gathered, order: Array) -> dict[str, Any]:
    """Return the columns of what runs on a GPU."""
    places = gathered.array("device_places")
    found = zip(DEVICE_FIELDS, gathered.array("device").T, strict=True)
    return {name: _spread(values, places, order) for name, values in found}


def _spread(
    values: Array, places: Array, order: Array, absent: int = ABSENT
) -> pd.arrays.IntegerArray:
    """Return a column of which only some rows have a value, by their places in the file."""
    found = np.full(order.max(initial=-1) + 1, absent, values.dtype)
    is_kept = places < len(found)
    found[places[is_kept]] = values[is_kept]
    return _nullable(found[order], absent)


@lru_cache(maxsize=2**16)
def _device(size: int, kind: int, number: int) -> str | None:
    """Name the device of a memory event; kineto writes 0 for CPU and 1 for CUDA."""
    if ABSENT in (size, kind):
        return None
    if kind == 0:
        return "cpu"
    name = "cuda" if kind == 1 else f"type{kind}"
    return name if number == ABSENT else f"{name}:{number}"
