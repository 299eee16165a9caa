"""Records this machine's results into the folder that the app and the shell lay beside live ones.

Run: ``python -m benchmarks.record NAME [WORKLOAD …]``, such as ``cpu-2-cores``, on a quiet machine.
"""

from __future__ import annotations

import sys

from demos import catalogue
from demos.workloads import WORKLOADS
from profiling.engine.engine import Engine
from profiling.records import Request
from profiling.storage import RECORDED, save_run

BUDGET_S = 1.0


def main(name: str, *workloads: str) -> None:
    """Run default comparisons and write one file a workload."""
    RECORDED.mkdir(exist_ok=True)
    engine = Engine("auto")
    for workload in workloads or WORKLOADS:
        entry = catalogue.workload(workload)
        branches = tuple(branch for branch in entry.branches if branch not in entry.absent)
        *_, last = engine.compare(Request(workload, branches, entry.sizes, budget_s=BUDGET_S))
        assert last.run is not None
        path = RECORDED / f"{name}.{workload}.json.gz"
        save_run(last.run, path)
        print(f"{path.name}: {path.stat().st_size:,} bytes, {last.elapsed_s:.0f} s")
    engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
