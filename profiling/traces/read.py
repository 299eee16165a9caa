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
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from profiling.model.errors import InputError
from profiling.traces.clock import (
    ABSENT,
    Time,
    are_rounded,
    durations,
    exactly,
    may_be_decimals,
    starts,
)
from profiling.traces.head import DAMAGE, NO_TEXT, TraceHead, Values, trace_head

MAX_UNPACKED_BYTES = 2**30
# An event has one or two. This bounds the memory that decoding takes.
MAX_OBJECTS = 8_000_000
# In a part of a file that is read event by event.
MAX_EVENTS = 3_000_000
# Events are decoded in parts of this size, whose objects fit into the processor's cache.
PART_BYTES = 2**17

METADATA = "M"
FLOWS = ("s", "t", "f")

# Marks missing values until the table is built, like `ABSENT`.
NO_ADDRESS = 2**64 - 1

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
# Objects that are tried as the next event after a fault, and after all faults of a file.
_MAX_TRIES = 100_000
_MAX_ALL_TRIES = 2_000_000
# How often, on average, a character is read in such tries, and how many are in any case.
_MOST_READINGS = 4
_FREE_CHARACTERS = 10_000_000
_PROGRESS_EVERY = 10_000
# Longer integers fit into no column; converting them takes quadratic time.
_MAX_DIGITS = 25
_Integer = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]
# Also as a text, decimal or hexadecimal, as some runtimes write it.
_Number = _Integer | str | None


class Arguments(msgspec.Struct, gc=False, frozen=True):
    """The ``args`` of an event that are used.

    They are in the order of a file, in which decoding looks for the next one.
    """

    external_id: _Number = msgspec.field(default=ABSENT, name="External id")
    sequence: _Number = msgspec.field(default=ABSENT, name="Sequence number")
    stack: str | None = msgspec.field(default=None, name="Call stack")
    shapes: msgspec.Raw = msgspec.field(default=NO_TEXT, name="Input Dims")
    reserved_bytes: _Number = msgspec.field(default=ABSENT, name="Total Reserved")
    allocated_bytes: _Number = msgspec.field(default=ABSENT, name="Total Allocated")
    bytes_: _Number = msgspec.field(default=ABSENT, name="Bytes")
    device_id: _Number = msgspec.field(default=ABSENT, name="Device Id")
    device_type: _Number = msgspec.field(default=ABSENT, name="Device Type")
    address: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(
        default=NO_ADDRESS, name="Addr"
    )
    device: _Number = ABSENT
    stream: _Number = ABSENT
    correlation: _Number = ABSENT
    registers: _Number = msgspec.field(default=ABSENT, name="registers per thread")
    shared_bytes: _Number = msgspec.field(default=ABSENT, name="shared memory")
    grid: msgspec.Raw = NO_TEXT
    block: msgspec.Raw = NO_TEXT
    occupancy_pct: float | None = msgspec.field(default=None, name="est. achieved occupancy %")
    copied_bytes: _Number = msgspec.field(default=ABSENT, name="bytes")
    # In metadata events.
    label: msgspec.Raw = msgspec.field(default=NO_TEXT, name="name")
    collective: str | None = msgspec.field(default=None, name="Collective name")
    message_elements: _Number = msgspec.field(default=ABSENT, name="In msg nelems")
    group_size: _Number = msgspec.field(default=ABSENT, name="Group size")
    dtype: str | None = None
    group: str | int | None = msgspec.field(default=None, name="Process Group Name")
    kernel_file: str | None = None
    # Of torch up to 1.11, except in operators.
    external_id_of_work: _Number = msgspec.field(default=ABSENT, name="external id")


_NO_ARGUMENTS = Arguments()
_NAN = float("nan")


class Event(msgspec.Struct, gc=False):
    """One event of the file; its other fields are skipped."""

    ph: str = ""
    cat: str | None = None
    name: str = ""
    pid: int | str | None = None
    tid: int | str | None = None
    ts: int | float | None = _NAN
    dur: float | None = _NAN
    id: int | str | None = None
    args: Arguments | None = _NO_ARGUMENTS


class _ExactEvent(Event, gc=False):
    """An event whose time has more digits than a float."""

    ts: Decimal | None = None  # type: ignore[assignment]


class _File(Values, gc=False, kw_only=True):
    events: list[Event] = msgspec.field(name="traceEvents")


class _ExactFile(_File, gc=False, kw_only=True):
    events: list[_ExactEvent] = msgspec.field(name="traceEvents")  # type: ignore[assignment]


_decode_any = msgspec.json.Decoder(_File | list[Event]).decode
_decode_any_exactly = msgspec.json.Decoder(_ExactFile | list[_ExactEvent]).decode
# Numbers may be written as texts.
_decode_fields = msgspec.json.Decoder(Event, strict=False).decode
_decode_fields_exactly = msgspec.json.Decoder(_ExactEvent, strict=False).decode


def _integer(digits: str) -> int:
    """Return the integer, or its first digits where these alone are too large for any column."""
    return int(digits[:_MAX_DIGITS])


