"""Loads a Chrome trace of torch.profiler into a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.model.errors import InputError
from profiling.traces.categories import category_now, is_known, is_runtime
from profiling.traces.clock import ABSENT, IMPOSSIBLE, moments
from profiling.traces.head import DAMAGE, Fact, TraceDevice
from profiling.traces.launches import link_launches
from profiling.traces.outliers import are_far
from profiling.traces.read import (
    FLOWS,
    MEMORY_FIELDS,
    NO_ADDRESS,
    RARE_NUMBERS,
    RARE_TEXTS,
    Array,
    Event,
    EventColumns,
    RawTrace,
    read_leniently,
    read_strictly,
)
from profiling.traces.stacks import stacks

# Columns and their pandas dtypes; an event may lack any value.
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
# Columns that `read_trace` adds.
MORE_COLUMNS = {
    "device": "Int64",
    "rank": "Int64",
    "allocated_bytes": "Int64",
    "reserved_bytes": "Int64",
    "grid": "category",
    "block": "category",
    "registers": "Int32",
    "shared_bytes": "Int32",
    "occupancy_pct": "float32",
    "collective": "category",
    "message_elements": "Int64",
    "dtype": "category",
    "group_size": "Int32",
    "group": "category",
    "kernel_file": "category",
    "sequence": "Int64",
    "launch_index": "Int64",
    "op_index": "Int64",
    "stack": "str",
}

# Torch's DeviceType, whose numbers are in events of memory, and what torch calls them.
# AMD's GPUs have a number of their own, HIP, but torch calls them cuda everywhere else.
DEVICE_TYPES = {
    0: "cpu",
    6: "cuda",
    1: "cuda",
    2: "mkldnn",
    3: "opengl",
    4: "opencl",
    5: "ideep",
    7: "fpga",
    8: "maia",
    9: "xla",
    10: "vulkan",
    11: "metal",
    12: "xpu",
    13: "mps",
    14: "meta",
    15: "hpu",
    16: "ve",
    17: "lazy",
    18: "ipu",
    19: "mtia",
    20: "privateuseone",
}
_SPAN = "X"
_BEGIN = "B"
_END = "E"
_PROCESS = "process_name"
_THREAD = "thread_name"
# Category of flows between operators, which do not link launches to work.
_FORWARD_BACKWARD = "fwdbwd"
_STEP = "ProfilerStep#"
# What a trace contains if it has events of a category.
_KINDS = {
    "cpu_op": "cpu_op",
    "kernel": "kernel",
    "gpu_memcpy": "copy",
    "gpu_memset": "copy",
    "python_function": "python",
    "mtia_ccp_events": "kernel",
    "user_annotation": "annotation",
}

# A locale key and the values of its placeholders.
Notice = tuple[str, dict[str, int]]
_Notices = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Trace:
    """The readable content of a trace file.

    Attributes:
        events: A row for each event, in order of start, with `COLUMNS` and `MORE_COLUMNS`.
        notices: Notices about reading the file, to show to the user.
        kinds: What the trace contains: ``cpu_op``, ``kernel``, ``copy``, ``runtime``, ``python``,
            ``annotation``, ``step``, ``memory``, ``shapes``, ``stack``.
        ranks: Ranks of distributed processes in the file; empty if unknown.
        start_unix_s: Start of the first event, in seconds since 1970; None if unknown.
        process_names: Names by ``process``.
        thread_names: Names by ``process`` and ``thread``.
        devices: The accelerators of the machine, as far as the file tells.
        facts: The profiler's settings and versions, such as ``with_stack``,
            ``cuda_runtime_version`` and ``schema_version``.
    """

    events: pd.DataFrame
    notices: tuple[Notice, ...]
    kinds: frozenset[str]
    ranks: tuple[int, ...]
    start_unix_s: float | None
    process_names: dict[str, str]
    thread_names: dict[tuple[str, str], str]
    devices: tuple[TraceDevice, ...] = ()
    facts: dict[str, Fact] = field(default_factory=dict)


def load_trace(path: Path) -> pd.DataFrame:
    """Read a ``.json`` or ``.json.gz`` trace that torch wrote.

    Returns:
        A row for each event that has a time, in order of start, with `COLUMNS`; empty where an
        event lacks a value. ``start_s`` is in seconds from the first event; ``memory_device`` is
        ``"cpu"``, ``"cuda:0"`` and so on for memory events.

    Raises:
        InputError: The file is not a Chrome trace, or is damaged.
    """
    notices: _Notices = {}
    try:
        columns = read_strictly(path)
        if (columns.times()[0][~np.isnan(columns.array("ts"))] == ABSENT).any():
            raise ValueError("a time out of range")
        found: pd.DataFrame = _build_table(columns, notices)[0][[*COLUMNS]]
        return found
    except DAMAGE as error:
        raise InputError("error.not_a_trace", file=path.name) from error


def read_trace(path: Path, progress: Callable[[float], None] | None = None) -> Trace:
    """Read all that is readable of a ``.json`` or ``.json.gz`` trace from any program.

    Unlike for `load_trace`, the file may be truncated or damaged, contain only a list of events,
    and have values of other types. A pair of begin and end events becomes one row; flow events are
    left out.

    Args:
        path: The file.
        progress: Called with the finished share, from 0 to 1.

    Raises:
        InputError: Nothing is readable, or the file is too large.
    """
    report = progress or _no_progress
    report(0.0)
    try:
        return _trace(read_leniently(path, lambda share: report(0.6 * share)), report)
    except DAMAGE as error:
        raise InputError("error.not_a_trace", file=path.name) from error


def _trace(found: RawTrace, report: Callable[[float], None]) -> Trace:
    notices, aside = found.notices, found.columns.aside
    table, starts = _build_table(found.columns, notices)
    if notices and table.empty:
        raise ValueError("nothing readable")
    table = _pair_begin_end(table, starts, notices)
    report(0.8)
    head = found.head
    table["rank"] = pd.array([head.rank], dtype="Int64").repeat(len(table))
    table[["launch_index", "op_index"]] = link_launches(table, lambda: _flow_table(aside, starts))
    if "python_function" in table["category"].cat.categories:
        table["stack"] = table["stack"].fillna(stacks(table))
    process_names, thread_names = _lane_names(aside)
    report(1.0)
    return Trace(
        events=table[[*COLUMNS, *MORE_COLUMNS]],
        notices=tuple(notices.items()),
        kinds=_kinds_of(table),
        ranks=() if head.rank is None else (head.rank,),
        start_unix_s=_start_unix_s(head.base_ns, starts),
        process_names=process_names,
        thread_names=thread_names,
        devices=head.devices,
        facts=head.facts,
    )


def _kinds_of(table: pd.DataFrame) -> frozenset[str]:
    categories = set(table["category"].dropna().unique())
    found = {_KINDS[name] for name in categories & set(_KINDS)}
    annotations = table.loc[table["category"] == "user_annotation", "name"]
    has = {
        "runtime": any(map(is_runtime, categories)),
        "step": annotations.str.startswith(_STEP).any(),
        "memory": table["memory_device"].notna().any(),
        "shapes": table["shapes"].notna().any(),
        "stack": table["stack"].notna().any(),
    }
    return frozenset(found | {name for name, is_there in has.items() if is_there})


def _start_unix_s(base_ns: int | None, starts: Array) -> float | None:
    return None if base_ns is None or not len(starts) else (base_ns + int(starts[0])) / 1e9


def _no_progress(share: float) -> None:
    """Ignore progress."""


def _build_table(events: EventColumns, notices: _Notices) -> tuple[pd.DataFrame, Array]:
    """Return the events that have a time as a table, in order of start.

    Args:
        events: All events of a trace.
        notices: Notices about missing times and invalid durations are added here.

    Returns:
        `COLUMNS` and those of `MORE_COLUMNS` that events have themselves; and the start of each row
        in nanoseconds of the file's clock.
    """
    starts, durations = events.times()
    kinds, of_kinds = events.texts("kind")
    categories = [category_now(name, process) for name, _, process, _ in of_kinds]
    is_timed = starts != ABSENT
    is_odd = is_timed & (durations == IMPOSSIBLE)
    is_far = are_far(starts, durations)
    is_span = (durations >= 0) & np.array([kind[1] == _SPAN for kind in of_kinds], "bool")[kinds]
    lost = {
        "no_time": ~is_timed,
        "far": is_far,
        "durations": is_odd,
        "addresses": _lack_addresses(events),
        "categories": is_timed & ~is_far & _are_unknown(categories, kinds, is_span),
    }
    for key, is_lost in lost.items():
        if is_lost.any():
            notices[f"trace.notice.{key}"] = {"count": int(is_lost.sum())}
    places = np.flatnonzero(is_timed & ~is_far)
    order = places[np.argsort(starts[places], kind="stable")]
    starts, durations = starts[order], durations[order]
    columns: dict[str, Any] = {
        name: _texts(*events.texts(name), order) for name in ("name", "stack")
    }
    for place, name in ((2, "process"), (3, "thread")):
        columns[name] = _texts(kinds, [kind[place] for kind in of_kinds], order)
    columns["category"] = _categorical(kinds[order], categories)
    columns["phase"] = _categorical(kinds[order], [kind[1] for kind in of_kinds])
    columns["start_s"] = (starts - starts[:1]) / 1e9
    columns["duration_s"] = np.where(durations < 0, np.nan, durations / 1e9)
    external_ids, correlations = (
        events.array(name)[order] for name in ("external_id", "correlation")
    )
    rare = _rare_numbers(events, order)
    of_work = rare.pop("external_id_of_work")
    external_ids = np.where(external_ids == ABSENT, of_work, external_ids)
    columns |= {"external_id": _nullable(external_ids), "correlation": _nullable(correlations)}
    columns["shapes"] = _texts(*events.texts("shapes"), order, bytes.decode)
    columns |= _memory_columns(events, order)
    columns |= {name: _nullable(values, name=name) for name, values in rare.items()}
    columns |= _rare_texts(events, order)
    kept = {name: columns[name] for name in (*COLUMNS, *MORE_COLUMNS) if name in columns}
    return pd.DataFrame(kept, copy=False), starts


def _texts(
    codes: Array, found: list[Any], order: Array, text: Callable[[Any], str] = str
) -> pd.Series:
    """Return a column of strings; equal strings share their memory."""
    read = np.array([None if value is None else text(value) for value in found], dtype="object")
    # Only the distinct ones are checked for being texts.
    return pd.Series(pd.array(read, dtype="str").take(codes[order]))


def _are_unknown(categories: list[str | None], kinds: Array, is_span: Array) -> Array:
    """Return which events have a category that is none of the profiler's.

    What takes time should have one.
    """
    is_unknown = [name is not None and not is_known(name) for name in categories]
    is_unnamed = [name is None for name in categories]
    found: Array = np.array(is_unknown, "bool")[kinds]
    found |= np.array(is_unnamed, "bool")[kinds] & is_span
    return found


def _categorical(codes: Array, found: list[str | None]) -> pd.Categorical:
    """Return a categorical column with its categories in alphabetical order."""
    kept = sorted({value for value in found if value is not None})
    places = {value: place for place, value in enumerate(kept)}
    # One more, so that the code -1 stands for a missing value.
    renumbered = np.array([-1 if value is None else places[value] for value in (*found, None)])
    return pd.Categorical.from_codes(renumbered[codes], categories=pd.Index(kept, dtype="str"))


def _nullable(values: Array, absent: int = ABSENT, name: str = "") -> pd.arrays.IntegerArray:
    """Return a column; values that do not fit its type are empty."""
    is_absent = values == absent
    if MORE_COLUMNS.get(name) == "Int32":
        is_absent |= np.abs(values) >= 2**31
        values = np.where(is_absent, 0, values).astype("int32")
    return pd.arrays.IntegerArray(values, is_absent)


def _rare_numbers(events: EventColumns, order: Array) -> dict[str, Array]:
    places = events.array("rare places")
    columns = [(name, events.array(name)) for name in RARE_NUMBERS]
    none = places[:0]
    return {
        # Most files lack most of them.
        name: _spread(values, places if (values != ABSENT).any() else none, order, ABSENT)
        for name, values in columns
    }


def _rare_texts(events: EventColumns, order: Array) -> dict[str, Any]:
    codes, found = events.texts("rare")
    codes = _spread(codes, events.array("rare places"), order, -1)
    columns: dict[str, Any] = {}
    for place, name in enumerate(RARE_TEXTS):
        values = [each[place] for each in found]
        if name == "occupancy_pct":
            numbers = [np.nan if value is None else value for value in (*values, None)]
            columns[name] = np.array(numbers, "float32")[codes]
        elif name in ("grid", "block"):
            columns[name] = _categorical(codes, [_dimensions(value) for value in values])
        else:
            texts = [None if value is None else str(value) for value in values]
            columns[name] = _categorical(codes, texts)
    return columns


def _dimensions(raw: bytes) -> str | None:
    """Return the extents of a grid or block, as in ``"128,1,1"``, if it is a list of numbers."""
    with suppress(*DAMAGE):
        return ",".join(map(str, msgspec.json.decode(raw, type=list[int])))
    return None


def _lack_addresses(events: EventColumns) -> Array:
    """Return which events of memory have a size but no address."""
    sizes = events.array("bytes_")
    found: Array = (sizes != ABSENT) & (events.array("address") == NO_ADDRESS)
    return found


def _memory_columns(events: EventColumns, order: Array) -> dict[str, Any]:
    """Return the columns of memory events."""
    places = events.array("memory_places")
    sizes, kinds, numbers, allocated, reserved = (events.array(name) for name in MEMORY_FIELDS)
    names = list(map(_device, sizes.tolist(), kinds.tolist(), numbers.tolist()))
    addresses = events.array("address")
    numbers_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    codes = np.full(events.count, -1)
    codes[places] = [numbers_of[name] for name in names]
    return {
        "bytes": _nullable(_spread(sizes, places, order, ABSENT)),
        "address": _nullable(_spread(addresses, places, order, NO_ADDRESS), NO_ADDRESS),
        "memory_device": _categorical(codes[order], list(numbers_of)),
        "allocated_bytes": _nullable(_spread(allocated, places, order, ABSENT)),
        "reserved_bytes": _nullable(_spread(reserved, places, order, ABSENT)),
    }


def _spread(values: Array, places: Array, order: Array, absent: int) -> Array:
    """Return a column of all rows from values of some rows, given by their places in the file."""
    if not len(places):
        return np.full(len(order), absent, values.dtype)
    found = np.full(order.max(initial=-1) + 1, absent, values.dtype)
    is_kept = places < len(found)
    found[places[is_kept]] = values[is_kept]
    return found[order]


@lru_cache(maxsize=2**16)
def _device(size: int, kind: int, number: int) -> str | None:
    """Return the device of a memory event, such as ``"cuda:0"``."""
    if ABSENT in (size, kind):
        return None
    name = DEVICE_TYPES.get(kind, f"type{kind}")
    if name == "cpu":  # There is only one.
        return name
    return name if number == ABSENT else f"{name}:{number}"


def _pair_begin_end(
    table: pd.DataFrame, starts: npt.NDArray[Any], notices: _Notices
) -> pd.DataFrame:
    """Replace pairs of begin and end events by one row with their duration.

    An end belongs to the last open begin of its thread. A begin without an end has no duration.

    Args:
        table: A table in order of start.
        starts: Start of each row in nanoseconds.
        notices: A notice about events without a partner is added here.
    """
    is_end = table["phase"] == _END
    ours = table[is_end | (table["phase"] == _BEGIN)]
    if ours.empty:
        return table
    opened: dict[tuple[str, str], list[int]] = {}
    lone = 0
    duration_s = table["duration_s"].to_numpy(copy=True)
    keys = zip(ours["process"], ours["thread"], is_end[ours.index], ours.index, strict=True)
    for process, thread, ends, row in keys:
        begins = opened.setdefault((process, thread), [])
        if not ends:
            begins.append(row)
        elif begins:
            begin = begins.pop()
            duration_s[begin] = (starts[row] - starts[begin]) / 1e9
        else:
            lone += 1
    lone += sum(map(len, opened.values()))
    if lone:
        notices["trace.notice.pairs"] = {"count": lone}
    return table.assign(duration_s=duration_s)[np.asarray(~is_end)].reset_index(drop=True)


def _lane_names(
    events: Iterable[Event],
) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Return the names of processes, and of threads by process and thread."""
    processes: dict[str, str] = {}
    threads: dict[tuple[str, str], str] = {}
    for event in events:
        name = _label(event) if event.name in (_PROCESS, _THREAD) else None
        if name is None or event.pid is None:
            continue
        if event.name == _PROCESS:
            processes[str(event.pid)] = name
        elif event.tid is not None:
            threads[str(event.pid), str(event.tid)] = name
    return processes, threads


