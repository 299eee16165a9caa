"""The traces that visitors have opened: kept here, named on the page by a key only."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from demos.tabs.trace.opened import Opened
from profiling.errors import InputError

# A table takes about 0.4 kB an event (406 bytes in a generated trace); its layout comes on top.
MAX_HELD_EVENTS = 5_000_000
MAX_HELD_TRACES = 40


class Shelf:
    """Holds opened traces, the ones used last, up to a limit over all visitors."""

    def __init__(
        self, max_events: int = MAX_HELD_EVENTS, max_traces: int = MAX_HELD_TRACES
    ) -> None:
        """Begin with none.

        Args:
            max_events: Events of all traces together; the newest trace is kept whatever it has.
            max_traces: How many traces are kept.
        """
        self._max_events = max_events
        self._max_traces = max_traces
        self._held: OrderedDict[str, Opened] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, opened: Opened) -> str:
        """Keep a trace and return its key; those not used for longest make room for it."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._held[key] = opened
            while len(self._held) > 1 and self._is_over():
                self._held.popitem(last=False)
        return key

    def get(self, key: str | None) -> Opened:
        """Return a trace.

        Raises:
            InputError: None was opened, or it had to make room.
        """
        if key is None:
            raise InputError("error.trace_none")
        with self._lock:
            if key not in self._held:
                raise InputError("error.trace_gone")
            self._held.move_to_end(key)
            return self._held[key]

    def drop(self, key: str | None) -> None:
        """Let go of a trace, if it is there."""
        with self._lock:
            self._held.pop(key or "", None)

    def _is_over(self) -> bool:
        events = sum(len(opened.events) for opened in self._held.values())
        return events > self._max_events or len(self._held) > self._max_traces
