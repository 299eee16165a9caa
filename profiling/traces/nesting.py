"""Nesting of intervals in lanes, in nanoseconds. A lane is a thread of a process."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

# With fewer intervals in a lane, arrays cost more than they save.
_FEW = 200
_FAR_S = 100 * 365.25 * 24 * 3600


def operator_spans(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the start and end of each operator call.

    Args:
        trace: As from `profiling.traces.table.load_trace`.

    Returns:
        Columns ``name``, ``lane`` (process and thread), ``start`` and ``end`` in nanoseconds, and
        ``external_id``; in order of start, the outer one first if two start together.
    """
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()]
    start = nanoseconds(calls["start_s"])
    spans = pd.DataFrame(
        {
            "name": calls["name"],
            "lane": lane_names(calls),
            "start": start,
            "end": start + nanoseconds(calls["duration_s"]),
            "external_id": calls["external_id"],
        }
    )
    order = ["start", "end"]
    return spans.sort_values(order, ascending=[True, False], kind="stable", ignore_index=True)


def is_outermost(spans: pd.DataFrame) -> pd.Series:
    """Return which spans, ordered as by `operator_spans`, are in no other span of their lane."""
    lane, _ = pd.factorize(spans["lane"])
    found = outermost(lane, spans["start"].to_numpy(), spans["end"].to_numpy())
    return pd.Series(found, spans.index)


def enclosing_spans(spans: pd.DataFrame, moments: pd.DataFrame) -> pd.DataFrame:
    """Return the span that contains each moment.

    Args:
        spans: Spans from `operator_spans` that do not overlap within a lane, in order.
        moments: Columns ``lane`` and ``start``, in order of start.

    Returns:
        A row for each moment: ``name`` and ``end`` of the span, empty if there is none.
    """
    count = len(spans)
    lane, _ = pd.factorize(pd.concat([spans["lane"], moments["lane"]]))
    start, end = spans["start"].to_numpy(), spans["end"].to_numpy()
    row = enclosing(lane[:count], start, end, lane[count:], moments["start"].to_numpy())
    found = spans[["name", "end"]].set_axis(range(count))
    return found.reindex(row).reset_index(drop=True)


def outermost(
    lane: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> npt.NDArray[np.bool]:
    """Return which intervals are in no other interval of their lane.

    Args:
        lane: Integers.
        start: Ascending; if two intervals start together, the outer one comes first.
        end: Not before the start.
    """
    last_end = np.full(len(start), -1)
    order = np.argsort(lane, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(lane[order])) + 1):
        last_end[mine[1:]] = np.maximum.accumulate(end[mine])[:-1]
    found: npt.NDArray[np.bool] = start >= last_end
    return found


def enclosing(
    lane: npt.NDArray[Any],
    start: npt.NDArray[Any],
    end: npt.NDArray[Any],
    moment_lanes: npt.NDArray[Any],
    moments: npt.NDArray[Any],
) -> npt.NDArray[np.int64]:
    """Return the index of the interval that contains each moment, -1 if there is none.

    Args:
        lane: Lane of each interval, integers from 0; intervals of a lane do not overlap.
        start: Start of each interval, inclusive.
        end: End of each interval, exclusive.
        moment_lanes: Lane of each moment.
        moments: Moments in any order.
    """
    keys, of_moments = _lane_keys(lane, start, moment_lanes, moments)
    order = np.argsort(keys, kind="stable")
    last = np.searchsorted(keys[order], of_moments, side="right") - 1
    place = np.append(order, -1)[last]
    is_inside = np.append(lane, -1)[place] == moment_lanes
    is_inside &= np.append(end, -1)[place] > moments
    return np.where(is_inside, place, -1)


class Nesting(NamedTuple):
    """Parents and depths of nested intervals.

    Attributes:
        parent: Index of the interval around each interval, -1 if there is none.
        depth: Number of intervals around each interval; intervals of the same lane and depth never
            overlap.
    """

    parent: npt.NDArray[np.int64]
    depth: npt.NDArray[np.int64]


