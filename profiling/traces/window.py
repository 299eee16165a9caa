"""A part of a trace by time, and as a file that any viewer of Chrome traces opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pandas as pd

from profiling.traces.nesting import nanoseconds

# Column → where an event's arguments have it.
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
}
_DEVICE_TYPES = {"cpu": 0, "cuda": 1}
_NO_NAMES: Mapping[Any, str] = {}


def end_s(trace: pd.DataFrame) -> float:
    """Return when the last event ends, seconds from the trace's start; 0 for a trace without any.

    What the profiler notes about its own recording after all else is not counted.
    """
    is_known = trace["duration_s"].notna() | trace["bytes"].notna()
    shown = trace[is_known] if is_known.any() else trace
    ends = shown["start_s"] + shown["duration_s"].fillna(0.0)
    return float(ends.max()) if len(ends) else 0.0


def window(trace: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    """Return the rows of a trace of which any moment is between two times, these included."""
    start, first, last = nanoseconds(trace["start_s"]), round(start_s * 1e9), round(end_s * 1e9)
    end = start + nanoseconds(trace["duration_s"].fillna(0).clip(lower=0))
    is_inside = pd.Series((start <= last) & (end >= first), trace.index)
    return trace[is_inside]


def chrome_trace(
    trace: pd.DataFrame,
    process_names: Mapping[str, str] = _NO_NAMES,
    thread_names: Mapping[tuple[str, str], str] = _NO_NAMES,
) -> bytes:
    """Write a table as a Chrome trace, which reads back as that table.

    Times stay those from the start of the file that the table is from. Flow events are not
    written; a viewer finds what belongs together by ``correlation`` and ``External id``.

    Args:
        trace: As from `profiling.traces.load.read_trace`, or a part of it.
        process_names: By process; written for processes that the table has.
        thread_names: By process and thread, likewise.
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
    for event, args in zip(_rows(fields), _rows(arguments), strict=True):
        yield event | {"args": args} if args else event


def _rows(columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _values(column: pd.Series) -> list[Any]:
    return column.astype("object").where(column.notna(), None).tolist()


def _number(text: str | None) -> int | str | None:
    """Return a number where a process or thread was one, for viewers that expect it."""
    digits = (text or "").removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) < 16
    return int(text) if text is not None and is_number and str(int(text)) == text else text


def _device(name: str | None) -> tuple[int | None, int | None]:
    if name is None:
        return None, None
    kind, _, number = name.partition(":")
    known = _DEVICE_TYPES.get(kind)
    return known if known is not None else int(kind.removeprefix("type")), int(number or -1)
