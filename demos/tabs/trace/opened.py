"""A trace that a visitor has opened, and what is worked out of it once."""

from __future__ import annotations

import functools
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from profiling.traces import kernels, lanes, phases, window
from profiling.traces.load import Trace
from profiling.traces.operators import operator_groups


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
