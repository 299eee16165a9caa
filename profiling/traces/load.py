"""Loads a Chrome trace of torch.profiler into a table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from profiling.errors import InputError
from profiling.traces.decoding import (
    DAMAGE,
    Decoded,
    decode_list,
    decode_mended,
    decode_piece_by_piece,
    decode_strictly,
)
from profiling.traces.flows import flow_table
from profiling.traces.gathering import METADATA, Array, Gathered
from profiling.traces.links import is_runtime, linked
from profiling.traces.metadata import names
from profiling.traces.pairs import paired
from profiling.traces.stacks import stacks
from profiling.traces.table import COLUMNS, MORE_COLUMNS, Notices, nanoseconds_of, table_of
from profiling.traces.unpacking import unpack

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
