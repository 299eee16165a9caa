"""Reads a trace that is damaged, cut off or has odd values: event by event, as far as it goes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from profiling.traces.raw_events import NO_ADDRESS, NO_ARGUMENTS, Arguments, Event

MAX_EVENTS = 3_000_000

# Far more values than that many events have; a decoded one takes up to 60 bytes.
_MAX_VALUES = 80_000_000
_space = re.compile(r"[ \t\r\n]*").match
_space_and_commas = re.compile(r"[ \t\r\n,]*").match
_PROGRESS_EVERY = 10_000
# Of a number with more digits only the size matters, which is too much.
_MAX_DIGITS = 20


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
