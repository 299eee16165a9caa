"""Decodes a trace's JSON into typed events, as far as the file is readable."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from profiling.traces.gathering import Gathered
from profiling.traces.raw_events import Event
from profiling.traces.salvage import Salvage

Progress = Callable[[float], None]


class _File(msgspec.Struct, gc=False):
    events: list[Event] = msgspec.field(name="traceEvents")
    base_ns: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="baseTimeNanoseconds")
    distributed: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="distributedInfo")


@dataclass
class Decoded:
    """What was readable of a file.

    Attributes:
        gathered: Its events.
        base_ns: Nanoseconds since 1970 that times count from; None if unknown.
        rank: Of the process among those that train together; None if unknown.
        notices: Locale key → values of what a person should know of the reading.
    """

    gathered: Gathered
    base_ns: int | None = None
    rank: int | None = None
    notices: dict[str, dict[str, int]] = field(default_factory=dict)


# What a file that is cut, damaged or of another kind makes msgspec raise.
DAMAGE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_decode_file = msgspec.json.Decoder(_File).decode
_decode_list = msgspec.json.Decoder(list[Event]).decode
# Kineto's own layout. A line's end cannot be within a text, and what is cut elsewhere than between
# two events is no JSON, which then is told.
_EVENTS = re.compile(rb'"traceEvents"\s*:\s*\[')
_BETWEEN = b"\n  },\n  {"
_BRACE = len(b"\n  }")
PIECE_BYTES = 2**17
# Kineto writes these words for numbers that are none; a key's quote and a colon come before.
_NOT_A_NUMBER = re.compile(rb'(?<!\\)"\s*:\s*(-?(?:nan|inf|NaN|Infinity))(?=\s*[,}])')


def decode_strictly(data: bytes, gathered: Gathered, progress: Progress) -> Decoded:
    """Decode a file as torch writes it.

    Raises:
        ValueError: Anything is not as it should be; as the others of `DAMAGE`.
    """
    read = 0
    with _no_collection():
        for piece, place in _pieces(data):
            gathered.add(_decode_list(piece))
            progress(place / len(data))
            read = place
        # What is left is a file by itself.
        file = _decode_file(_without(data, read))
        gathered.add(file.events)
    head = {"baseTimeNanoseconds": file.base_ns, "distributedInfo": file.distributed}
    return _with_head(Decoded(gathered), {key: _value(raw) for key, raw in head.items()})


def decode_list(data: bytes, gathered: Gathered, progress: Progress) -> Decoded:
    """Decode Chrome's other form, a bare list of events; raises as `decode_strictly`."""
    with _no_collection():
        gathered.add(_decode_list(data))
    return Decoded(gathered)


def decode_mended(data: bytes, gathered: Gathered, progress: Progress) -> Decoded:
    """Decode a file in which the words for numbers that are none are read as empty values.

    Raises:
        ValueError: There are none, or as `decode_strictly`.
    """
    mended, count = _NOT_A_NUMBER.subn(_as_null, data)
    if not count:
        raise ValueError("nothing to mend")
    found = decode_strictly(mended, gathered, progress)
    found.notices["trace.notice.not_a_number"] = {"count": count}
    return found


def decode_piece_by_piece(data: bytes, gathered: Gathered, progress: Progress) -> Decoded:
    """Decode what is readable of any file; what is not is told in the notices.

    Raises:
        ValueError: Nothing is readable.
    """
    read = 0
    with suppress(*DAMAGE), _no_collection():
        for piece, place in _pieces(data):
            gathered.add(_decode_list(piece))
            read = place
    count = gathered.count + len(gathered.aside)
    salvage = Salvage(_without(data, read), progress, count, len(data))
    gathered.add(salvage.events())
    if not gathered.count and not gathered.aside:
        raise ValueError("no events")
    found = _with_head(Decoded(gathered), salvage.head)
    found.notices.update(salvage.notices())
    return found


def _pieces(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield lists of events of a file in Kineto's layout, and where what is left begins."""
    opened = _EVENTS.search(data)
    place = opened.end() if opened else len(data)
    while (cut := data.find(_BETWEEN, place + PIECE_BYTES)) >= 0:
        end = cut + _BRACE
        piece = b"[" + data[place:end] + b"]"
        place = end + 1
        yield piece, place


def _without(data: bytes, place: int) -> bytes:
    """Return a file without its events up to a place."""
    opened = _EVENTS.search(data) if place else None
    return data[: opened.end()] + data[place:] if opened else data


def _as_null(match: re.Match[bytes]) -> bytes:
    return match.group()[: match.start(1) - match.start()] + b"null"


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw) if bytes(raw) else None
    except DAMAGE:
        return None


def _with_head(found: Decoded, head: dict[str, Any]) -> Decoded:
    base_ns, distributed = head.get("baseTimeNanoseconds"), head.get("distributedInfo")
    rank = distributed.get("rank") if isinstance(distributed, dict) else None
    found.base_ns = base_ns if type(base_ns) is int and 0 < base_ns < 2**63 else None
    found.rank = rank if type(rank) is int and 0 <= rank < 2**31 else None
    return found


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for cycles among a million new objects, of which there are none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