def nesting_order(
    lane: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the order of intervals by lane, then start; the longer one first if both are equal."""
    keys, _ = _lane_keys(lane, start, lane[:0], start[:0])
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():
        return np.lexsort((-end, start, lane))
    return order


def _lane_keys(
    lane: npt.NDArray[Any],
    times: npt.NDArray[Any],
    other_lanes: npt.NDArray[Any],
    other_times: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return numbers that order two sets of times by lane, then time."""
    lanes = np.concatenate([lane, other_lanes])
    moments = np.concatenate([times, other_times])
    if len(moments):
        moments = moments - moments.min()
        span = int(moments.max()) + 1
        if span * (int(lanes.max()) + 1) >= 2**63:
            found, moments = np.unique(moments, return_inverse=True)
            span = len(found)
        lanes = lanes * span + moments
    return lanes[: len(lane)], lanes[len(lane) :]


def nest(lane: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any]) -> Nesting:
    """Return the parent of each interval: the last one of its lane that is open at its start.

    Args:
        lane: Integers from 0; all three arrays are in the order of `nesting_order`.
        start: Nanoseconds.
        end: Nanoseconds, not before the start.
    """
    parent = np.full(len(start), -1, dtype="int64")
    depth = np.zeros(len(start), dtype="int64")
    borders = np.flatnonzero(np.diff(lane)) + 1
    for first, last in zip([0, *borders], [*borders, len(start)], strict=True):
        spans = start[first:last], end[first:last]
        found = _nest_whole(*spans) if last - first > _FEW else None
        parents, depths = found or map(np.array, _nest_lane(*(each.tolist() for each in spans)))
        parent[first:last] = np.where(parents < 0, -1, parents + first)
        depth[first:last] = depths
    return Nesting(parent, depth)


