"""Reads a trace file into arrays of event values, within limits, as far as the file is readable."""

from __future__ import annotations

import gc
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from profiling.model.errors import InputError

# Stands for "the event has no such value" until the columns are built, which then are empty there.
ABSENT = -(2**63)
NO_ADDRESS = 2**64 - 1
NO_TEXT = msgspec.Raw()

_Integer = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]
METADATA = "M"
FLOWS = ("s", "t", "f")

_TIMES = attrgetter("ts", "dur")
MEMORY_FIELDS = ("bytes_", "device_type", "device_id", "allocated_bytes", "reserved_bytes")
DEVICE_FIELDS = ("stream", "device", "copied_bytes")
_MEMORY = attrgetter(*MEMORY_FIELDS)
_DEVICE = attrgetter(*DEVICE_FIELDS)
_IDS = attrgetter("external_id", "correlation")

Array = npt.NDArray[Any]
MAX_EVENTS = 3_000_000

# Far more values than that many events have; a decoded one takes up to 60 bytes.
_MAX_VALUES = 80_000_000
_space = re.compile(r"[ \t\r\n]*").match
_space_and_commas = re.compile(r"[ \t\r\n,]*").match
_PROGRESS_EVERY = 10_000
# Of a number with more digits only the size matters, which is too much.
_MAX_DIGITS = 20
Progress = Callable[[float], None]
MAX_UNPACKED_BYTES = 2**30
# An event has one or two; this bounds what decoding may take.
MAX_OBJECTS = 8_000_000

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 31
_CHUNK_BYTES = 2**18
# How much may come out of one chunk at a time, so that a small file cannot fill the memory.
_STEP_BYTES = 2**24


class Arguments(msgspec.Struct, gc=False, frozen=True):
    """The ``args`` of an event, as far as they are used."""

    bytes_: _Integer | None = msgspec.field(default=ABSENT, name="Bytes")
    address: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(
        default=NO_ADDRESS, name="Addr"
    )
    device_type: _Integer | None = msgspec.field(default=ABSENT, name="Device Type")
    device_id: _Integer | None = msgspec.field(default=ABSENT, name="Device Id")
    allocated_bytes: _Integer | None = msgspec.field(default=ABSENT, name="Total Allocated")
    reserved_bytes: _Integer | None = msgspec.field(default=ABSENT, name="Total Reserved")
    external_id: _Integer | None = msgspec.field(default=ABSENT, name="External id")
    correlation: _Integer | None = ABSENT
    stream: _Integer | None = ABSENT
    device: _Integer | None = ABSENT
    copied_bytes: _Integer | None = msgspec.field(default=ABSENT, name="bytes")
    shapes: msgspec.Raw = msgspec.field(default=NO_TEXT, name="Input Dims")
    stack: str | None = msgspec.field(default=None, name="Call stack")
    # Of metadata events.
    label: msgspec.Raw = msgspec.field(default=NO_TEXT, name="name")


NO_ARGUMENTS = Arguments()
_NAN = float("nan")


class Event(msgspec.Struct, gc=False):
    """One event of the file; other fields are skipped while decoding."""

    ph: str = ""
    name: str = ""
    cat: str | None = None
    pid: int | str | None = None
    tid: int | str | None = None
    ts: float | None = _NAN
    dur: float | None = _NAN
    id: int | str | None = None
    args: Arguments | None = NO_ARGUMENTS


