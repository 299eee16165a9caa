"""What a recorded run says of a workload: the rows that the page shows before anything is measured.

Recorded runs come with the project and never change, so what is derived of them is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from msgspec.structs import replace

from demos.locales import Text
from profiling import storage, tables
from profiling.charts.style import branch_style
from profiling.records import CellResult, Environment, Run, ran
from profiling.report import Row, finding, rows
from profiling.statistics import summary


class Costs(NamedTuple):
    """One cell of a recorded run.

    Attributes:
        run: The run, with that cell alone.
        table: Its rows of `profiling.statistics.summary`.
        same_kind: Whether it was recorded on a machine like this one; None if this one is unknown.
    """

    run: Run
    table: pd.DataFrame
    same_kind: bool | None

    @property
    def cell(self) -> CellResult:
        """The cell that is shown."""
        return self.run.results[0]


class CostRow(NamedTuple):
    """A row of the report, with how long its bars are, from 0 to 1; None where there is none."""

    row: Row
    color: str
    time: float | None
    peak: float | None


def recorded_costs(
    workload: str, environment: Environment | None, branches: tuple[str, ...] = ()
) -> Costs | None:
    """Return what was recorded of a workload at its middle size; None if nothing was.

    Args:
        workload: Its name.
        environment: This machine, whose kind is preferred; None while it is not known.
        branches: The branches to show; all unless given.
    """
    names = [name for name in storage.recorded() if name.endswith(f".{workload}")]
    if not names:
        return None
    runs = {name: _load(storage.recorded()[name]) for name in names}
    best = max(names, key=lambda name: _likeness(runs[name].environment, environment))
    alike = _likeness(runs[best].environment, environment) == (True, True, True)
    run, table = _measured(storage.recorded()[best], branches)
    return Costs(run, table, None if environment is None else alike)


def cost_rows(costs: Costs, text: Text) -> list[CostRow]:
    """Return the rows to show, with their bars."""
    table = costs.table
    times, peaks = _shares(table["step_median_s"]), _shares(table["peak_bytes"])
    return [
        CostRow(row, branch_style(row.branch).color, time, peak)
        for row, time, peak in zip(rows(table, text), times, peaks, strict=True)
    ]


def cost_finding(costs: Costs, text: Text) -> str:
    """Say in one sentence what was found."""
    return finding(costs.table, costs.cell.cell.unit, text)


def source_words(costs: Costs, text: Text) -> str:
    """Say which machine the numbers are from, and how that one is like this one."""
    environment = costs.run.environment
    device = environment.device(costs.cell.cell.device) or environment.devices[0]
    key = {True: "start.from.same", False: "start.from.other", None: "start.from.unknown"}
    return text(
        key[costs.same_kind],
        device=device.name,
        threads=environment.threads,
        torch=environment.torch,
        day=costs.run.started_utc[:10],
    )


@functools.cache
def _load(path: Path) -> Run:
    return storage.load_run(path)


@functools.cache
def _measured(path: Path, branches: tuple[str, ...]) -> tuple[Run, pd.DataFrame]:
    """Return a run with its middle cell alone, and that cell's rows."""
    run = _load(path)
    whole = run.results[len(run.results) // 2]
    kept = tuple(each for each in whole.results if not branches or ran(each.branch) in branches)
    cell = replace(whole.cell, branches=tuple(each.branch for each in kept))
    one = replace(run, cells=(cell,), results=(replace(whole, cell=cell, results=kept),))
    return one, tables.of_cell(summary(one), cell)


def _likeness(theirs: Environment, ours: Environment | None) -> tuple[bool, bool, bool]:
    """Return in what two machines are alike, what matters most first."""
    if ours is None:
        return (False, False, False)
    mine, other = ours.devices[0], theirs.devices[0]
    is_alike = mine.kind == other.kind
    return (is_alike, mine.name == other.name, is_alike and ours.threads == theirs.threads)


def _shares(values: Iterable[Any]) -> list[float | None]:
    numbers = [None if pd.isna(value) else float(value) for value in values]
    largest = max((number for number in numbers if number is not None), default=0.0)
    return [None if each is None or not largest else each / largest for each in numbers]