def _label(event: Event) -> str | None:
    try:
        label: Any = msgspec.json.decode(event.args.label) if event.args else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return label if isinstance(label, str) else None


def _flow_table(events: Sequence[Event], starts: Array) -> pd.DataFrame:
    """Return both ends of the flows that may link launches to work.

    Args:
        events: Flow events and others, which are ignored.
        starts: Start of each row of the trace in nanoseconds; the first is the origin.

    Returns:
        Columns ``flow`` (the same for both ends), ``process``, ``thread``, ``start`` in nanoseconds
        from the origin, and ``is_start``.
    """
    used = [
        event
        for event in events
        if event.ph in FLOWS and event.cat != _FORWARD_BACKWARD and event.id is not None
    ]
    found = moments([event.ts for event in used])
    table = pd.DataFrame(
        {
            "flow": pd.Series([str(event.id) for event in used], dtype="str"),
            "process": pd.Series([str(event.pid) for event in used], dtype="str"),
            "thread": pd.Series([str(event.tid) for event in used], dtype="str"),
            "start": found - (starts[0] if len(starts) else 0),
            "is_start": pd.Series([event.ph == FLOWS[0] for event in used], dtype="bool"),
        }
    )
    timed: pd.DataFrame = table[found != ABSENT]
    return timed
