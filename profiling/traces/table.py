"""Loads a Chrome trace of torch.profiler into a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.model.errors import DetachLabError, InputError, WorkerError, file_error
from profiling.traces.launches import is_runtime, linked
from profiling.traces.nesting import nanoseconds
from profiling.traces.read import (
    ABSENT,
    DAMAGE,
    DEVICE_FIELDS,
    FLOWS,
    METADATA,
    NO_ADDRESS,
    Array,
    Decoded,
    Event,
    Gathered,
    decode_list,
    decode_mended,
    decode_piece_by_piece,
    decode_strictly,
    unpack,
)

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
_BEGIN = "B"
_END = "E"
_PROCESS = "process_name"
_THREAD = "thread_name"
# Arrows between operators, not from a launch to what it launched.
_FORWARD_BACKWARD = "fwdbwd"
_FUNCTION = "python_function"
_OPERATOR = "cpu_op"
_NONE = -1
_KNOWN = {"error.worker_died": "error.trace_died", "error.worker_late": "error.trace_late"}
__all__ = ["COLUMNS", "MORE_COLUMNS", "Notice", "Trace", "load_trace", "read_trace"]

Notice = tuple[str, dict[str, int]]

# Category → what a trace with such an event has.
_KINDS = {
    "cpu_op": "cpu_op",
    "kernel": "kernel",
    "gpu_memcpy": "copy",
    "gpu_memset": "copy",
    "python_function": "python",
    "user_annotation": "annotation",
}
_STEP = "ProfilerStep#"


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


def paired(
    table: pd.DataFrame, starts: npt.NDArray[Any], notices: dict[str, dict[str, int]]
) -> pd.DataFrame:
    """Give each begin event the time until its end event, and leave the latter out.

    An end belongs to the last begin of its thread that is still open. A begin without an end
    keeps no duration; both are told in the notices.

    Args:
        table: In order of start.
        starts: Of each row, in nanoseconds.
        notices: Is added to.
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


