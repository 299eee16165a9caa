"""Recorded runs: shown on Start, beside lessons, and on Compare until one's own is there."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from msgspec.structs import replace

from demos.page import common
from demos.page.links import Comparison, Link, write_link
from profiling import catalogue
from profiling.analysis.analysis import CellAnalysis
from profiling.analysis.findings import headline
from profiling.analysis.headings import workload_title
from profiling.analysis.recommendation import recommendation
from profiling.analysis.rows import Row, rows
from profiling.charts.style import branch_style
from profiling.model.request import Request
from profiling.model.run import Environment, Run, ran
from profiling.model.units import byte_unit, time_unit
from profiling.model.words import Text
from profiling.output import saved_runs
from profiling.output.saved_runs import RecordedCurves, StepCurve

# Of the chart of memory over a step, in its own units.
_WIDTH, _HEIGHT = 320, 150


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


def comparison_of(workload: str, branches: tuple[str, ...]) -> Comparison:
    """Return a comparison of the branches that a workload has, at its middle size."""
    entry = catalogue.workload(workload)
    offered = tuple(each for each in branches if each in entry.sources)
    return Comparison(Request(workload, offered, (entry.sizes[len(entry.sizes) // 2],)))


class Costs(NamedTuple):
    """A cell of a recorded run.

    Attributes:
        recorded: The run.
        cell: The cell, analysed.
    """

    recorded: RecordedRun
    cell: CellAnalysis


class CostRow(NamedTuple):
    """A row of the report, with the lengths of its bars, from 0 to 1; None without a bar."""

    row: Row
    color: str
    time: float | None
    peak: float | None


def recorded_costs(
    workload: str, environment: Environment | None, branches: tuple[str, ...] = ()
) -> Costs | None:
    """Return the recorded costs of a workload at its middle size; None if none were recorded.

    Args:
        workload: Its name.
        environment: This machine; runs of similar machines are preferred. None if unknown.
        branches: The branches to show; all by default.
    """
    recorded = recorded_run(workload, environment)
    return None if recorded is None else Costs(recorded, _middle_cell(recorded.path, branches))


def cost_rows(costs: Costs, text: Text) -> list[CostRow]:
    """Return the rows of the report, with their bars."""
    table = costs.cell.summary
    times, peaks = _shares(table["step_median_s"]), _shares(table["peak_bytes"])
    return [
        CostRow(row, branch_style(row.branch).color, time, peak)
        for row, time, peak in zip(rows(table, text), times, peaks, strict=True)
    ]


def cost_finding(costs: Costs, text: Text) -> str:
    """Return what to write, or the headline of the cell where nothing can be recommended."""
    found = recommendation(costs.cell.findings, text)
    return found or headline(costs.cell.findings, costs.cell.finished.cell, text)


@functools.cache
def _middle_cell(path: Path, branches: tuple[str, ...]) -> CellAnalysis:
    """Return the middle cell of a run, with some of its branches."""
    run = load_run(path)
    whole = run.results[len(run.results) // 2]
    kept = tuple(each for each in whole.results if not branches or ran(each.branch) in branches)
    cell = replace(whole.cell, branches=tuple(each.branch for each in kept))
    # Recorded runs come without their traces.
    return CellAnalysis(replace(whole, cell=cell, results=kept), path.parent)


def _shares(values: Iterable[Any]) -> list[float | None]:
    numbers = [None if pd.isna(value) else float(value) for value in values]
    largest = max((number for number in numbers if number is not None), default=0.0)
    return [None if each is None or not largest else each / largest for each in numbers]


# What the article is about, beside no cut at all.
COMPARED = ("attached", "detach", "clone_detach", "no_grad")


def measurement(workload: str, environment: Environment | None, text: Text) -> str:
    """Return what the ways to cut cost in a workload, by its recorded run, and a way to measure it.

    Args:
        workload: Its name; empty for nothing.
        environment: This machine; None if unknown.
        text: The words.
    """
    costs = recorded_costs(workload, environment, COMPARED) if workload else None
    if costs is None:
        return ""
    return common.render(
        "measurement.html",
        text,
        title=workload_title(workload, text),
        rows=cost_rows(costs, text),
        finding=cost_finding(costs, text),
        source=source_words(costs.recorded, text),
        baseline=costs.cell.finished.cell.baseline,
        link=write_link(Link("compare", comparison=comparison_of(workload, COMPARED))),
        drawn=_step_memory(costs, text),
    )


class StepLine(NamedTuple):
    """A branch's line in the chart of memory over a step: its colour and its SVG path."""

    branch: str
    color: str
    path: str


class StepMemory(NamedTuple):
    """Memory over a step: a line for each branch, the ends of both axes, and where it is from."""

    source: RecordedCurves
    lines: list[StepLine]
    time: str
    memory: str
    width: int
    height: int


def _step_memory(costs: Costs, text: Text) -> StepMemory | None:
    """Return the chart of memory over a step, from the traces of the recorded branches."""
    ran_here = {each.branch for each in costs.cell.finished.results}
    found = saved_runs.recorded_curves(costs.recorded.path)
    if found is None:
        return None
    curves = [each for each in found.curves if each.branch in ran_here]
    if len(curves) < 2:  # Nothing to compare, such as where a cut alone allocates nothing.
        return None
    most_s = max(max(each.since_s) for each in curves)
    most_bytes = max(max(each.live_bytes) for each in curves)
    lines = [
        StepLine(each.branch, branch_style(each.branch).color, _path(each, most_s, most_bytes))
        for each in curves
    ]
    time = time_unit([most_s]).show(most_s)
    return StepMemory(found, lines, time, byte_unit([most_bytes]).show(most_bytes), _WIDTH, _HEIGHT)


def _path(curve: StepCurve, most_s: float, most_bytes: int) -> str:
    """Return a line that keeps its height until memory changes."""
    across, down = _WIDTH / (most_s or 1.0), _HEIGHT / (most_bytes or 1)
    points = zip(curve.since_s, curve.live_bytes, strict=True)
    steps = (f"H{since * across:.1f}V{_HEIGHT - live * down:.1f}" for since, live in points)
    return f"M0 {_HEIGHT}" + "".join(steps)
