"""The traces that visitors have opened: kept here, named on the page by a key only."""

from __future__ import annotations

import functools
import secrets
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from profiling.model.errors import InputError
from profiling.traces import operators as kernels
from profiling.traces import phases
from profiling.traces import timeline as lanes
from profiling.traces import timeline as window
from profiling.traces.operators import operator_groups
from profiling.traces.table import Trace

# A table takes about 0.4 kB an event (406 bytes in a generated trace); its layout comes on top.
MAX_HELD_EVENTS = 5_000_000
MAX_HELD_TRACES = 40


class Beside(NamedTuple):
    """Another trace that was laid beside the opened one: its name, and what differs."""

    name: str
    diff: pd.DataFrame


class Opened:
    """A trace, under the name that the visitor knows.

    Attributes:
        name: A file's name or a branch, as it came.
        trace: The trace.
        events: Its table.
        beside: What was laid beside it last.
    """

    def __init__(self, name: str, trace: Trace) -> None:
        """Take a trace."""
        self.name = name
        self.trace = trace
        self.events: pd.DataFrame = trace.events
        self.beside: Beside | None = None
        self._folder: Path | None = None
        self._operators: dict[str, pd.DataFrame] = {}

    @functools.cached_property
    def timeline(self) -> lanes.Timeline:
        """All events with a duration, laid out."""
        trace = self.trace
        return lanes.timeline(trace.events, trace.process_names, trace.thread_names)

    def folder_in(self, parent: Path) -> Path:
        """Return a folder for files of this trace, which goes when the trace does."""
        if self._folder is None or not self._folder.exists():
            self._folder = Path(tempfile.mkdtemp(prefix="trace-", dir=parent))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def operators(self, by: str) -> pd.DataFrame:
        """All operators, grouped as by `profiling.traces.operators.operator_groups`."""
        if by not in self._operators:
            self._operators[by] = operator_groups(self.events, by)
        return self._operators[by]

    @functools.cached_property
    def kernels(self) -> pd.DataFrame:
        """What ran on GPUs, by name."""
        return kernels.kernels(self.events)

    @functools.cached_property
    def devices(self) -> pd.DataFrame:
        """How busy each GPU and each of its streams was."""
        return kernels.devices(self.events)

    @functools.cached_property
    def bands(self) -> pd.DataFrame:
        """When forward, backward and optimizer ran."""
        return phases.bands(self.events)

    @functools.cached_property
    def end_s(self) -> float:
        """Where the last event ends, in seconds from the first one's start."""
        return window.end_s(self.events)


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
