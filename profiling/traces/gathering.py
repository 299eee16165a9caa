"""Gathers the values of events, piece by piece, into arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from profiling.traces.raw_events import (
    ABSENT,
    NO_ADDRESS,
    NO_ARGUMENTS,
    NO_TEXT,
    Arguments,
    Event,
)

METADATA = "M"
FLOWS = ("s", "t", "f")

_TIMES = attrgetter("ts", "dur")
MEMORY_FIELDS = ("bytes_", "device_type", "device_id", "allocated_bytes", "reserved_bytes")
DEVICE_FIELDS = ("stream", "device", "copied_bytes")
_MEMORY = attrgetter(*MEMORY_FIELDS)
_DEVICE = attrgetter(*DEVICE_FIELDS)
_IDS = attrgetter("external_id", "correlation")

Array = npt.NDArray[Any]


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