def _nest_whole(
    start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Return parents and depths of intervals that nest, None if some end after their parent."""
    place = np.arange(len(start))
    # Those of no length are over at once, but not before those that began with them.
    is_empty = np.append(0, (start == end).cumsum())
    last = np.searchsorted(start, start, side="right")
    over = np.searchsorted(np.sort(end), start, side="right") - (is_empty[last] - is_empty[place])
    depth = place - over
    # The last one before with a depth less by one: in order of depth, then place.
    keys = depth * len(start) + place
    order = np.argsort(keys)
    before = np.searchsorted(keys[order], keys - len(start)) - 1
    parent = np.where(depth > 0, order[before], -1)
    inner = np.flatnonzero(depth > 0)
    around_it = parent[inner]
    nests = (depth[around_it] == depth[inner] - 1) & (end[inner] <= end[around_it])
    return (parent, depth) if nests.all() and (depth >= 0).all() else None


def _nest_lane(starts: list[int], ends: list[int]) -> tuple[list[int], list[int]]:
    parents, depths = [], []
    open_places: list[int] = [-1]
    open_ends: list[float] = [float("inf")]
    for place, start in enumerate(starts):
        while open_ends[-1] <= start:
            open_ends.pop()
            open_places.pop()
        parents.append(open_places[-1])
        depths.append(len(open_places) - 1)
        open_places.append(place)
        open_ends.append(ends[place])
    return parents, depths


def rows(
    lane: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the row that each interval is drawn in: the first of its lane that is free.

    For intervals that nest, that is their depth.

    Args:
        lane: As for `nest`, like ``start`` and ``end``.
        start: Nanoseconds.
        end: Nanoseconds, not before the start.
    """
    nesting = nest(lane, start, end)
    inner = np.flatnonzero(nesting.parent >= 0)
    is_crossing = end[inner] > end[nesting.parent[inner]]
    found = nesting.depth
    for number in np.unique(lane[inner[is_crossing]]):
        first, last = np.searchsorted(lane, [number, number + 1])
        found[first:last] = _free_rows(start[first:last].tolist(), end[first:last].tolist())
    return found


def _free_rows(starts: list[int], ends: list[int]) -> list[int]:
    found = []
    free: list[int] = []
    taken: list[tuple[int, int]] = []
    count = 0
    for start, end in zip(starts, ends, strict=True):
        while taken and taken[0][0] <= start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        if not free:
            free.append(count)
            count += 1
        row = heapq.heappop(free)
        found.append(row)
        heapq.heappush(taken, (end, row))
    return found


class Parts(NamedTuple):
    """The parts of time in which intervals are the innermost open ones of their lane.

    Attributes:
        owner: Index of each part's interval.
        start: In order of lane, then start.
        end: After the start.
    """

    owner: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


def innermost_parts(
    lane: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> Parts:
    """Split time by the interval that is the innermost one, as in `self_times`.

    Args:
        lane: As for `nest`, like ``start`` and ``end``.
        start: Nanoseconds.
        end: Nanoseconds, not before the start.
    """
    parts: list[tuple[int, int, int]] = []
    opened: list[int] = []
    lanes, starts, ends = lane.tolist(), start.tolist(), end.tolist()
    for place in range(len(starts) + 1):
        is_last = place == len(starts)
        since = starts[place - 1] if place else 0
        is_next = is_last or (bool(opened) and lanes[place] != lanes[opened[-1]])
        until = None if is_next else starts[place]
        while opened and (until is None or since < until):
            closes = ends[opened[-1]]
            stop = closes if until is None else min(closes, until)
            if stop > since:
                parts.append((opened[-1], since, stop))
                since = stop
            if until is None or closes <= until:
                opened.pop()
        if not is_last:
            opened.append(place)
    columns = np.array(parts, dtype="int64").reshape(-1, 3).T
    return Parts(*columns)


def self_times(
    nesting: Nesting, start: npt.NDArray[Any], end: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the time in which each interval is the innermost open one of its lane.

    The self times of a lane add up to the time that its intervals cover, even if an interval
    starts inside another and ends after it.
    """
    left: npt.NDArray[np.int64] = end - start
    covered, outer = start, nesting.parent
    inside = np.flatnonzero(outer >= 0)
    while len(inside):
        around_it = outer[inside]
        until = np.minimum(end[inside], end[around_it])
        np.subtract.at(left, around_it, np.maximum(until - covered[inside], 0))
        covered = covered.copy()
        covered[inside] = np.maximum(covered[inside], end[around_it])
        outer = np.where(outer >= 0, nesting.parent[outer], -1)
        inside = np.flatnonzero((outer >= 0) & (covered < end))
    return left


def innermost(
    lane: npt.NDArray[Any],
    start: npt.NDArray[Any],
    end: npt.NDArray[Any],
    nesting: Nesting,
    moments: npt.NDArray[Any],
    moment_lanes: npt.NDArray[Any],
) -> npt.NDArray[np.int64]:
    """Return the index of the innermost interval that contains each moment, -1 if there is none.

    Args:
        lane: As for `nest`, like ``start`` and ``end``.
        start: Nanoseconds, inclusive.
        end: Nanoseconds, exclusive.
        nesting: As from `nest`.
        moments: Nanoseconds.
        moment_lanes: Lane of each moment.
    """
    found = last_begun(lane, start, moments, moment_lanes)
    over = np.flatnonzero(found >= 0)
    while len(over := over[end[found[over]] <= moments[over]]):
        found[over] = nesting.parent[found[over]]
        over = over[found[over] >= 0]
    return found


def last_begun(
    lane: npt.NDArray[Any],
    start: npt.NDArray[Any],
    moments: npt.NDArray[Any],
    moment_lanes: npt.NDArray[Any],
) -> npt.NDArray[np.int64]:
    """Return the index of the last interval of the lane that began by each moment, -1 for none.

    Args:
        lane: As for `nest`, like ``start``.
        start: Nanoseconds.
        moments: Nanoseconds.
        moment_lanes: Lane of each moment.
    """
    last = np.searchsorted(*_lane_keys(lane, start, moment_lanes, moments), side="right") - 1
    return np.where((last >= 0) & (np.append(lane, -1)[last] == moment_lanes), last, -1)


def covered_before(
    start: npt.NDArray[Any], end: npt.NDArray[Any], moments: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the time before each moment that the intervals, in any order, cover."""
    if not len(start):
        return np.zeros(len(moments), dtype="int64")
    order = np.argsort(start, kind="stable")
    begin, until = start[order], np.maximum.accumulate(end[order])
    is_first = np.append(True, begin[1:] > until[:-1])
    begin = begin[is_first]
    until = until[np.append(np.flatnonzero(is_first)[1:] - 1, len(until) - 1)]
    before = np.append(0, (until - begin).cumsum())
    place = np.searchsorted(begin, moments, side="right") - 1
    inside = np.minimum(moments, until[place]) - begin[place]
    return np.where(place >= 0, before[place] + inside, 0)


def lane_names(events: pd.DataFrame) -> pd.Series:
    """Return process and thread of each event as one string."""
    return events["process"].fillna("") + " " + events["thread"].fillna("")


def lane_numbers(events: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return a number from 0 for each event's process and thread."""
    process, thread = (
        pd.factorize(events[name], use_na_sentinel=False)[0] for name in ("process", "thread")
    )
    numbers: npt.NDArray[np.int64] = process * (thread.max(initial=0) + 1) + thread
    return numbers


def nanoseconds(seconds: pd.Series) -> npt.NDArray[Any]:
    """Return integer nanoseconds, so that starts and ends compare exactly.

    Values are clipped to a century, so that sums fit into 64 bits.
    """
    near = np.clip(seconds.to_numpy("float64"), -_FAR_S, _FAR_S)
    whole: npt.NDArray[Any] = np.rint(near * 1e9).astype("int64")
    return whole
