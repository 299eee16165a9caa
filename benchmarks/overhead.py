"""Prints what a comparison costs beside the steps it times.

Run: ``python -m benchmarks.overhead``
"""

from __future__ import annotations

import time

from demos import catalogue
from demos.workloads import WORKLOADS
from profiling import tables
from profiling.engine.engine import Engine
from profiling.records import Request, Run


def compare(engine: Engine, workload: str) -> tuple[Run, float]:
    """Run a workload's default comparison and return it with its wall time in seconds."""
    entry = catalogue.workload(workload)
    request = Request(workload, entry.branches, entry.sizes)
    start = time.perf_counter()
    *_, last = engine.compare(request)
    assert last.run is not None
    return last.run, time.perf_counter() - start


def main() -> None:
    """Print, for every workload, wall time over the sum of the timed steps."""
    engine = Engine("cpu")
    engine.environment()
    for workload in WORKLOADS:
        run, wall_s = compare(engine, workload)
        samples = tables.samples(run)
        timed_s = samples.loc[samples["metric"] == "time", "value"].sum()
        print(f"{workload}: {wall_s:.1f} s wall / {timed_s:.1f} s timed = {wall_s / timed_s:.2f}")
    engine.close()


if __name__ == "__main__":
    main()