def names(events: Iterable[Event]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
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


def flow_table(events: Sequence[Event], starts: Array) -> pd.DataFrame:
    """Return both ends of the arrows that may stand for launches.

    Args:
        events: Flow events, and others that are left out.
        starts: Of the trace's rows, in nanoseconds; the first is the origin.

    Returns:
        Columns ``flow`` (of both ends the same), ``process``, ``thread``, ``start`` in
        nanoseconds from the origin, and ``is_start``.
    """
    used = [
        event
        for event in events
        if event.ph in FLOWS and event.cat != _FORWARD_BACKWARD and event.id is not None
    ]
    found, is_timed = nanoseconds_of(np.array([event.ts for event in used], dtype="float64"))
    table = pd.DataFrame(
        {
            "flow": pd.Series([str(event.id) for event in used], dtype="str"),
            "process": pd.Series([str(event.pid) for event in used], dtype="str"),
            "thread": pd.Series([str(event.tid) for event in used], dtype="str"),
            "start": found - (starts[0] if len(starts) else 0),
            "is_start": pd.Series([event.ph == FLOWS[0] for event in used], dtype="bool"),
        }
    )
    return table[is_timed]


def stacks(trace: pd.DataFrame) -> pd.Series:
    """Return the stack of each operator.

    Args:
        trace: In order of start, as from `profiling.traces.table.read_trace`.

    Returns:
        The Python functions around the operator on its thread, the innermost first, joined by
        ``;``; empty where there is none, and for rows that are no operators.
    """
    category = trace["category"]
    ours = trace[category.isin([_FUNCTION, _OPERATOR]) & trace["duration_s"].notna()]
    start = nanoseconds(ours["start_s"])
    end = start + nanoseconds(ours["duration_s"])
    is_function = (ours["category"] == _FUNCTION).to_numpy()
    names, unique = pd.factorize(ours["name"])
    lane = ours.groupby(["process", "thread"], sort=False, dropna=False).ngroup().to_numpy()
    # Of two that start together the longer one is around the other; of the same, the function.
    order = np.lexsort((~is_function, -end, start))
    frames = [each[order].tolist() for each in (lane, start, end, names, is_function)]
    chains, of_operators = _chains(*frames)
    texts = np.array(_stack_texts(chains, unique.tolist()), dtype="object")
    found = pd.Series(None, trace.index, dtype="object")
    found[ours.index[order[~is_function[order]]]] = texts[of_operators]
    return found.astype("str")


def _chains(
    lanes: list[int],
    starts: list[int],
    ends: list[int],
    names: list[int],
    is_function: list[bool],
) -> tuple[list[tuple[int, int]], list[int]]:
    """Number the different stacks.

    Returns:
        The name and the number of the stack around it, of each stack; and the number of the
        stack of each operator. Number 0 is no stack.
    """
    numbers = {(_NONE, _NONE): 0}
    opened: dict[int, list[tuple[int, int]]] = {}
    of_operators = []
    for lane, start, end, name, opens in zip(lanes, starts, ends, names, is_function, strict=True):
        stack = opened.setdefault(lane, [])
        while stack and stack[-1][0] <= start:
            stack.pop()
        around = stack[-1][1] if stack else 0
        if opens:
            stack.append((end, numbers.setdefault((name, around), len(numbers))))
        else:
            of_operators.append(around)
    return list(numbers), of_operators


def _stack_texts(chains: list[tuple[int, int]], names: list[str]) -> list[str | None]:
    """Write each stack, of which those around it come before it."""
    texts: list[str | None] = [None]
    for name, around in chains[1:]:
        outer = texts[around]
        texts.append(names[name] if outer is None else f"{names[name]};{outer}")
    return texts


def trace_fault(error: Exception) -> DetachLabError:
    """Return what to say of an error that came of reading or showing a trace.

    No list of what a made-up trace can make pandas raise would be complete.

    Example:
        >>> trace_fault(KeyError("ts")).key, trace_fault(WorkerError("error.worker_late")).key
        ('error.trace_failed', 'error.trace_late')
    """
    error = file_error(error) or error
    if isinstance(error, WorkerError) or not isinstance(error, DetachLabError):
        key = error.key if isinstance(error, WorkerError) else ""
        return InputError(_KNOWN.get(key, "error.trace_failed"))
    return error


@dataclass(frozen=True)
class Trace:
    """What was readable of a trace file.

    Attributes:
        events: One row an event, in order of start; `COLUMNS` and `MORE_COLUMNS`.
        notices: What a person should know of the reading: locale keys with their values.
        kinds: What there is: ``cpu_op``, ``kernel``, ``copy``, ``runtime``, ``python``,
            ``annotation``, ``step``, ``memory``, ``shapes``, ``stack``.
        ranks: Of the processes that train together, those in the file; empty if unknown.
        start_unix_s: When the first event began, in seconds since 1970; None if unknown.
        process_names: Name of each process, by the table's ``process``.
        thread_names: Name of each thread, by ``process`` and ``thread``.
    """

    events: pd.DataFrame
    notices: tuple[Notice, ...]
    kinds: frozenset[str]
    ranks: tuple[int, ...]
    start_unix_s: float | None
    process_names: dict[str, str]
    thread_names: dict[tuple[str, str], str]


def load_trace(path: Path) -> pd.DataFrame:
    """Read a ``.json`` or ``.json.gz`` trace as torch writes it.

    Returns:
        One row an event that has a time, in order of start; columns as in `COLUMNS`, empty where
        the event has no such value. ``start_s`` counts from the first event, in seconds;
        ``memory_device`` is ``"cpu"`` or ``"cuda:0"`` and so on, of memory events.

    Raises:
        InputError: The file is not a Chrome trace, or anything in it is damaged.
    """
    data, is_whole = unpack(path)
    notices: Notices = {}
    try:
        if not is_whole:
            raise ValueError("cut")
        gathered = decode_strictly(data, Gathered({METADATA}), _nobody).gathered
        times_us = gathered.array("times")[:, 0]
        if not nanoseconds_of(times_us[~np.isnan(times_us)])[1].all():
            raise ValueError("a time out of range")
        return table_of(gathered, notices)[0][[*COLUMNS]]
    except DAMAGE as error:
        raise InputError("error.not_a_trace", file=path.name) from error


def read_trace(path: Path, progress: Callable[[float], None] | None = None) -> Trace:
    """Read a ``.json`` or ``.json.gz`` trace of any origin, as far as it is readable.

    Unlike for `load_trace`, a file may be cut or damaged, a bare list of events, and have values
    of other types. A pair of begin and end events is one row, flow events are none.

    Args:
        path: The file.
        progress: Is called with the share that is done, from 0 to 1.

    Returns:
        The table, and what is known of the file.

    Raises:
        InputError: Nothing of a trace is readable, or the file is too large.
    """
    tell = _rising(progress or _nobody)
    tell(0.0)
    data, is_whole = unpack(path)
    tell(0.1)
    for read in (decode_strictly, decode_list, decode_mended, decode_piece_by_piece):
        with suppress(*DAMAGE):
            found = read(data, Gathered(), lambda share: tell(0.1 + 0.5 * share))
            if not is_whole:
                found.notices["trace.notice.packed"] = {"count": found.gathered.count}
            return _trace(found, tell)
    raise InputError("error.not_a_trace", file=path.name)


def _trace(found: Decoded, tell: Callable[[float], None]) -> Trace:
    tell(0.6)
    notices, aside = found.notices, found.gathered.aside
    table, starts = table_of(found.gathered, notices)
    if notices and table.empty:
        raise ValueError("nothing readable")
    table = paired(table, starts, notices)
    tell(0.8)
    table["rank"] = pd.array([found.rank], dtype="Int64").repeat(len(table))
    table[["launch_index", "op_index"]] = linked(table, lambda: flow_table(aside, starts))
    if "python_function" in table["category"].cat.categories:
        table["stack"] = table["stack"].fillna(stacks(table))
    process_names, thread_names = names(aside)
    tell(1.0)
    return Trace(
        events=table[[*COLUMNS, *MORE_COLUMNS]],
        notices=tuple(notices.items()),
        kinds=_kinds(table),
        ranks=() if found.rank is None else (found.rank,),
        start_unix_s=_start_unix_s(found.base_ns, starts),
        process_names=process_names,
        thread_names=thread_names,
    )


def _kinds(table: pd.DataFrame) -> frozenset[str]:
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


def _rising(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Return what tells a share that never falls, though a file be read again another way."""
    highest = 0.0

    def tell(share: float) -> None:
        nonlocal highest
        highest = max(highest, share)
        progress(highest)

    return tell


def _nobody(share: float) -> None:
    """Tell the share to nobody."""
