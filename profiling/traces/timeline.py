"""Timeline of a trace: a lane for each thread and stream, and the shapes drawn of a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import DEVICE_WORK
from profiling.traces.nesting import nanoseconds, nesting_order, rows
from profiling.traces.table import DEVICE_TYPES

# Categories of events on a device's streams; those of `DEVICE_WORK` are work.
_OF_STREAMS = (*DEVICE_WORK, "gpu_user_annotation", "cuda_sync")
_OF_PROFILER = ("Trace",)
# Kinds of lanes in display order; all lanes beyond `MOST_LANES` are merged into ``"more"``.
KINDS = ("thread", "stream", "profiler", "more")
MOST_LANES = 500

_NO_NAMES: Mapping[Any, str] = {}
# Columns and the keys of an event's arguments.
_ARGUMENTS = {
    "external_id": "External id",
    "correlation": "correlation",
    "device": "device",
    "stream": "stream",
    "shapes": "Input Dims",
    "stack": "Call stack",
    "copied_bytes": "bytes",
    "bytes": "Bytes",
    "address": "Addr",
    "allocated_bytes": "Total Allocated",
    "reserved_bytes": "Total Reserved",
    "grid": "grid",
    "block": "block",
    "registers": "registers per thread",
    "shared_bytes": "shared memory",
    "occupancy_pct": "est. achieved occupancy %",
    "collective": "Collective name",
    "message_elements": "In msg nelems",
    "dtype": "dtype",
    "group_size": "Group size",
    "group": "Process Group Name",
    "kernel_file": "kernel_file",
    "sequence": "Sequence number",
}
_TYPE_NUMBERS = {name: number for number, name in DEVICE_TYPES.items()}
MOST_SHAPES = 4000
_MOST_ROWS = 2000


class Timeline(NamedTuple):
    """All events of a trace that have a duration, in lanes.

    Attributes:
        lanes: A row for each lane, in display order: ``kind`` (one of `KINDS`), ``process`` and
            ``thread`` (as in the trace), ``process_name`` and ``thread_name`` (empty if unknown),
            ``device`` and ``stream`` (of streams, else empty), ``depth`` (number of rows) and
            ``events`` (number of events).
        spans: A row for each event: ``event`` (its row in the trace), ``lane`` (row in ``lanes``),
            ``depth`` (its row in the lane, 0 for the outermost), ``start_ns`` and ``end_ns``
            (integer nanoseconds from the trace's start), ``name`` and ``category``; in order of
            lane, depth and start. Events of the same lane and depth never overlap.
    """

    lanes: pd.DataFrame
    spans: pd.DataFrame


def timeline(
    trace: pd.DataFrame,
    process_names: Mapping[str, str] = _NO_NAMES,
    thread_names: Mapping[tuple[str, str], str] = _NO_NAMES,
) -> Timeline:
    """Assign a trace's events to lanes: threads first, then streams by device.

    Args:
        trace: As from `profiling.traces.table.load_trace`.
        process_names: Names by process.
        thread_names: Names by process and thread.
    """
    events = trace[trace["duration_s"].notna() & trace["start_s"].notna()]
    key, found = _lanes(events)
    order = _display_order(found)
    place = np.empty(len(order), dtype="int64")
    place[order] = np.minimum(np.arange(len(order)), MOST_LANES - 1)
    lanes = _limit_lanes(found.iloc[order])
    spans = _spans(events, place[key] if len(events) else key)
    depths = spans.groupby("lane")["depth"]
    lanes["depth"], lanes["events"] = depths.max() + 1, depths.size()
    lanes["process_name"] = [process_names.get(each, "") for each in lanes["process"]]
    ends = zip(lanes["process"], lanes["thread"], strict=True)
    lanes["thread_name"] = [thread_names.get(each, "") for each in ends]
    return Timeline(lanes, spans)


def _spans(events: pd.DataFrame, lane: npt.NDArray[np.int64]) -> pd.DataFrame:
    start = nanoseconds(events["start_s"])
    end = start + np.maximum(nanoseconds(events["duration_s"]), 0)
    nested = nesting_order(lane, start, end)
    depth = rows(lane[nested], start[nested], end[nested])
    # Starts ascend within a lane already, and lexsort is stable.
    shown = np.lexsort((depth, lane[nested]))
    order = nested[shown]
    return pd.DataFrame(
        {
            "event": events.index.to_numpy()[order],
            "lane": lane[order],
            "depth": depth[shown],
            "start_ns": start[order],
            "end_ns": end[order],
            "name": events["name"].astype("category").array[order],
            "category": events["category"].array[order],
        }
    )


def lane_keys(events: pd.DataFrame) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    """Number the threads of some events.

    Returns:
        The number of each event's thread, from 0 in order of appearance, and a table with the
        columns ``process`` and ``thread`` (``""`` if unknown) of each number.
    """
    processes, threads = (
        events[column].astype("category").cat.as_unordered() for column in ("process", "thread")
    )
    # The code of a missing value is -1.
    count = len(threads.cat.categories) + 1
    codes = [each.cat.codes.to_numpy("int64") + 1 for each in (processes, threads)]
    key, pairs = pd.factorize(codes[0] * count + codes[1])
    process_of = np.array(["", *processes.cat.categories], dtype="object")
    thread_of = np.array(["", *threads.cat.categories], dtype="object")
    names = {"process": process_of[pairs // count], "thread": thread_of[pairs % count]}
    return key.astype("int64"), pd.DataFrame(names)


def _lanes(events: pd.DataFrame) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    key, lanes = lane_keys(events)
    category = events["category"]
    of_streams, of_profiler = (
        np.bincount(key, category.isin(names), minlength=len(lanes)) > 0
        for names in (_OF_STREAMS, _OF_PROFILER)
    )
    lanes["kind"] = np.select([of_streams, of_profiler], ["stream", "profiler"], "thread")
    for column, text in (("device", "process"), ("stream", "thread")):
        number = pd.to_numeric(lanes[text], errors="coerce").astype("Float64").astype("Int64")
        if column in events:
            number = events.groupby(key)[column].first().fillna(number)
        lanes[column] = number.where(of_streams)
    return key, lanes


def _display_order(lanes: pd.DataFrame) -> npt.NDArray[np.int64]:
    def place(lane: int) -> tuple[Any, ...]:
        kind, process, thread = kinds[lane], processes[lane], threads[lane]
        # The main thread of a process has the number of the process.
        return KINDS.index(kind), _natural(process), thread != process, _natural(thread)

    kinds, processes, threads = (lanes[name].tolist() for name in ("kind", "process", "thread"))
    return np.array(sorted(range(len(lanes)), key=place), dtype="int64")


def _natural(text: str) -> tuple[bool, int, str]:
    """Return a sort key: numbers first, by value."""
    digits = text.removeprefix("-")
    is_number = digits.isdecimal() and len(digits) < 20
    return not is_number, int(text) if is_number else 0, text


def _limit_lanes(lanes: pd.DataFrame) -> pd.DataFrame:
    kept = lanes.iloc[:MOST_LANES].reset_index(drop=True)
    if len(lanes) > MOST_LANES:
        kept.loc[MOST_LANES - 1, ["kind", "process", "thread"]] = ["more", "", ""]
        kept.loc[MOST_LANES - 1, ["device", "stream"]] = pd.NA
    columns = ["kind", "process", "thread", "process_name", "thread_name", "device", "stream"]
    return kept.reindex(columns=columns)


def end_s(trace: pd.DataFrame) -> float:
    """Return the end of the last event in seconds from the trace's start, 0 without events.

    The profiler's own records at the end of a trace are not counted.
    """
    is_known = trace["duration_s"].notna() | trace["bytes"].notna()
    shown = trace[is_known] if is_known.any() else trace
    ends = shown["start_s"] + shown["duration_s"].fillna(0.0)
    return float(ends.max()) if len(ends) else 0.0


def window(trace: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    """Return the events of a trace that overlap a window, ends included."""
    start, first, last = nanoseconds(trace["start_s"]), round(start_s * 1e9), round(end_s * 1e9)
    end = start + nanoseconds(trace["duration_s"].fillna(0).clip(lower=0))
    is_inside = pd.Series((start <= last) & (end >= first), trace.index)
    return trace[is_inside]


def cut(trace: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    """Return the part of a trace within a window: its events, cut at both ends.

    Of two that begin together, the longer one comes first, so that what is cut to the same part
    still nests. How long work waited is unknown where its start or that of its launch is cut.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        start_s: Start of the window.
        end_s: End of the window.
    """
    part = window(trace, start_s, end_s)
    first, last = round(start_s * 1e9), round(end_s * 1e9)
    start = nanoseconds(part["start_s"])
    end = start + np.maximum(nanoseconds(part["duration_s"].fillna(0)), 0)
    order = np.lexsort((-end, start))
    part, start, end = part.iloc[order], start[order], end[order]
    is_cut = start < first
    start = np.maximum(start, first)
    length = pd.Series((np.minimum(end, last) - start) / 1e9, part.index)
    part = part.assign(start_s=start / 1e9, duration_s=length.where(part["duration_s"].notna()))
    if "launch_index" in part:
        launches = part.index[is_cut]
        is_unsure = is_cut | part["launch_index"].isin(launches).to_numpy()
        part["launch_index"] = part["launch_index"].mask(is_unsure)
    return part


def chrome_trace(
    trace: pd.DataFrame,
    process_names: Mapping[str, str] = _NO_NAMES,
    thread_names: Mapping[tuple[str, str], str] = _NO_NAMES,
) -> bytes:
    """Return a table as a Chrome trace, which reads back as that table.

    Times are kept relative to the start of the original file. Flow events are not written; viewers
    link events by ``correlation`` and ``External id``.

    Args:
        trace: As from `profiling.traces.table.read_trace`, or a part of it.
        process_names: Names by process; only those in the table are written.
        thread_names: Names by process and thread; only those in the table are written.
    """
    threads = trace[["process", "thread"]].drop_duplicates().dropna()
    pairs = list(zip(threads["process"], threads["thread"], strict=True))
    events = [*_names(pairs, process_names, thread_names), *_events(trace)]
    ranks = trace["rank"].dropna().unique().tolist() if "rank" in trace else []
    head = {"distributedInfo": {"rank": ranks[0]}} if len(ranks) == 1 else {}
    return msgspec.json.encode({"schemaVersion": 1, **head, "traceEvents": events})


def _names(
    pairs: list[tuple[str, str]],
    process_names: Mapping[str, str],
    thread_names: Mapping[tuple[str, str], str],
) -> Iterator[dict[str, Any]]:
    for process in dict.fromkeys(process for process, _ in pairs):
        if process in process_names:
            yield _name("process_name", process, "0", process_names[process])
    for process, thread in pairs:
        if (process, thread) in thread_names:
            yield _name("thread_name", process, thread, thread_names[process, thread])


def _name(kind: str, process: str, thread: str, name: str) -> dict[str, Any]:
    lane = {"pid": _number(process), "tid": _number(thread)}
    return {"ph": "M", "name": kind, "ts": 0, **lane, "args": {"name": name}}


def _events(trace: pd.DataFrame) -> Iterator[dict[str, Any]]:
    fields = {
        "ph": _values(trace["phase"]),
        "cat": _values(trace["category"]),
        "name": _values(trace["name"]),
        "pid": [_number(value) for value in _values(trace["process"])],
        "tid": [_number(value) for value in _values(trace["thread"])],
        "ts": [value / 1e3 for value in nanoseconds(trace["start_s"]).tolist()],
        "dur": [None if value is None else value * 1e6 for value in _values(trace["duration_s"])],
    }
    arguments = {_ARGUMENTS[name]: _values(trace[name]) for name in _ARGUMENTS if name in trace}
    devices = [_device(name) for name in _values(trace["memory_device"])]
    arguments["Device Type"] = [kind for kind, _ in devices]
    arguments["Device Id"] = [number for _, number in devices]
    if "Input Dims" in arguments:
        shapes = arguments["Input Dims"]
        arguments["Input Dims"] = [each and msgspec.Raw(each.encode()) for each in shapes]
    for name in {"grid", "block"} & set(arguments):
        texts = arguments[name]
        arguments[name] = [each and msgspec.Raw(f"[{each}]".encode()) for each in texts]
    for event, args in zip(_rows(fields), _rows(arguments), strict=True):
        yield event | {"args": args} if args else event


def _rows(columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _values(column: pd.Series) -> list[Any]:
    return column.astype("object").where(column.notna(), None).tolist()


def _number(text: str | None) -> int | str | None:
    """Return a process or thread as a number if it was one, as viewers expect."""
    digits = (text or "").removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) < 16
    return int(text) if text is not None and is_number and str(int(text)) == text else text


def _device(name: str | None) -> tuple[int | None, int | None]:
    if name is None:
        return None, None
    kind, _, number = name.partition(":")
    known = _TYPE_NUMBERS.get(kind)
    return known if known is not None else int(kind.removeprefix("type")), int(number or -1)


@dataclass(frozen=True)
class View:
    """The shapes to draw of a window of a timeline.

    Attributes:
        drawn: A row for each event that is drawn by itself: ``event`` (its row in the trace),
            ``lane`` (row in the timeline's ``lanes``), ``depth``, ``start_s``, ``end_s``, ``name``
            and ``category``. It may start before the window or end after it.
        blocks: A row for each run of events that are too narrow: ``lane``, ``depth``, ``start_s``,
            ``end_s`` (of the run), ``count``, ``busy_s`` (the sum of their durations), and
            ``name`` and ``category`` of the events that take most of that time.
        count: Number of events in the window; drawn events and the blocks' counts add up to it.
        finest_s: Shorter events are in blocks.
    """

    drawn: pd.DataFrame
    blocks: pd.DataFrame
    count: int
    finest_s: float


def view(timeline: Timeline, start_s: float, end_s: float, width_px: int = 1000) -> View:
    """Return the shapes to draw of a window, at most `MOST_SHAPES` events and blocks together.

    An event is in the window if it overlaps it, ends included. Events narrower than a pixel are
    merged by row and pixel; if too many are left, by 2, 4, 8 and so on pixels. If there are too
    many rows because events nest deeply, the last row of a lane contains all deeper events, merged.

    Args:
        timeline: As from `timeline`.
        start_s: Start of the window, in seconds from the trace's start.
        end_s: End of the window.
        width_px: Width of the drawing.
    """
    first, last = round(start_s * 1e9), round(end_s * 1e9)
    everything = timeline.spans
    spans = everything[(everything["start_ns"] <= last) & (everything["end_ns"] >= first)]
    spans, row, is_merged = _shown_rows(timeline, spans)
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
    return View(drawn[columns], _merged_blocks(spans[~is_wide], block), len(spans), finest / 1e9)


def overview(timeline: Timeline, end_s: float, bins: int) -> npt.NDArray[np.int64]:
    """Count the events in each of equal parts of a trace, over all lanes.

    Args:
        timeline: As from `timeline`.
        end_s: End of the trace; it starts at 0.
        bins: Number of parts.

    Returns:
        The number of events that overlap each part.
    """
    width = max(end_s, 1e-9) * 1e9 / bins
    start, end = (timeline.spans[name].to_numpy() for name in ("start_ns", "end_ns"))
    first, last = (np.clip(each // width, 0, bins - 1).astype("int64") for each in (start, end))
    changes = np.bincount(first, minlength=bins + 1) - np.bincount(last + 1, minlength=bins + 1)
    return changes.cumsum()[:bins]


def _shown_rows(
    timeline: Timeline, spans: pd.DataFrame
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return spans in order of row and start, their rows, and whether each is in a merged row."""
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
    """Return the block number of each span; spans are in order of row and start."""
    column = np.maximum(start - first, 0) // finest
    is_next = (np.diff(row) != 0) | (np.diff(column) != 0)
    return np.append(0, is_next.cumsum())[: len(row)]


def _merged_blocks(spans: pd.DataFrame, block: npt.NDArray[np.int64]) -> pd.DataFrame:
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
    """Return the first index of the name that takes the most time in each block."""
    named = block * len(names.cat.categories) + names.cat.codes.to_numpy("int64")
    group, _ = pd.factorize(named)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(group), prepend=-1))
    counts = np.bincount(group)
    order = np.lexsort((-counts, -np.bincount(group, length), block[first]))
    return first[order][np.flatnonzero(np.diff(block[first][order], prepend=-1))]


def _seconds(spans: pd.DataFrame) -> pd.DataFrame:
    return spans.assign(start_s=spans["start_ns"] / 1e9, end_s=spans["end_ns"] / 1e9)
