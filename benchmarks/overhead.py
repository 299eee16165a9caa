"""Prints what a comparison costs beside the steps it times.

Run: ``python -m benchmarks.overhead``, or with the names of some workloads.
"""

from __future__ import annotations

import sys
import time

from demos import catalogue
from demos.workloads import WORKLOADS
from profiling.engine.engine import Engine
from profiling.records import CellResult, Request, Run


def compare(engine: Engine, workload: str) -> tuple[Run, float]:
    """Run a workload's default comparison and return it with its wall time in seconds."""
    entry = catalogue.workload(workload)
    request = Request(workload, entry.branches, entry.sizes)
    start = time.perf_counter()
    *_, last = engine.compare(request)
    assert last.run is not None
    return last.run, time.perf_counter() - start


def timed_seconds(finished: CellResult) -> float:
    """Return the seconds that a cell's time samples took."""
    samples = [sample for result in finished.results for sample in result.samples]
    seconds = sum(sample.value or 0.0 for sample in samples if sample.metric == "time")
    return seconds * (finished.loops or 1)


def main() -> None:
    """Print, for every workload asked for, wall time over the sum of the timed steps."""
    engine = Engine("cpu")
    engine.environment()
    for workload in sys.argv[1:] or WORKLOADS:
        run, wall_s = compare(engine, workload)
        timed_s = sum(map(timed_seconds, run.results))
        print(f"{workload}: {wall_s:.1f} s wall / {timed_s:.1f} s timed = {wall_s / timed_s:.2f}")
    engine.close()


if __name__ == "__main__":
    main()
