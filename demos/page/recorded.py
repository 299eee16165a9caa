"""The recorded run of a training step: shown until one's own is there."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

from profiling.model.run import Environment, Run
from profiling.model.words import Text
from profiling.output import saved_runs


class RecordedRun(NamedTuple):
    """A recorded run, of the machine most like this one.

    Attributes:
        run: The run; the same object each time.
        path: Its file.
        same_kind: Whether it was recorded on a machine like this one; None if this machine is
            unknown.
    """

    run: Run
    path: Path
    same_kind: bool | None


def recorded_run(workload: str, environment: Environment | None) -> RecordedRun | None:
    """Return the recorded run of a workload; None if none was recorded.

    Args:
        workload: Its name.
        environment: This machine; runs of similar machines are preferred. None if unknown.
    """
    known = saved_runs.recorded_runs()
    found = {path: load_run(path) for name, path in known.items() if name.endswith(f".{workload}")}
    if not found:
        return None
    best = max(found, key=lambda path: _similarity(found[path].environment, environment))
    alike = _similarity(found[best].environment, environment) == (True, True, True)
    return RecordedRun(found[best], best, None if environment is None else alike)


def source_words(recorded: RecordedRun, text: Text) -> str:
    """Return a sentence on the machine that the numbers are from, and whether this one is alike."""
    run = recorded.run
    device = run.environment.device(run.cells[0].device) or run.environment.devices[0]
    key = {True: "start.from.same", False: "start.from.other", None: "start.from.unknown"}
    return text(
        key[recorded.same_kind],
        device=device.name,
        threads=run.environment.threads,
        torch=run.environment.torch,
        day=run.started_utc[:10],
    )


@functools.cache
def load_run(path: Path) -> Run:
    """Return a recorded run; the same object each time."""
    return saved_runs.without_traces(saved_runs.load_run(path))


def _similarity(theirs: Environment, ours: Environment | None) -> tuple[bool, bool, bool]:
    """Return in which respects two machines are alike, the most important first."""
    if ours is None:
        return (False, False, False)
    mine, other = ours.devices[0], theirs.devices[0]
    is_alike = mine.kind == other.kind
    return (is_alike, mine.name == other.name, is_alike and ours.threads == theirs.threads)
