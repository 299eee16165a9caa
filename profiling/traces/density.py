"""What a window of a timeline shows: events wide enough to be seen, and blocks for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.lanes import Timeline

MOST_SHAPES = 4000
_MOST_ROWS = 2000


@dataclass(frozen=True)
class View:
    """A window of a timeline, ready to be drawn.

    Attributes:
        drawn: One row an event that is drawn as itself: ``event`` (its row in the trace),
            ``lane`` (row in the timeline's ``lanes``), ``depth``, ``start_s``, ``end_s``, ``name``
            and ``category``. It may begin before the window or end after it.
        blocks: One row a run of events that are too narrow: ``lane``, ``depth``, ``start_s``,
            ``end_s`` (of all of them), ``count``, ``busy_s`` (the sum of their durations), and
            ``name`` and ``category`` of the events that take most of that.
        count: How many events the window has; those drawn and the blocks' counts add up to it.
        finest_s: What is shorter than this is in a block.
    """

    drawn: pd.DataFrame
    blocks: pd.DataFrame
    count: int
    finest_s: float


def view(timeline: Timeline, start_s: float, end_s: float, width_px: int = 1000) -> View:
    """Choose what to draw of a window, at most `MOST_SHAPES` events and blocks together.

    An event is in the window if any moment of it is, the window's ends included. Events narrower
    than a pixel are merged by row, pixel by pixel; where that still leaves too many, by 2, 4, 8
    and so on pixels. Where events nest so deep that there would be too many rows, the last row of
    a lane has all that are deeper, merged.

    Args:
        timeline: As from `profiling.traces.lanes.timeline`.
        start_s: Where the window begins, in seconds from the trace's start.
        end_s: Where it ends.
        width_px: How wide it will be drawn.
    """
    first, last = round(start_s * 1e9), round(end_s * 1e9)
    everything = timeline.spans
    spans = everything[(everything["start_ns"] <= last) & (everything["end_ns"] >= first)]
    spans, row, is_merged = _rows(timeline, spans)
    start = spans["start_ns"].to_numpy()
    length = spans["end_ns"].to_numpy() - start
    finest = max(1, -(-(last - first) // width_px))
    while True:
        is_wide = (length >= finest) & ~is_merged
        block = _blocks(row[~is_wide], start[~is_wide], first, finest)
        if is_wide.sum() + (block[-1] + 1 if len(block) else 0) <= MOST_SHAPES:
            break
        finest *= 2
    drawn = _seconds(spans[is_wide]).reset_index(drop=True)
    columns = ["event", "lane", "depth", "start_s", "end_s", "name", "category"]
    return View(drawn[columns], _summed(spans[~is_wide], block), len(spans), finest / 1e9)


def overview(timeline: Timeline, end_s: float, bins: int) -> npt.NDArray[np.int64]:
    """Count the events in each of equal parts of a trace, on all lanes.

    Args:
        timeline: As from `profiling.traces.lanes.timeline`.
        end_s: Where the trace ends; it begins at 0.
        bins: How many parts.

    Returns:
        For each part how many events have any moment in it.
    """
    width = max(end_s, 1e-9) * 1e9 / bins
    start, end = (timeline.spans[name].to_numpy() for name in ("start_ns", "end_ns"))
    first, last = (np.clip(each // width, 0, bins - 1).astype("int64") for each in (start, end))
    changes = np.bincount(first, minlength=bins + 1) - np.bincount(last + 1, minlength=bins + 1)
    return changes.cumsum()[:bins]


def _rows(
    timeline: Timeline, spans: pd.DataFrame
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return spans in order of row and start, their rows, and which are in a merged row."""
    depths = timeline.lanes["depth"].to_numpy("int64")
    deepest = int(depths.max(initial=1))
    while np.minimum(depths, deepest).sum() > _MOST_ROWS:
        deepest //= 2
    lane, depth = spans["lane"].to_numpy(), spans["depth"].to_numpy()
    shown = np.minimum(depth, deepest - 1)
    row = np.append(0, np.minimum(depths, deepest).cumsum())[lane] + shown
    is_merged = (depths[lane] > deepest) & (shown == deepest - 1)
    if deepest < depths.max(initial=1):
        order = np.lexsort((spans["start_ns"], row))
        spans = spans.assign(depth=shown).iloc[order]
        row, is_merged = row[order], is_merged[order]
    return spans, row, is_merged


def _blocks(
    row: npt.NDArray[Any], start: npt.NDArray[Any], first: int, finest: int
) -> npt.NDArray[np.int64]:
    """Number the blocks that spans, in order of row and start, fall into."""
    column = np.maximum(start - first, 0) // finest
    is_next = (np.diff(row) != 0) | (np.diff(column) != 0)
    return np.append(0, is_next.cumsum())[: len(row)]


def _summed(spans: pd.DataFrame, block: npt.NDArray[np.int64]) -> pd.DataFrame:
    begins = np.flatnonzero(np.diff(block, prepend=-1))
    start, end = spans["start_ns"].to_numpy(), spans["end_ns"].to_numpy()
    found = pd.DataFrame(
        {
            "lane": spans["lane"].to_numpy()[begins],
            "depth": spans["depth"].to_numpy()[begins],
            "start_ns": start[begins],
            "end_ns": np.maximum.reduceat(end, begins) if len(begins) else end,
            "count": np.diff(np.append(begins, len(block))),
            "busy_s": np.bincount(block, end - start, minlength=len(begins)) / 1e9,
        }
    )
    busiest = spans.iloc[_busiest(spans["name"], block, end - start)]
    for column in ("name", "category"):
        found[column] = busiest[column].array
    columns = ["lane", "depth", "start_s", "end_s", "count", "busy_s", "name", "category"]
    return _seconds(found)[columns]


def _busiest(
    names: pd.Series, block: npt.NDArray[np.int64], length: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return for each block the first place of the name that takes the most time in it."""
    named = block * len(names.cat.categories) + names.cat.codes.to_numpy("int64")
    group, _ = pd.factorize(named)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(group), prepend=-1))
    counts = np.bincount(group)
    order = np.lexsort((-counts, -np.bincount(group, length), block[first]))
    return first[order][np.flatnonzero(np.diff(block[first][order], prepend=-1))]


def _seconds(spans: pd.DataFrame) -> pd.DataFrame:
    return spans.assign(start_s=spans["start_ns"] / 1e9, end_s=spans["end_ns"] / 1e9)
