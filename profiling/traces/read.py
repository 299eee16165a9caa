"""Reads the events of a trace file: plain or gzipped, whole, cut off or damaged."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from profiling.model.errors import InputError

MAX_UNPACKED_BYTES = 2**30
# An event has one or two. This bounds the memory that decoding takes.
MAX_OBJECTS = 8_000_000
# In a part of a file that is read event by event.
MAX_EVENTS = 3_000_000
# Events are decoded in parts of this size, whose objects fit into the processor's cache.
PART_BYTES = 2**17

METADATA = "M"
FLOWS = ("s", "t", "f")

# Mark missing values until the table is built, where they are empty.
ABSENT = -(2**63)
NO_ADDRESS = 2**64 - 1
NO_TEXT = msgspec.Raw()

# Raised by msgspec, json and numpy for damaged JSON and for values that do not fit.
DAMAGE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)

Array = npt.NDArray[Any]
Progress = Callable[[float], None]

_GZIP_MAGIC = b"\x1f\x8b"
_STEP_BYTES = 2**20
# Read at once from a gzip stream: what a fault in it may cost.
_PACKED_BYTES = 512

_LIST = re.compile(rb"\s*\[")
_EVENTS = re.compile(rb'"traceEvents"\s*:\s*\[')
# Never inside a string, where quotes are escaped.
_BETWEEN_EVENTS = re.compile(rb'(\})\s*,\s*(?=\{\s*"ph"\s*:)')
# Kineto writes nan and inf, which JSON does not have. The closing quote of a key comes before.
_NOT_A_NUMBER = re.compile(rb'(?<!\\)("\s*:\s*)-?(?:nan|inf|NaN|Infinity)(?=\s*[,}])')
_EVENT_START = re.compile(r'\{\s*"ph"\s*:')
_SEPARATORS = re.compile(r"[\s,]*")
# Far more than `MAX_EVENTS` events have. A decoded value takes up to 60 bytes.
_MAX_VALUES = 80_000_000
# Objects of a file that are tried as the next event after a fault.
_MAX_TRIES = 100_000
_PROGRESS_EVERY = 10_000
# Longer integers fit into no column; converting them takes quadratic time.
_MAX_DIGITS = 25
_Integer = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]


class Arguments(msgspec.Struct, gc=False, frozen=True):
    """The ``args`` of an event that are used."""

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
    # In metadata events.
    label: msgspec.Raw = msgspec.field(default=NO_TEXT, name="name")


_NO_ARGUMENTS = Arguments()
_NAN = float("nan")


class Event(msgspec.Struct, gc=False):
    """One event of the file; its other fields are skipped."""

    ph: str = ""
    name: str = ""
    cat: str | None = None
    pid: int | str | None = None
    tid: int | str | None = None
    ts: float | None = _NAN
    dur: float | None = _NAN
    id: int | str | None = None
    args: Arguments | None = _NO_ARGUMENTS


class _File(msgspec.Struct, gc=False):
    events: list[Event] = msgspec.field(name="traceEvents")
    base_ns: msgspec.Raw = msgspec.field(default=NO_TEXT, name="baseTimeNanoseconds")
    distributed: msgspec.Raw = msgspec.field(default=NO_TEXT, name="distributedInfo")


_decode_any = msgspec.json.Decoder(_File | list[Event]).decode
# Numbers may be written as texts.
_decode_fields = msgspec.json.Decoder(Event, strict=False).decode


def _integer(digits: str) -> int:
    """Return the integer, or its first digits where these alone are too large for any column."""
    return int(digits[:_MAX_DIGITS])


# Unlike msgspec, json accepts control characters and tells where a value ends.
_decode_value = json.JSONDecoder(parse_int=_integer, strict=False).raw_decode

MEMORY_FIELDS = ("bytes_", "device_type", "device_id", "allocated_bytes", "reserved_bytes")
DEVICE_FIELDS = ("stream", "device", "copied_bytes")
_TIMES = attrgetter("ts", "dur")
_MEMORY = attrgetter(*MEMORY_FIELDS)
_DEVICE = attrgetter(*DEVICE_FIELDS)
_IDS = attrgetter("external_id", "correlation")


class EventColumns:
    """The events of a trace as one array a field.

    The objects of all events would take several times the memory of the file, so they are added
    part by part and not kept.

    Attributes:
        count: Number of rows.
        aside: Events that are not rows.
    """

    def __init__(self, aside: Iterable[str] = (METADATA, *FLOWS)) -> None:
        """Start without rows.

        Args:
            aside: Phases of the events that are kept in `aside` instead.
        """
        self.count = 0
        self.aside: list[Event] = []
        self._phases_aside = frozenset(aside)
        self._parts: defaultdict[str, list[Array]] = defaultdict(list)
        self._numbers: defaultdict[str, defaultdict[Any, int]] = defaultdict(_numbering)
        # Every column exists from now on, with its type.
        self.add(())

    def add(self, events: Sequence[Event]) -> None:
        """Add events.

        Raises:
            OverflowError: A number does not fit into 64 bits; nothing was added.
        """
        aside = self._phases_aside
        rows = [event for event in events if event.ph not in aside]
        args = [event.args or _NO_ARGUMENTS for event in rows]
        # First, because only an address can be too large.
        self._add_memory(args)
        if len(rows) < len(events):
            self.aside += [event for event in events if event.ph in aside]
        self._keep("times", _flat(_TIMES, rows, 2, _NAN))
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
        """Return a column."""
        return np.concatenate(self._parts[name])

    def texts(self, name: str) -> tuple[Array, list[Any]]:
        """Return a code for each row, and the distinct texts that the codes stand for."""
        return self.array(name), list(self._numbers[name])

    def _add_memory(self, args: list[Arguments]) -> None:
        # Few rows have any of them, and comparing by identity is the fastest.
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
    """Return a mapping that numbers its keys in order of first use."""
    numbers: defaultdict[Any, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    return numbers


def _flat(get: Callable[[Any], Any], found: list[Any], width: int, absent: float) -> Array:
    """Return several fields as an array of one row an event."""
    dtype = "float64" if isinstance(absent, float) else "int64"
    try:
        values = np.fromiter(chain.from_iterable(map(get, found)), dtype, width * len(found))
    except TypeError:  # There is a null.
        known = [[absent if value is None else value for value in get(each)] for each in found]
        values = np.array(known, dtype)
    return values.reshape(-1, width)


@dataclass
class RawTrace:
    """The readable part of a file.

    Attributes:
        columns: Its events.
        base_ns: Nanoseconds since 1970 that times count from; None if unknown.
        rank: Rank of the process in distributed training; None if unknown.
        notices: What could not be read: locale keys with their values.
    """

    columns: EventColumns
    base_ns: int | None
    rank: int | None
    notices: dict[str, dict[str, int]]


def read_strictly(path: Path) -> EventColumns:
    """Return the events of a file in the form that torch writes.

    All events but metadata are rows.

    Raises:
        InputError: The file is too large.
        ValueError: It is damaged or has another form. Other errors in `DAMAGE` mean the same.
    """
    data, is_whole = _unpacked(path)
    if not is_whole or _LIST.match(data):
        raise ValueError("cut off, or a bare list")
    columns = EventColumns({METADATA})
    for head, rest, _ in _parts(data):
        columns.add(_decoded(head + rest).events)
    return columns


def read_leniently(path: Path, progress: Progress) -> RawTrace:
    """Return all that is readable of a file from any tool.

    It may be cut off or damaged, a bare list of events, and have values of other types. After an
    unreadable event, reading goes on with the next one.

    Args:
        path: The file.
        progress: Called with the share that was read, from 0 to 1.

    Raises:
        InputError: The file is too large.
        ValueError: It has no list of events. Other errors in `DAMAGE` mean the same.
    """
    data, is_whole = _unpacked(path)
    salvage = _Salvage(len(data), progress)
    file = _File([])
    for head, rest, left in _parts(data):
        file = salvage.read(head, rest)
        salvage.tell(left)
    notices = salvage.notices()
    if not is_whole:
        notices["trace.notice.packed"] = {"count": salvage.count}
    base_ns, distributed = _value(file.base_ns), _value(file.distributed)
    rank = distributed.get("rank") if isinstance(distributed, dict) else None
    return RawTrace(
        columns=salvage.columns,
        base_ns=base_ns if type(base_ns) is int and 0 < base_ns < 2**63 else None,
        rank=rank if type(rank) is int and 0 <= rank < 2**31 else None,
        notices=notices,
    )


class _Salvage:
    """Reads the parts of a file at once or, where one is damaged, event by event."""

    def __init__(self, length: int, progress: Progress) -> None:
        self.columns = EventColumns()
        self._length = length
        self._progress = progress
        self._tries = _MAX_TRIES
        self._lost: defaultdict[str, int] = defaultdict(int)
        self._unread: int | None = None
        self._is_too_many = False
        self._has_odd_text = False

    @property
    def count(self) -> int:
        """Number of events read so far."""
        return self.columns.count + len(self.columns.aside)

    def tell(self, left: int) -> None:
        """Report progress, given the number of bytes left."""
        self._progress(1 - left / self._length)

    def notices(self) -> dict[str, dict[str, int]]:
        """Return what could not be read, by locale key."""
        found: dict[str, dict[str, int]] = {}
        if self._unread is not None:
            share = 100 * max(self._length - self._unread, 0) // self._length
            found["cut"] = {"count": self.count, "share": share}
        if self._is_too_many:
            found["too_many"] = {"count": self.count}
        found |= {key: {"count": count} for key, count in self._lost.items()}
        if self._has_odd_text:
            found["text"] = {}
        return {f"trace.notice.{key}": values for key, values in found.items()}

    def read(self, head: bytes, rest: bytes) -> _File:
        """Add a part's events, and return the values beside them.

        Args:
            head: The part up to its events.
            rest: The part from its events on.
        """
        with suppress(*DAMAGE):
            return self._added(_decoded(head + rest))
        head, in_head = _NOT_A_NUMBER.subn(rb"\1null", head)
        rest, in_rest = _NOT_A_NUMBER.subn(rb"\1null", rest)
        if in_head or in_rest:
            self._lost["not_a_number"] += in_head + in_rest
            with suppress(*DAMAGE):
                return self._added(_decoded(head + rest))
        events, unread = self._one_by_one(rest.decode("utf-8", errors="replace"))
        self.columns.add(events)
        with suppress(*DAMAGE):
            return _decoded(head + unread.encode())
        with suppress(*DAMAGE):  # The last event is unreadable, but not what follows the list.
            file = _decoded(head + unread[unread.rfind("]") :].encode())
            self._lost["damaged"] += 1
            return file
        if not self._is_too_many:
            self._unread = len(unread)
        with suppress(*DAMAGE):
            return _decoded(head + b"]}")
        return _File([])

    def _added(self, file: _File) -> _File:
        self.columns.add(file.events)
        return file

    def _one_by_one(self, text: str) -> tuple[list[Event], str]:
        """Return the events up to the list's end or to a fault that no event follows.

        Returns:
            The events, and the text from that place on.

        Raises:
            ValueError: There are too many values.
        """
        if text.count(",") > _MAX_VALUES:
            raise ValueError("too many values")
        self._has_odd_text |= "\N{REPLACEMENT CHARACTER}" in text
        events: list[Event] = []
        place = 0
        for number in range(MAX_EVENTS):
            place = _after_separators(text, place)
            if text[place : place + 1] in ("", "]"):
                return events, text[place:]
            if number % _PROGRESS_EVERY == 0:
                self.tell(len(text) - place)
            try:
                value, end = _decode_value(text, place)
            except (ValueError, RecursionError):  # Nested too deeply counts as damaged.
                following = self._next_event(text, place)
                if following is None:
                    return events, text[place:]
                place = following
                continue
            if isinstance(value, dict):
                events.append(self._event(value, text[place:end]))
            else:
                self._lost["no_events"] += 1
            place = end
        self._is_too_many = True
        return events, ""

    def _next_event(self, text: str, place: int) -> int | None:
        """Return where the first readable event after an unreadable one at a place begins."""
        unreadable = 1
        while self._tries and (place := text.find("{", place + 1)) >= 0:
            self._tries -= 1
            try:
                if "ph" in _decode_value(text, place)[0]:
                    self._lost["damaged"] += unreadable
                    return place
            except (ValueError, RecursionError):
                unreadable += _EVENT_START.match(text, place) is not None
        return None

    def _event(self, found: dict[str, Any], text: str) -> Event:
        """Return an event without its unusable values."""
        with suppress(*DAMAGE):
            return _decode_event(text)
        args = found.pop("args", None)
        kept = self._usable(found, dict)
        if isinstance(args, dict):
            kept["args"] = self._usable(args, lambda each: {"args": each})
        elif args is not None:
            self._lost["values"] += 1
        return _decode_event(_as_json(kept))

    def _usable(self, found: dict[str, Any], event: Callable[[Any], Any]) -> dict[str, Any]:
        """Return the values that an event with nothing else can be decoded with."""
        kept = {}
        for key, value in found.items():
            try:
                _decode_event(_as_json(event({key: value})))
            except DAMAGE:
                self._lost["values"] += 1
            else:
                kept[key] = value
        return kept


def _unpacked(path: Path) -> tuple[bytes, bool]:
    """Return a file's content, decompressed if it is gzipped, whatever its name.

    Returns:
        The bytes, and whether they are complete: of a damaged gzip stream, those before the fault.

    Raises:
        InputError: There are too many bytes or objects.
    """
    high = MAX_UNPACKED_BYTES // 2**20
    too_large = InputError("error.trace_too_large", file=path.name, high=high)
    if path.stat().st_size > MAX_UNPACKED_BYTES:
        raise too_large
    data, is_whole = path.read_bytes(), True
    if data.startswith(_GZIP_MAGIC):
        unpacked = bytearray()
        with gzip.GzipFile(fileobj=_SmallReads(data)) as file:
            try:
                while step := file.read1(_STEP_BYTES):
                    unpacked += step
                    if len(unpacked) > MAX_UNPACKED_BYTES:
                        raise too_large
            except (EOFError, zlib.error, gzip.BadGzipFile):
                is_whole = False
        data = bytes(unpacked)
    if data.count(b"{") > MAX_OBJECTS:
        raise too_large
    return data, is_whole


class _SmallReads(io.BytesIO):
    """Returns few bytes a read, so that a fault in them loses little."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(_PACKED_BYTES if size is None else min(size, _PACKED_BYTES))


