"""Finds events that cannot be of the trace they are in, by their time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from profiling.traces.clock import ABSENT

Array = npt.NDArray[Any]

_DAY_NS = 24 * 3600 * 10**9
# Kineto's origin is up to three months before a trace, which itself rarely takes a day.
_FAR_NS = 30 * _DAY_NS
# From an event at the origin itself, as where a device's clock was not read.
_FAR_FROM_ZERO_NS = _DAY_NS


def are_far(starts: Array, durations: Array) -> Array:
    """Return which events are so far from most others that their times must be wrong.

    These are events that begin at 0 while all others begin more than a day later; those that begin
    more than 30 days before or after the group that most events are in; and those that end more
    than 30 days after the last of these began. A trace of any length is left whole as long as no
    such gap is in it.

    Args:
        starts: In nanoseconds; `ABSENT` counts as not far.
        durations: In nanoseconds, negative if there is none.
    """
    found = np.zeros(len(starts), dtype="bool")
    places = np.flatnonzero(starts != ABSENT)
    if not len(places):
        return found
    if starts[places].max() - starts[places].min() > _FAR_FROM_ZERO_NS:
        found[places] = _are_away(starts[places])
    kept = places[~found[places]]
    limit = starts[kept].max() + _FAR_NS
    found[kept] = starts[kept] + np.maximum(durations[kept], 0) > limit
    return found


def _are_away(starts: Array) -> Array:
    order = np.argsort(starts, kind="stable")
    ordered = starts[order]
    is_zero = starts == 0
    others = starts[~is_zero]
    if len(others) and is_zero.any():
        nearest = np.abs(others).min()
        if nearest > _FAR_FROM_ZERO_NS and len(others) >= is_zero.sum():
            found: Array = is_zero.copy()
            found[~is_zero] = _are_away(others)
            return found
    group = np.append(0, (np.diff(ordered) > _FAR_NS).cumsum())
    sizes = np.bincount(group)
    found = np.zeros(len(starts), dtype="bool")
    if 2 * sizes.max() > len(starts):
        found[order] = group != sizes.argmax()
    return found
