"""Prints the bytes of every workload in every mode, as the table in docs/modes.md.

Run: ``python -m benchmarks.modes``, or with the names of some workloads. Bytes are exact, so it may
run beside something else; the seconds at the end are those of a quiet machine only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pandas as pd

from profiling import catalogue
from profiling.analysis.statistics import summary
from profiling.catalogue import WORKLOADS
from profiling.engine.engine import Engine
from profiling.model.request import MODES, Request
from profiling.model.run import Run

# The size that is measured where a workload has it, or else its smallest.
_SIZE = 1024


def size_of(workload: str) -> int:
    """Return the size that a workload is measured at."""
    sizes = catalogue.workload(workload).sizes
    return _SIZE if _SIZE in sizes else min(sizes)


def measured(engine: Engine, workload: str) -> tuple[Run, dict[str, float]]:
    """Measure all branches in all modes; return the run, and the seconds of each mode."""
    entry = catalogue.workload(workload)
    branches = tuple(each for each in entry.branches if each not in entry.absent)
    request = Request(workload, branches, (size_of(workload),), MODES, device="cpu", budget_s=0.1)
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    for progress in engine.compare(request):
        if progress.is_new and progress.run is not None:
            seconds[progress.run.results[-1].cell.mode] = time.perf_counter() - start
            start = time.perf_counter()
        last = progress.run
    assert last is not None
    return last, seconds


def rows(run: Run) -> Iterator[str]:
    """Yield a line of the table for each branch."""
    table = summary(run)
    for branch in table["branch"].unique():
        of_branch = table[table["branch"] == branch].set_index("mode")
        cells = [_cell(of_branch, mode) for mode in MODES]
        compiled = of_branch.loc["compiled", "compile_s"]
        first = "" if pd.isna(compiled) else f"{compiled:.1f} s"
        yield f"| `{branch}` | {' | '.join(cells)} | {first} |"


def _cell(of_branch: pd.DataFrame, mode: str) -> str:
    row = of_branch.loc[mode]
    if pd.isna(row["peak_bytes"]):
        return str(row["message"] or row["status"]).splitlines()[0][:60]
    wrong = ";".join(
        part for part in row["gradients"].split(";") if part.split(":")[1] not in ("equal", "none")
    )
    bytes_ = f"{row['peak_bytes']:,} / {row['saved_bytes']:,}"
    return f"{bytes_}<br>{wrong}" if wrong else bytes_


def main() -> None:
    """Print a table for each workload."""
    engine = Engine("cpu")
    for workload in sys.argv[1:] or WORKLOADS:
        run, seconds = measured(engine, workload)
        print(f"\n### {workload}, {run.cells[0].size:,} {run.cells[0].unit}\n")
        print(
            "| branch | eager | compiled | autocast | first compiled step |\n|---|---|---|---|---|"
        )
        print("\n".join(rows(run)))
        said = ", ".join(f"{mode} {each:.1f} s" for mode, each in seconds.items())
        print(f"\nTook: {said}.", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
