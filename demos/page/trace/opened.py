"""Traces that visitors have opened, kept on the server; the page only has their keys."""

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
from profiling.traces import operators, phases, timeline
from profiling.traces.table import Trace
from profiling.traces.timeline import Timeline

# A table takes about 0.4 kB for each event (406 bytes in a generated trace), plus its timeline.
MAX_HELD_EVENTS = 5_000_000
MAX_HELD_TRACES = 40


class TraceDiff(NamedTuple):
    """The differences between the opened trace and another one.

    Attributes:
        other: Name of the other trace.
        table: As from `profiling.traces.diff.trace_diff`.
    """

    other: str
    table: pd.DataFrame


class OpenTrace:
    """An opened trace, with the tables derived from it.

    Attributes:
        name: Name shown to the visitor: of a file or a branch.
        trace: The trace.
        events: Its table.
        diff: The last comparison with another trace; None if there is none.
    """

    def __init__(self, name: str, trace: Trace) -> None:
        """Wrap a trace."""
        self.name = name
        self.trace = trace
        self.events: pd.DataFrame = trace.events
        self.diff: TraceDiff | None = None
        self._folder: Path | None = None
        self._operators: dict[str, pd.DataFrame] = {}

    def folder_in(self, parent: Path) -> Path:
        """Return a folder for files of this trace, which is deleted with the trace."""
        if self._folder is None or not self._folder.exists():
            self._folder = Path(tempfile.mkdtemp(prefix="trace-", dir=parent))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def operators(self, by: str) -> pd.DataFrame:
        """Return `profiling.traces.operators.operator_groups`."""
        if by not in self._operators:
            self._operators[by] = operators.operator_groups(self.events, by)
        return self._operators[by]

    @functools.cached_property
    def kernels(self) -> pd.DataFrame:
        """`profiling.traces.operators.kernels`."""
        return operators.kernels(self.events)

    @functools.cached_property
    def devices(self) -> pd.DataFrame:
        """`profiling.traces.operators.devices`."""
        return operators.devices(self.events)

    @functools.cached_property
    def phases(self) -> pd.DataFrame:
        """`profiling.traces.phases.training_phases`."""
        return phases.training_phases(self.events)

    @functools.cached_property
    def timeline(self) -> Timeline:
        """`profiling.traces.timeline.timeline`."""
        trace = self.trace
        return timeline.timeline(trace.events, trace.process_names, trace.thread_names)

    @functools.cached_property
    def end_s(self) -> float:
        """End of the last event, in seconds from the start of the first."""
        return timeline.end_s(self.events)


class OpenTraces:
    """Keeps opened traces by key; drops the least recently used ones at a limit."""

    def __init__(
        self, max_events: int = MAX_HELD_EVENTS, max_traces: int = MAX_HELD_TRACES
    ) -> None:
        """Start without traces.

        Args:
            max_events: Most events of all traces together; the newest trace is always kept.
            max_traces: Most traces.
        """
        self._max_events = max_events
        self._max_traces = max_traces
        self._held: OrderedDict[str, OpenTrace] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, opened: OpenTrace) -> str:
        """Keep a trace and return its key."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._held[key] = opened
            while len(self._held) > 1 and self._is_over():
                self._held.popitem(last=False)
        return key

    def get(self, key: str | None) -> OpenTrace:
        """Return the trace of a key.

        Raises:
            InputError: No trace was opened, or it was dropped.
        """
        if key is None:
            raise InputError("error.trace_none")
        with self._lock:
            if key not in self._held:
                raise InputError("error.trace_gone")
            self._held.move_to_end(key)
            return self._held[key]

    def remove(self, key: str | None) -> None:
        """Drop a trace, if it is kept."""
        with self._lock:
            self._held.pop(key or "", None)

    def _is_over(self) -> bool:
        events = sum(len(opened.events) for opened in self._held.values())
        return events > self._max_events or len(self._held) > self._max_traces
