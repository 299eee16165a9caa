"""A trace as lanes: one for each thread and stream, its events in rows by how they nest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.links import DEVICE_WORK
from profiling.traces.nesting import in_order, nanoseconds, nest

# Categories whose events lie on a device's streams; `DEVICE_WORK` is the work among them.
_OF_STREAMS = (*DEVICE_WORK, "gpu_user_annotation", "cuda_sync")
_OF_PROFILER = ("Trace",)
# In the order in which they are shown; ``"more"`` is what is left when there are too many lanes.
KINDS = ("thread", "stream", "profiler", "more")
MOST_LANES = 500

_NO_NAMES: Mapping[Any, str] = {}


class Timeline(NamedTuple):
    """All events of a trace that have a duration, laid out.

    Attributes:
        lanes: One row a lane, in the order in which they are shown: ``kind`` (one of `KINDS`),
            ``process`` and ``thread`` (as in the trace), ``process_name`` and ``thread_name``
            (empty where unknown), ``device`` and ``stream`` (of streams, else empty), ``depth``
            (how many rows it needs) and ``events``.
        spans: One row an event: ``event`` (its row in the trace), ``lane`` (row in ``lanes``),
            ``depth`` (0 for the outermost), ``start_ns`` and ``end_ns`` (whole nanoseconds from the
            trace's start), ``name`` and ``category``; in order of lane, depth and start. Events of
            one lane and depth never overlap.
    """

    lanes: pd.DataFrame
    spans: pd.DataFrame


def timeline(
    trace: pd.DataFrame,
    process_names: Mapping[str, str] = _NO_NAMES,
    thread_names: Mapping[tuple[str, str], str] = _NO_NAMES,
) -> Timeline:
    """Lay out a trace's events: threads first, then streams by device.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        process_names: By process.
        thread_names: By process and thread.
    """
    events = trace[trace["duration_s"].notna() & trace["start_s"].notna()]
    key, found = _lanes(events)
    order = _shown_order(found)
    place = np.empty(len(order), dtype="int64")
    place[order] = np.minimum(np.arange(len(order)), MOST_LANES - 1)
    lanes = _bounded(found.iloc[order])
    spans = _spans(events, place[key] if len(events) else key)
    rows = spans.groupby("lane")["depth"]
    lanes["depth"], lanes["events"] = rows.max() + 1, rows.size()
    lanes["process_name"] = [process_names.get(each, "") for each in lanes["process"]]
    ends = zip(lanes["process"], lanes["thread"], strict=True)
    lanes["thread_name"] = [thread_names.get(each, "") for each in ends]
    return Timeline(lanes, spans)


def _spans(events: pd.DataFrame, lane: npt.NDArray[np.int64]) -> pd.DataFrame:
    start = nanoseconds(events["start_s"])
    end = start + np.maximum(nanoseconds(events["duration_s"]), 0)
    nested = in_order(lane, start, end)
    depth = nest(lane[nested], start[nested], end[nested]).depth
    # Within a lane starts ascend already, and this sort is a stable one.
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
    """Number the threads of events.

    Returns:
        The number of each event's thread, from 0 on in order of appearance, and a table with the
        columns ``process`` and ``thread`` (``""`` where unknown) of each number.
    """
    processes, threads = (
        events[column].astype("category").cat.as_unordered() for column in ("process", "thread")
    )
    # -1 stands for no value.
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


def _shown_order(lanes: pd.DataFrame) -> npt.NDArray[np.int64]:
    def place(lane: int) -> tuple[Any, ...]:
        kind, process, thread = kinds[lane], processes[lane], threads[lane]
        # A process's main thread has the number of the process.
        return KINDS.index(kind), _natural(process), thread != process, _natural(thread)

    kinds, processes, threads = (lanes[name].tolist() for name in ("kind", "process", "thread"))
    return np.array(sorted(range(len(lanes)), key=place), dtype="int64")


def _natural(text: str) -> tuple[bool, int, str]:
    """Order numbers by value and before all else."""
    digits = text.removeprefix("-")
    is_number = digits.isdecimal() and len(digits) < 20
    return not is_number, int(text) if is_number else 0, text


def _bounded(lanes: pd.DataFrame) -> pd.DataFrame:
    kept = lanes.iloc[:MOST_LANES].reset_index(drop=True)
    if len(lanes) > MOST_LANES:
        kept.loc[MOST_LANES - 1, ["kind", "process", "thread"]] = ["more", "", ""]
        kept.loc[MOST_LANES - 1, ["device", "stream"]] = pd.NA
    columns = ["kind", "process", "thread", "process_name", "thread_name", "device", "stream"]
    return kept.reindex(columns=columns)
