"""Records this machine's results into the folder that the app and the shell lay beside live ones.

Run on a quiet machine, with a name for it such as ``cpu-2-cores``:
``python -m benchmarks.record NAME [WORKLOAD …]`` for runs,
``python -m benchmarks.record NAME --traces`` for traces, which other work disturbs less
with ``OMP_NUM_THREADS=1``.
``python -m benchmarks.record NAME --curves`` for memory over a step of what lessons end with.
``python -m benchmarks.record --frameworks PYTHON …`` for other frameworks: install each into an
environment of its own and name its interpreter. Frameworks that none of them has keep their record.
"""

from __future__ import annotations

import math
import shutil
import sys
from itertools import product

import msgspec
import pandas as pd
from msgspec.structs import replace

from demos.page.recorded import COMPARED, comparison_of
from profiling import catalogue
from profiling.analysis.analysis import Analysis
from profiling.catalogue import LESSONS, WORKLOADS
from profiling.catalogue.frameworks import FRAMEWORKS, SCENARIOS
from profiling.engine.engine import Engine
from profiling.engine.frameworks import RECORDED_FILE, recorded, run
from profiling.model.content import RECORDED
from profiling.model.request import Request
from profiling.model.run import DeviceInfo, Run
from profiling.output.saved_runs import (
    CURVES,
    INDEX,
    TRACES,
    RecordedCurves,
    RecordedTrace,
    StepCurve,
    curves_of,
    recorded_traces,
    save_run,
)
from profiling.traces.memory import downsample
from profiling.traces.table import load_trace
from profiling.traces.timeline import end_s

BUDGET_S = 1.0
TRACE_BUDGET_S, TRIES = 0.1, 10
# As many as a small chart can show.
CURVE_POINTS = 240
# Workload → its branches of which a trace is recorded, and the size of a batch.
TRACED = {
    "side_branch": (("detach", "clone_detach", "attached", "no_grad"), 256),
    "loss_logging": (("attached", "detach", "item"), 4),
}


def runs(name: str, *workloads: str) -> None:
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


def traces(name: str) -> None:
    """Compare the traced branches often, keep of each the trace that was disturbed least.

    The index says where they are from.
    """
    TRACES.mkdir(parents=True, exist_ok=True)
    known = recorded_traces()
    engine = Engine("auto")
    for workload, (branches, size) in TRACED.items():
        shortest: dict[str, float] = {}
        for _ in range(TRIES):
            *_, last = engine.compare(Request(workload, branches, (size,), budget_s=TRACE_BUDGET_S))
            assert last.run is not None
            for result in last.run.results[0].results:
                assert result.trace is not None
                path = engine.run_folder(last.run) / result.trace
                length_s = end_s(load_trace(path))
                if length_s >= shortest.get(result.branch, math.inf):
                    continue
                shortest[result.branch] = length_s
                about = _about(f"{name}.{workload}.{result.branch}", result.branch, last.run)
                shutil.copyfile(path, about.path)
                known[about.name] = about
        for branch in branches:
            print(f"{workload} {branch}: {shortest[branch] * 1e3:.1f} ms")
    index = msgspec.json.format(msgspec.json.encode(list(known.values())), indent=1)
    (TRACES / INDEX).write_bytes(index + b"\n")
    engine.close()


def curves(name: str) -> None:
    """Write memory over a step of the branches that lessons show, from their traces.

    Of each branch the step that was disturbed least is kept.
    """
    CURVES.mkdir(exist_ok=True)
    engine = Engine("auto")
    for workload in sorted({catalogue.lesson(each).measured for each in LESSONS} - {""}):
        asked = replace(comparison_of(workload, COMPARED).request, budget_s=TRACE_BUDGET_S)
        kept: dict[str, StepCurve] = {}
        for _ in range(TRIES):
            *_, last = engine.compare(asked)
            assert last.run is not None
            (cell,) = Analysis(last.run, engine.run_folder(last.run)).cells
            for branch, rows in cell.traced.curves.groupby("branch", sort=False):
                found = _curve(str(branch), rows)
                known = kept.get(found.branch, found)
                kept[found.branch] = min(known, found, key=lambda each: each.since_s[-1])
        path = curves_of(RECORDED / f"{name}.{workload}.json.gz")
        assert last.run is not None
        machine, device = last.run.environment, _device(last.run)
        found_here = RecordedCurves(
            device.name,
            machine.torch,
            machine.threads,
            last.run.started_utc,
            tuple(kept.values()),
        )
        path.write_bytes(msgspec.json.encode(found_here) + b"\n")
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    engine.close()


def _curve(branch: str, rows: pd.DataFrame) -> StepCurve:
    thinned = downsample(rows.reset_index(drop=True), CURVE_POINTS)
    since_s = (thinned["time_s"] - thinned["time_s"].min()).round(7)
    return StepCurve(branch, tuple(since_s), tuple(thinned["live_bytes"].astype(int)))


def other_frameworks(*pythons: str) -> None:
    """Run the scenarios in the frameworks of some interpreters, and write down what came out."""
    known = recorded() if RECORDED_FILE.exists() else ()
    found = [each for python in pythons for each in run(python)]
    kept = [each for each in known if each.framework not in {new.framework for new in found}]
    by_name = {(each.scenario, each.framework): each for each in (*kept, *found)}
    outcomes = [
        replace(by_name[asked], live=False)
        for asked in product(SCENARIOS, FRAMEWORKS)
        if asked in by_name
    ]
    data = msgspec.json.format(msgspec.json.encode(outcomes), indent=1)
    RECORDED_FILE.write_bytes(data + b"\n")
    for name, version in {each.framework: each.version for each in outcomes}.items():
        print(f"{name} {version}")


def _device(run: Run) -> DeviceInfo:
    device = run.environment.device(run.cells[0].device)
    assert device is not None
    return device


def _about(name: str, branch: str, run: Run) -> RecordedTrace:
    cell, machine, device = run.cells[0], run.environment, _device(run)
    return RecordedTrace(
        name,
        cell.workload,
        branch,
        cell.size,
        device.name,
        machine.torch,
        machine.threads,
        run.started_utc,
    )


if __name__ == "__main__":
    chosen, *rest = sys.argv[1:]
    if chosen == "--frameworks":
        other_frameworks(*rest)
    elif rest == ["--curves"]:
        curves(chosen)
    elif rest == ["--traces"]:
        traces(chosen)
    else:
        runs(chosen, *rest)
