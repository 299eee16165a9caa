"""Turns the microseconds of a file into whole nanoseconds, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

# Stands for a time or duration that an event lacks, and for a duration that cannot be.
ABSENT = -(2**63)
IMPOSSIBLE = -1

# Longest time before or after the origin, and longest duration, that fit into 64-bit nanoseconds.
_MAX_TIME_US = 4e15
_MAX_DURATION_US = 1e15
# Below this, a float tells one nanosecond from the next.
_FINE_US = 2.0**43

Array = npt.NDArray[Any]
Time = int | float | Decimal | None


def are_rounded(times: Iterable[Time]) -> bool:
    """Return whether a time has lost its nanoseconds because it was read as a float."""
    rounded = [
        time for time in times if type(time) is float and (time >= _FINE_US or time <= -_FINE_US)
    ]
    return bool(rounded)


def may_be_decimals(times_us: Array) -> bool:
    """Return whether there is a time that a float has no nanoseconds of."""
    # NaN is ignored.
    highest, lowest = np.fmax.reduce(times_us, initial=0), np.fmin.reduce(times_us, initial=0)
    return bool(highest >= _FINE_US or lowest <= -_FINE_US)


def moments(times: Sequence[Time]) -> Array:
    """Return times in nanoseconds, `ABSENT` where there is none or it is out of range."""
    floats = [np.nan if each is None else float(each) for each in times]
    return exactly(starts(np.array(floats, "float64")), times)


def exactly(starts_ns: Array, times: Sequence[Time]) -> Array:
    """Return starts with the digits that the decimals among these times have."""
    for place, time in enumerate(times):
        if isinstance(time, Decimal) and starts_ns[place] != ABSENT:
            starts_ns[place] = int((time * 1000).to_integral_value())
    return starts_ns


def starts(times_us: Array) -> Array:
    """Return microseconds as nanoseconds, `ABSENT` for NaN and what is out of range."""
    is_timed = np.abs(times_us) <= _MAX_TIME_US
    known = np.where(is_timed, times_us, 0)
    whole = np.floor(known)
    # In two parts: a product of all digits would not fit into a float.
    found = whole.astype("int64") * 1000 + np.rint((known - whole) * 1e3).astype("int64")
    return np.where(is_timed, found, ABSENT)


def durations(times_us: Array, durations_us: Array) -> Array:
    """Return durations in nanoseconds.

    They are rounded so that an event which ends before another one, or together with it, still
    does after both starts were rounded, too.

    Args:
        times_us: Start of each event in microseconds.
        durations_us: Its duration; NaN if it has none.

    Returns:
        `ABSENT` where there is none, `IMPOSSIBLE` for negative and far too long ones.
    """
    is_possible = (durations_us >= 0) & (durations_us <= _MAX_DURATION_US)
    length = np.where(is_possible, durations_us, 0)
    known = np.where(np.abs(times_us) <= _MAX_TIME_US, times_us, 0)
    part = known - np.floor(known)
    found = np.rint((part + length) * 1e3) - np.rint(part * 1e3)
    odd = np.where(np.isnan(durations_us), ABSENT, IMPOSSIBLE)
    return np.where(is_possible, found.astype("int64"), odd)
