"""Cells that are measured but whose traces are still to be read.

Recording needs the device, reading does not: a device that is lent by the second is given back in
between.
"""

from __future__ import annotations

from msgspec.structs import replace

from profiling.model.record import Label, Record, RelativePath
from profiling.model.run import CellResult, Notice, Run


class Unread(Record, frozen=True):
    """A branch's trace as the profiler has written it.

    Attributes:
        path: Where it is, relative to the run's folder; it is not compressed.
        has_counts: Whether operators and the device's work are to be counted in it.
        memory_of: What it calls the device whose peak it tells the parts of; empty if it does not.
        predicted: Names of the operators in the step's prediction; None without one.
    """

    branch: Label
    path: RelativePath
    has_counts: bool
    memory_of: str = ""
    predicted: frozenset[str] | None = None


class Recording(Record, frozen=True):
    """A cell's result without what its traces tell.

    Attributes:
        result: The result, with no trace in it.
        unread: The traces, in the order of recording.
    """

    result: CellResult
    unread: tuple[Unread, ...] = ()

    def untraced(self, text: str) -> CellResult:
        """Return the result if the traces could not be read, with notices that say why."""
        unread = {each.branch for each in self.unread}
        results = tuple(
            replace(each, notices=(*each.notices, no_trace(each.branch, text)))
            if each.branch in unread
            else each
            for each in self.result.results
        )
        return replace(self.result, results=results)


class RecordedRun(Record, frozen=True):
    """A run whose traces are still to be read.

    Attributes:
        planned: The run, without results.
        recordings: Its cells so far.
    """

    planned: Run
    recordings: tuple[Recording, ...] = ()

    @property
    def run(self) -> Run:
        """The run so far, without what its traces tell."""
        return replace(self.planned, results=tuple(each.result for each in self.recordings))


def no_trace(branch: str, text: str) -> Notice:
    """Say why a branch has no trace: what was measured before is as good as ever."""
    return Notice("notice.trace_failed", {"branch": branch, "text": text})