# Unlike msgspec, json accepts control characters and tells where a value ends.
_decode_value = json.JSONDecoder(parse_int=_integer, strict=False).raw_decode


# Numbers and texts that only some events have.
RARE_NUMBERS = (
    *("stream", "device", "copied_bytes", "external_id_of_work", "sequence"),
    *("registers", "shared_bytes", "message_elements", "group_size"),
)
RARE_TEXTS = ("grid", "block", "occupancy_pct", "collective", "dtype", "group", "kernel_file")
_MEMORY_FIELDS = ("bytes_", "device_type", "device_id", "allocated_bytes", "reserved_bytes")
_NUMBERS = tuple(name for name, kind in Arguments.__annotations__.items() if kind == "_Number")
_TIMES = attrgetter("ts", "dur")
_MEMORY = attrgetter(*_MEMORY_FIELDS)
_IDS = attrgetter("external_id", "correlation")
_RARE = attrgetter(*RARE_NUMBERS)
_KIND = attrgetter("cat", "ph", "pid", "tid")
_HEXADECIMAL = re.compile(r"-?0[xX][0-9a-fA-F]{1,16}")
_DECIMAL = re.compile(r"-?[0-9]{1,19}")


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
        self._exact: list[tuple[int, list[Time]]] = []
        # Every column exists from now on, with its type.
        self.add(())

    def add(self, events: Sequence[Event]) -> bool:
        """Add events.

        Returns:
            False, and nothing was added, if times have more digits than they were read with.

        Raises:
            OverflowError: A number does not fit into 64 bits; nothing was added.
            ValueError: A text is no number; nothing was added.
        """
        aside = self._phases_aside
        rows = [event for event in events if event.ph not in aside]
        args = [event.args or _NO_ARGUMENTS for event in rows]
        times = _flat(_TIMES, rows, 2, _NAN)
        others = [event for event in events if event.ph in aside] if len(rows) < len(events) else []
        is_late = may_be_decimals(times[:, 0])
        if (is_late or not rows) and are_rounded(event.ts for event in events):
            return False
        # First, because only these can be out of range.
        found = {"ids": _flat(_IDS, args, 2, ABSENT), **self._memory(args), **self._rare(args)}
        for name, values in found.items():
            self._parts[name].append(values)
        self.aside += others
        self._parts["times"].append(times)
        if is_late:
            self._exact.append((self.count, [event.ts for event in rows]))
        self._number("name", [event.name for event in rows])
        # There are few of these combinations.
        self._number("kind", [*map(_KIND, rows)])
        self._number("stack", [each.stack for each in args])
        shapes = [None if each.shapes is NO_TEXT else bytes(each.shapes) for each in args]
        self._number("shapes", shapes)
        self.count += len(rows)
        return True

    def array(self, name: str) -> Array:
        """Return a column."""
        return np.concatenate(self._parts[name])

    def times(self) -> tuple[Array, Array]:
        """Return starts and durations in nanoseconds, as from `profiling.traces.clock`."""
        times_us, durations_us = self.array("times").T
        found = starts(times_us)
        for first, times in self._exact:
            exactly(found[first : first + len(times)], times)
        return found, durations(times_us, durations_us)

    def texts(self, name: str) -> tuple[Array, list[Any]]:
        """Return a code for each row, and the distinct values that the codes stand for.

        Args:
            name: Of a column of texts; ``"kind"`` for category, phase, process and thread together,
                ``"rare"`` for `RARE_TEXTS` together.
        """
        return self.array(name), list(self._numbers[name])

    def _memory(self, args: list[Arguments]) -> dict[str, Array]:
        # Few rows have any of them, and comparing by identity is the fastest.
        places = [
            place
            for place, each in enumerate(args)
            if each.bytes_ is not ABSENT or each.address is not NO_ADDRESS
        ]
        mine = [args[place] for place in places]
        addresses = [NO_ADDRESS if each.address is None else each.address for each in mine]
        return {
            "address": np.array(addresses, "uint64"),
            "memory_places": np.array(places, "int64") + self.count,
            "memory": _flat(_MEMORY, mine, len(_MEMORY_FIELDS), ABSENT),
        }

    def _rare(self, args: list[Arguments]) -> dict[str, Array]:
        places = [
            place
            for place, each in enumerate(args)
            # The others come with one of these, and memory events, which are many, with none.
            if each.bytes_ is ABSENT
            and (
                each.stream is not ABSENT
                or each.sequence is not ABSENT
                or each.device is not ABSENT
                or each.grid is not NO_TEXT
                or each.copied_bytes is not ABSENT
                or each.collective is not None
                or each.kernel_file is not None
                or each.external_id_of_work is not ABSENT
            )
        ]
        mine = [args[place] for place in places]
        numbers = _flat(_RARE, mine, len(RARE_NUMBERS), ABSENT)
        code = self._numbers["rare"]
        # In the order of `RARE_TEXTS`.
        codes = [
            code[
                bytes(each.grid),
                bytes(each.block),
                each.occupancy_pct,
                each.collective,
                each.dtype,
                each.group,
                each.kernel_file,
            ]
            for each in mine
        ]
        return {
            "rare places": np.array(places, "int64") + self.count,
            "rare numbers": numbers,
            "rare": np.array(codes, "int32"),
        }

    def _number(self, name: str, values: list[Any]) -> None:
        numbers = self._numbers[name]
        self._parts[name].append(
            np.fromiter(map(numbers.__getitem__, values), "int32", len(values))
        )


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
    except (TypeError, ValueError):  # There is a null, or a text.
        known = [
            [absent if value is None else _as_number(value) for value in get(each)]
            for each in found
        ]
        values = np.array(known, dtype)
    return values.reshape(-1, width)