class Gathered:
    """The events of a trace, by column.

    Events are taken in pieces and can be forgotten afterwards: a piece's objects fit into the
    processor's cache, and those of a whole trace take several times the memory of the file.

    Attributes:
        count: Rows so far.
        aside: Events that are no rows.
    """

    def __init__(self, aside: Iterable[str] = (METADATA, *FLOWS)) -> None:
        """Start without rows; events of the given phases will be none."""
        self.count = 0
        self.aside: list[Event] = []
        self._phases_aside = frozenset(aside)
        self._parts: defaultdict[str, list[Array]] = defaultdict(list)
        self._numbers: defaultdict[str, defaultdict[Any, int]] = defaultdict(_numbering)
        # So that every column is there, with its type.
        self.add(())

    def add(self, events: Sequence[Event]) -> None:
        """Take some more events.

        Raises:
            OverflowError: A number does not fit into 64 bits.
        """
        aside = self._phases_aside
        rows = [event for event in events if event.ph not in aside]
        args = [event.args or NO_ARGUMENTS for event in rows]
        # First, since of all numbers only an address may be too large.
        self._add_memory(args)
        if len(rows) < len(events):
            self.aside += [event for event in events if event.ph in aside]
        self._keep("times", _flat(_TIMES, rows, 2, float("nan")))
        self._number("name", [event.name for event in rows])
        self._number("category", [event.cat for event in rows])
        self._number("phase", [event.ph for event in rows])
        self._number("process", [event.pid for event in rows])
        self._number("thread", [event.tid for event in rows])
        self._number("stack", [each.stack for each in args])
        shapes = [None if each.shapes is NO_TEXT else bytes(each.shapes) for each in args]
        self._number("shapes", shapes)
        self._keep("ids", _flat(_IDS, args, 2, ABSENT))
        self._add_device(args)
        self.count += len(rows)

    def array(self, name: str) -> Array:
        """Return an array that was gathered."""
        return np.concatenate(self._parts[name])

    def texts(self, name: str) -> tuple[Array, list[Any]]:
        """Return the number of each event's text, and the different ones in order of these."""
        return self.array(name), list(self._numbers[name])

    def _add_memory(self, args: list[Arguments]) -> None:
        # By identity, which is what costs least: few rows have any of them.
        places = [
            place
            for place, each in enumerate(args)
            if each.bytes_ is not ABSENT or each.address is not NO_ADDRESS
        ]
        mine = [args[place] for place in places]
        addresses = [NO_ADDRESS if each.address is None else each.address for each in mine]
        self._keep("address", np.array(addresses, "uint64"))
        self._keep("memory_places", np.array(places, "int64") + self.count)
        self._keep("memory", _flat(_MEMORY, mine, len(MEMORY_FIELDS), ABSENT))

    def _add_device(self, args: list[Arguments]) -> None:
        places = [
            place
            for place, each in enumerate(args)
            if each.stream is not ABSENT
            or each.device is not ABSENT
            or each.copied_bytes is not ABSENT
        ]
        mine = [args[place] for place in places]
        self._keep("device_places", np.array(places, "int64") + self.count)
        self._keep("device", _flat(_DEVICE, mine, len(DEVICE_FIELDS), ABSENT))

    def _keep(self, name: str, values: Array) -> None:
        self._parts[name].append(values)

    def _number(self, name: str, values: list[Any]) -> None:
        numbers = self._numbers[name]
        self._keep(name, np.fromiter(map(numbers.__getitem__, values), "int32", len(values)))


