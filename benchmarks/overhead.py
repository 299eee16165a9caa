"""Prints what a comparison costs beside the steps it times.

Run: ``python -m benchmarks.overhead``, or with the names of some workloads.
"""

from __future__ import annotations

import sys
import time

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.engine.engine import Engine
from profiling.model.lesson import LessonRequest
from profiling.model.request import Request
from profiling.model.run import CellResult, Run


def warm_engine() -> Engine:
    """Return an engine whose worker has started and run something, as a page's has."""
    engine = Engine("cpu")
    engine.lesson(LessonRequest("baseline"))
    return engine


def compare(engine: Engine, request: Request) -> tuple[Run, float]:
    """Run a comparison and return it with its wall time in seconds."""
    start = time.perf_counter()
    *_, last = engine.compare(request)
    assert last.run is not None
    return last.run, time.perf_counter() - start


def timed_seconds(finished: CellResult) -> float:
    """Return the seconds that a cell's time samples took."""
    samples = [sample for result in finished.results for sample in result.samples]
    seconds = sum(sample.value or 0.0 for sample in samples if sample.metric == "time")
    return seconds * (finished.loops or 1)


def overhead(engine: Engine, workload: str, branches: tuple[str, ...]) -> tuple[float, float]:
    """Compare branches over a workload's own sizes; return the wall and the timed seconds."""
    request = Request(workload, branches, catalogue.workload(workload).sizes)
    run, wall_s = compare(engine, request)
    return wall_s, sum(map(timed_seconds, run.results))


def main() -> None:
    """Print, for every workload asked for, wall time over the sum of the timed steps."""
    engine = warm_engine()
    for workload in sys.argv[1:] or WORKLOADS:
        entry = catalogue.workload(workload)
        for name, branches in (("usual", entry.usual), ("all", entry.branches)):
            wall_s, timed_s = overhead(engine, workload, branches)
            said = f"{wall_s:.1f} s / {timed_s:.1f} s = {wall_s / timed_s:.2f}"
            print(f"{workload}, {name} {len(branches)} branches: {said}", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