def _as_number(value: Any) -> Any:
    """Return a number, written as a text or not.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str):
        return value
    if _HEXADECIMAL.fullmatch(value):
        return int(value, 16)
    if _DECIMAL.fullmatch(value):
        return int(value)
    raise ValueError("no number")


@dataclass
class RawTrace:
    """The readable part of a file.

    Attributes:
        columns: Its events.
        head: What it says beside them.
        notices: What could not be read: locale keys with their values.
    """

    columns: EventColumns
    head: TraceHead
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
    for part, _, _ in _parts(data):
        _add_all(columns, part)
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
    file = _File(events=[])
    for part, begin, left in _parts(data):
        file = salvage.read(part, begin)
        salvage.tell(left)
    notices = salvage.notices()
    if not is_whole:
        notices["trace.notice.packed"] = {"count": salvage.count}
    return RawTrace(salvage.columns, trace_head(file), notices)


class _Salvage:
    """Reads the parts of a file at once or, where one is damaged, event by event."""

    def __init__(self, length: int, progress: Progress) -> None:
        self.columns = EventColumns()
        self._length = length
        self._progress = progress
        self._tries = _MAX_ALL_TRIES
        self._characters = _MOST_READINGS * length + _FREE_CHARACTERS
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

    def read(self, part: bytes, begin: int) -> _File:
        """Add a part's events, and return the values beside them.

        Args:
            part: Its text.
            begin: Where its events begin.
        """
        with suppress(*DAMAGE):
            return _add_all(self.columns, part)
        head, rest = part[:begin], part[begin:]
        head, in_head = _NOT_A_NUMBER.subn(rb"\1null", head)
        rest, in_rest = _NOT_A_NUMBER.subn(rb"\1null", rest)
        if in_head or in_rest:
            self._lost["not_a_number"] += in_head + in_rest
            with suppress(*DAMAGE):
                return _add_all(self.columns, head + rest)
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
        return _File(events=[])

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
        tries = min(_MAX_TRIES, self._tries)
        while (place := text.find("{", place + 1)) >= 0:
            if not tries or self._characters < 0:
                # What follows is lost as well.
                self._lost["damaged"] += sum(1 for _ in _EVENT_START.finditer(text, place))
                return None
            tries, self._tries = tries - 1, self._tries - 1
            try:
                value, end = _decode_value(text, place)
            except (ValueError, RecursionError) as error:
                unreadable += _EVENT_START.match(text, place) is not None
                end = getattr(error, "pos", place)
                # It was looked for up to the end.
                end = len(text) if "Unterminated" in str(error) else end
            else:
                if "ph" in value:
                    self._lost["damaged"] += unreadable
                    return place
            self._characters -= end - place
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


def _parts(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield a file in parts that can be decoded by themselves.

    Yields:
        A part, where its events begin in it, and how many bytes of the file are left after it. Only
        the last part has what stands beside the events.

    Raises:
        ValueError: There is no list of events.
    """
    opened = _LIST.match(data) or _EVENTS.search(data)
    if opened is None:
        raise ValueError("no events")
    view = memoryview(data)  # So that each part is copied only once.
    place = opened.end()
    while cut := _BETWEEN_EVENTS.search(data, place + PART_BYTES):
        yield b"".join((b"[", view[place : cut.end(1)], b"]")), 1, len(data) - cut.end()
        place = cut.end()
    yield b"".join((view[: opened.end()], view[place:])), opened.end(), 0


def _after_separators(text: str, place: int) -> int:
    found = _SEPARATORS.match(text, place)
    return place if found is None else found.end()


def _decoded(data: bytes, decode: Callable[[bytes], Any] = _decode_any) -> _File:
    found = decode(data)
    return _File(events=found) if isinstance(found, list) else found


def _add_all(columns: EventColumns, data: bytes) -> _File:
    """Add a part's events, and return what it has beside them."""
    file = _decoded(data)
    if not columns.add(file.events):
        file = _decoded(data, _decode_any_exactly)
        columns.add(file.events)
    return file


def _decode_event(data: bytes | str) -> Event:
    event = _decode_fields(data)
    if are_rounded([event.ts]):
        event = _decode_fields_exactly(data)
    args = event.args or _NO_ARGUMENTS
    if (args.address or 0) > NO_ADDRESS:
        raise OverflowError("an address")
    for name in _NUMBERS:
        _as_number(getattr(args, name))
    return event


def _as_json(value: Any) -> bytes:
    # JSON can spell surrogates, which UTF-8 cannot.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace")
