"""A trace that is looked at again and again, with the tables that are derived from it."""

from __future__ import annotations

import functools
from typing import NamedTuple

import pandas as pd

from profiling.traces import operators, phases, timeline
from profiling.traces.categories import DEVICE_WORK
from profiling.traces.gpu_tables import GPU_TABLES
from profiling.traces.kernel_names import short_names
from profiling.traces.table import Trace
from profiling.traces.timeline import Timeline


class OtherTrace(NamedTuple):
    """What an opened trace was compared with.

    Attributes:
        name: Name of the other trace.
        diff: The differences, as from `profiling.traces.diff.trace_diff`.
    """

    name: str
    diff: pd.DataFrame


class OpenTrace:
    """An opened trace, with the tables derived from it.

    Attributes:
        trace: The trace.
        events: Its table.
        other: The last comparison with another trace; None if there is none.
    """

    def __init__(self, trace: Trace) -> None:
        """Wrap a trace."""
        self.trace = trace
        self.events: pd.DataFrame = trace.events
        self.other: OtherTrace | None = None
        self._operators: dict[str, pd.DataFrame] = {}
        self._gpu: dict[str, pd.DataFrame] = {}

    def operators(self, by: str) -> pd.DataFrame:
        """Return `profiling.traces.operators.operator_groups`."""
        if by not in self._operators:
            self._operators[by] = operators.operator_groups(self.events, by)
        return self._operators[by]

    def gpu(self, name: str) -> pd.DataFrame:
        """Return a table of `profiling.traces.gpu_tables.GPU_TABLES`."""
        if name not in self._gpu:
            self._gpu[name] = GPU_TABLES[name](self.events)
        return self._gpu[name]

    @property
    def kernels(self) -> pd.DataFrame:
        """`profiling.traces.kernel_table.kernel_table`."""
        return self.gpu("kernels")

    @functools.cached_property
    def is_of_gpu(self) -> bool:
        """Whether any work of a device is in the trace."""
        return bool(self.events["category"].isin(DEVICE_WORK).any())

    @functools.cached_property
    def short(self) -> dict[str, str]:
        """Short names of the work of devices."""
        is_work = self.events["category"].isin(DEVICE_WORK)
        return short_names(self.events.loc[is_work, "name"].dropna().unique())

    @functools.cached_property
    def devices(self) -> pd.DataFrame:
        """`profiling.traces.operators.devices`."""
        return operators.devices(self.events)

    @functools.cached_property
    def phases(self) -> pd.DataFrame:
        """`profiling.traces.phases.training_phases`."""
        return phases.training_phases(self.events)

    @functools.cached_property
    def steps(self) -> pd.DataFrame:
        """`profiling.traces.phases.steps`."""
        return phases.steps(self.events)

    @functools.cached_property
    def timeline(self) -> Timeline:
        """`profiling.traces.timeline.timeline`."""
        trace = self.trace
        return timeline.timeline(trace.events, trace.process_names, trace.thread_names)

    @functools.cached_property
    def end_s(self) -> float:
        """End of the last event, in seconds from the start of the first."""
        return timeline.end_s(self.events)