def _parts(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield a file in parts that can be decoded by themselves.

    Yields:
        A part up to its events, the part from its events on, and how many bytes of the file are
        left after it. The first of these is only a bracket, except in the last part, which has
        what stands beside the events too.

    Raises:
        ValueError: There is no list of events.
    """
    opened = _LIST.match(data) or _EVENTS.search(data)
    if opened is None:
        raise ValueError("no events")
    place = opened.end()
    while cut := _BETWEEN_EVENTS.search(data, place + PART_BYTES):
        yield b"[", data[place : cut.end(1)] + b"]", len(data) - cut.end()
        place = cut.end()
    yield data[: opened.end()], data[place:], 0


def _after_separators(text: str, place: int) -> int:
    found = _SEPARATORS.match(text, place)
    return place if found is None else found.end()


def _decoded(data: bytes) -> _File:
    found = _decode_any(data)
    return _File(found) if isinstance(found, list) else found


def _decode_event(data: bytes | str) -> Event:
    event = _decode_fields(data)
    if event.args is not None and (event.args.address or 0) > NO_ADDRESS:
        raise OverflowError("an address")
    return event


def _value(raw: msgspec.Raw) -> Any:
    with suppress(*DAMAGE):
        return msgspec.json.decode(raw)
    return None


def _as_json(value: Any) -> bytes:
    # JSON can spell surrogates, which UTF-8 cannot.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace")
