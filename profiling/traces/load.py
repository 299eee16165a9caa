"""Loads a Chrome trace of torch.profiler into a table."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd

from profiling.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"


class _Arguments(msgspec.Struct, gc=False):
    """The ``args`` of an event, as far as they are used."""

    bytes_: int | None = msgspec.field(default=None, name="Bytes")
    address: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(default=None, name="Addr")
    device_type: int | None = msgspec.field(default=None, name="Device Type")
    device_id: int | None = msgspec.field(default=None, name="Device Id")
    external_id: int | None = msgspec.field(default=None, name="External id")
    correlation: int | None = None
    stream: int | None = None
    copied_bytes: int | None = msgspec.field(default=None, name="bytes")
    shapes: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="Input Dims")


class _Event(msgspec.Struct, gc=False):
    """One event of the file; other fields are skipped while decoding."""

    ph: str = ""
    name: str = ""
    cat: str | None = None
    pid: int | str | None = None
    tid: int | str | None = None
    ts: float | None = None
    dur: float | None = None
    args: _Arguments | None = None


class _Trace(msgspec.Struct, gc=False):
    events: list[_Event] = msgspec.field(name="traceEvents")


# What a file that is cut, damaged or of another kind makes gzip, msgspec and pandas raise.
_DAMAGE = (msgspec.MsgspecError, ValueError, OverflowError, OSError, EOFError, zlib.error)
_decode = msgspec.json.Decoder(_Trace).decode
_NO_ARGUMENTS = _Arguments()

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


def load_trace(path: Path) -> pd.DataFrame:
    """Read a ``.json`` or ``.json.gz`` trace.

    Returns:
        One row an event that has a time, in order of start; columns as in `COLUMNS`, empty where
        the event has no such value. ``start_s`` counts from the first event, in seconds;
        ``memory_device`` is ``"cpu"`` or ``"cuda:0"`` and so on, of memory events.

    Raises:
        InputError: The file is not a Chrome trace.
    """
    data = path.read_bytes()
    try:
        if data[:2] == _GZIP_MAGIC:
            data = gzip.decompress(data)
        events = _decode(data).events
        return _table([event for event in events if event.ts is not None and event.ph != "M"])
    except _DAMAGE as error:
        raise InputError("error.not_a_trace", file=path.name) from error


def _table(events: list[_Event]) -> pd.DataFrame:
    args = [event.args or _NO_ARGUMENTS for event in events]
    start_us = np.array([event.ts for event in events], dtype="float64")
    columns: dict[str, Any] = {
        "name": [event.name for event in events],
        "category": [event.cat for event in events],
        "phase": [event.ph for event in events],
        "process": [_text(event.pid) for event in events],
        "thread": [_text(event.tid) for event in events],
        "start_s": (start_us - start_us.min()) / 1e6 if events else [],
        "duration_s": [None if event.dur is None else event.dur / 1e6 for event in events],
        "bytes": [each.bytes_ for each in args],
        "address": [each.address for each in args],
        "memory_device": [_device(each) for each in args],
        "external_id": [each.external_id for each in args],
        "correlation": [each.correlation for each in args],
        "stream": [each.stream for each in args],
        "shapes": [bytes(each.shapes).decode() or None for each in args],
        "copied_bytes": [each.copied_bytes for each in args],
    }
    series = {key: pd.Series(values, dtype=COLUMNS[key]) for key, values in columns.items()}
    table = pd.DataFrame(series)
    return table.sort_values("start_s", kind="stable", ignore_index=True)


def _text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _device(args: _Arguments) -> str | None:
    """Name the device of a memory event; kineto writes 0 for CPU and 1 for CUDA."""
    if args.device_type is None or args.bytes_ is None:
        return None
    if args.device_type == 0:
        return "cpu"
    kind = "cuda" if args.device_type == 1 else f"type{args.device_type}"
    return f"{kind}:{args.device_id}"