def _numbering() -> defaultdict[Any, int]:
    """Return a mapping that gives each new key the next number."""
    numbers: defaultdict[Any, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    return numbers


def _flat(get: Callable[[Any], Any], found: list[Any], width: int, absent: float) -> Array:
    """Return several fields as an array: all of an event at once, as they lie in memory."""
    dtype = "float64" if isinstance(absent, float) else "int64"
    try:
        values = np.fromiter(chain.from_iterable(map(get, found)), dtype, width * len(found))
    except TypeError:  # a null
        known = [[absent if value is None else value for value in get(each)] for each in found]
        values = np.array(known, dtype)
    return values.reshape(-1, width)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float("inf")


_decode_value = json.JSONDecoder(parse_int=_integer, strict=False).raw_decode
_decode_event = msgspec.json.Decoder(Event).decode


class Salvage:
    """Reads one file.

    Attributes:
        head: The values beside the events, by name.
    """

    def __init__(
        self, data: bytes, progress: Callable[[float], None], count: int, length: int
    ) -> None:
        """Take what is left of a file.

        Args:
            data: Its content, without the events that have been read already.
            progress: Is told the share that has been read.
            count: Number of the events that have been read already.
            length: Of the whole file.

        Raises:
            ValueError: There are too many values in it.
        """
        if data.count(b",") > _MAX_VALUES:
            raise ValueError("too many values")
        self.head: dict[str, Any] = {}
        self._progress = progress
        self._count = count
        self._length = length
        self._text = data.decode("utf-8", errors="replace")
        self._has_odd_text = "\N{REPLACEMENT CHARACTER}" in self._text
        self._place = 0
        self._end = len(self._text)
        self._fault: int | None = None
        self._is_too_many = False
        self._others = 0
        self._lost_values = 0
        self._events: list[Event] = []

    def events(self) -> list[Event]:
        """Return the events up to the first fault."""
        self._skip(_space)
        try:
            if self._next() == "[":
                self._read_events()
            elif self._next() == "{":
                self._read_file()
        # Too deep a nesting is a fault of the file as well.
        except (ValueError, RecursionError):
            self._fault = self._place
        return self._events

    def notices(self) -> dict[str, dict[str, int]]:
        """Return what was not readable, by locale key."""
        count = self._count + len(self._events)
        found: dict[str, dict[str, int]] = {}
        if self._fault is not None:
            unread = self._end - self._fault
            share = 100 * max(self._length - unread, 0) // max(self._length, 1)
            found["trace.notice.cut"] = {"count": count, "share": share}
        if self._is_too_many:
            found["trace.notice.too_many"] = {"count": count}
        if self._others:
            found["trace.notice.no_events"] = {"count": self._others}
        if self._lost_values:
            found["trace.notice.values"] = {"count": self._lost_values}
        if self._has_odd_text:
            found["trace.notice.text"] = {}
        return found

    def _read_file(self) -> None:
        """Read the outer object, whatever the order of its members."""
        self._place += 1
        while not self._is_too_many and self._skip_to_item("}"):
            name = self._value()
            self._skip(_space)
            if not isinstance(name, str) or self._next() != ":":
                raise ValueError("no member")
            self._place += 1
            self._skip(_space)
            if name == "traceEvents" and self._next() == "[":
                self._read_events()
            else:
                self.head[name] = self._value()

    def _read_events(self) -> None:
        self._place += 1
        while self._skip_to_item("]"):
            if len(self._events) + self._others >= MAX_EVENTS:
                self._is_too_many = True
                return
            start = self._place
            found = self._value()
            if isinstance(found, dict):
                self._events.append(self._event(found, start))
            else:
                self._others += 1
            if len(self._events) % _PROGRESS_EVERY == 0:
                self._progress(self._place / self._end)

    def _event(self, found: dict[str, Any], start: int) -> Event:
        try:
            event = _decode_event(self._text[start : self._place])
            if event.args is None or (event.args.address or 0) <= NO_ADDRESS:
                return event
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
        args = found.get("args")
        own = dict(_values(Event, found | {"args": None}, self._lose))
        if isinstance(args, dict):
            return Event(**own | {"args": Arguments(**dict(_values(Arguments, args, self._lose)))})
        self._lost_values += args is not None
        return Event(**own | {"args": NO_ARGUMENTS})

    def _lose(self) -> None:
        self._lost_values += 1

    def _value(self) -> Any:
        value, self._place = _decode_value(self._text, self._place)
        return value

    def _skip_to_item(self, closing: str) -> bool:
        """Go to the next item of an object or array; False after its last one.

        Raises:
            ValueError: The text ends.
        """
        self._skip(_space_and_commas)
        if self._place == self._end:
            raise ValueError("cut")
        if self._next() != closing:
            return True
        self._place += 1
        return False

    def _skip(self, match: Callable[[str, int], re.Match[str] | None]) -> None:
        found = match(self._text, self._place)
        self._place = found.end() if found else self._place

    def _next(self) -> str:
        return self._text[self._place : self._place + 1]


def _values(
    kind: type[msgspec.Struct], found: dict[str, Any], lose: Callable[[], None]
) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record that can be read; the others keep their defaults."""
    for each in msgspec.structs.fields(kind):
        value = found.get(each.encode_name)
        if value is None:
            continue
        try:
            if each.type is msgspec.Raw:
                yield each.name, msgspec.Raw(msgspec.json.encode(value))
            else:
                converted = msgspec.convert(value, each.type, strict=False)
                if isinstance(converted, int) and converted > NO_ADDRESS:
                    raise ValueError("too large")
                yield each.name, _writable(converted)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            lose()


def _writable(value: Any) -> Any:
    """Replace halves of characters, which JSON can spell but no file can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


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


def unpack(path: Path) -> tuple[bytes, bool]:
    """Read a file, and unpack it if it is gzipped, whatever its name.

    Returns:
        The bytes, and whether they are all that was packed: of a gzip stream that is cut or
        damaged, what comes before the fault is returned.

    Raises:
        InputError: The file is too large, or becomes so.
    """
    if path.stat().st_size > MAX_UNPACKED_BYTES:
        raise _too_large(path)
    data = path.read_bytes()
    is_whole = True
    if data[:2] == _GZIP_MAGIC:
        data, is_whole = _inflate(data, path)
    if _objects(data) > MAX_OBJECTS:
        raise _too_large(path)
    return data, is_whole


def _objects(data: bytes) -> int:
    """Count the opening braces, block by block so that each stays in the processor's cache."""
    found = np.frombuffer(data, "uint8")
    blocks = range(0, len(found), _CHUNK_BYTES)
    return sum(int(np.sum(found[at : at + _CHUNK_BYTES] == ord("{"))) for at in blocks)


def _too_large(path: Path) -> InputError:
    high = MAX_UNPACKED_BYTES // 2**20
    return InputError("error.trace_too_large", file=path.name, high=high)


def _inflate(data: bytes, path: Path) -> tuple[bytes, bool]:
    """Unpack all members of a gzip file, up to a fault."""
    parts: list[bytes] = []
    left = MAX_UNPACKED_BYTES
    stream = zlib.decompressobj(_GZIP_BITS)
    position = 0
    rest = b""
    while rest or position < len(data):
        if not rest:
            rest = data[position : position + _CHUNK_BYTES]
            position += len(rest)
        before = stream.copy()
        try:
            parts.append(stream.decompress(rest, _STEP_BYTES))
        except zlib.error:
            parts.append(_up_to_fault(before, rest))
            return b"".join(parts), False
        left -= len(parts[-1])
        if left < 0:
            raise _too_large(path)
        rest = stream.unconsumed_tail
        if stream.eof:
            rest = stream.unused_data
            if not (rest + data[position : position + 1]).startswith(_GZIP_MAGIC[:1]):
                return b"".join(parts), True
            stream = zlib.decompressobj(_GZIP_BITS)
    parts.append(stream.flush())
    return b"".join(parts), False


def _up_to_fault(stream: zlib._Decompress, chunk: bytes) -> bytes:
    """Unpack byte by byte, since a chunk with a fault gives nothing at once."""
    found = bytearray()
    try:
        for place in range(len(chunk)):
            found += stream.decompress(chunk[place : place + 1], _STEP_BYTES)
    except zlib.error:
        pass
    return bytes(found)
