"""The runs of a visitor: the displayed one, and those before it, which can be opened again."""

from __future__ import annotations

from msgspec.structs import replace

from profiling.analysis.analysis import Analyses
from profiling.engine.engine import Engine
from profiling.model.run import Run

# How many runs of a visitor are kept, with the displayed one.
MOST_RUNS = 8


class SessionRuns:
    """Which runs belong to the same visitor as a displayed run."""

    def __init__(self, analyses: Analyses) -> None:
        """Know of none yet.

        Args:
            analyses: Analyses of the runs displayed last.
        """
        self._analyses = analyses
        # By the id of a displayed run, those displayed before it, the last one at the end.
        self._before: dict[str, tuple[Run, ...]] = {}

    def supersede(self, engine: Engine, before: Run | None, run: Run) -> None:
        """Note that a visitor's displayed run is another one now; the last ones before it stay."""
        if before is None or before.id == run.id:
            return
        self._analyses.forget(before)
        # Where its files are is all that is needed of it.
        known = (*self._before.pop(before.id, ()), replace(before, results=()))
        others = [each for each in known if each.id != run.id]
        self._before[run.id] = tuple(others[-(MOST_RUNS - 1) :])
        for each in others[: -(MOST_RUNS - 1)]:
            self.delete(engine, each)

    def delete(self, engine: Engine, run: Run) -> None:
        """Forget a run and delete its files."""
        self._analyses.forget(run)
        engine.discard(run)

    def discard(self, engine: Engine, run: Run | None) -> None:
        """Delete a displayed run and those before it; their visitor is gone."""
        if run is not None:
            for each in (*self._before.pop(run.id, ()), run):
                self.delete(engine, each)
