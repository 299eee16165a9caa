"""A run as tables, one row a thing; raw values only, nothing derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from profiling.model.run import BranchResult, Cell, CellResult, Reach, Run
from profiling.model.units import show_flags
from profiling.traces.table import COLUMNS, load_trace

KEY = ["workload", "branch", "size", "dtype", "mode", "device"]
SAMPLES = ("phase", "metric", "unit", "index", "value")

# Column of where a row comes from → what it says of a run and one of its cells.
ENVIRONMENT: dict[str, Callable[[Run, Cell], Any]] = {
    "env_torch": lambda run, cell: run.environment_of(cell).torch,
    "env_cuda": lambda run, cell: run.environment_of(cell).cuda,
    "env_driver": lambda run, cell: run.environment_of(cell).driver,
    "env_backend": lambda run, cell: run.environment_of(cell).backend,
    "env_flags": lambda run, cell: show_flags(run.environment_of(cell).flags),
    "env_device_name": lambda run, cell: _device_name(run, cell),
    "env_python": lambda run, cell: run.environment_of(cell).python,
    "env_platform": lambda run, cell: run.environment_of(cell).platform,
    "env_threads": lambda run, cell: run.environment_of(cell).threads,
    "env_commit": lambda run, cell: run.environment_of(cell).commit,
    "env_time_utc": lambda run, cell: run.started_utc,
    "env_seed": lambda run, cell: run.request.seed,
}


def samples(run: Run) -> pd.DataFrame:
    """Return one row a raw sample.

    A branch without any sample (it failed, or makes no sense here) has one row, whose metric and
    value are empty, so that it is not forgotten.

    Returns:
        Columns `KEY`, `SAMPLES`, ``status`` and ``message``.
    """
    rows = [row for cell, result in _branches(run) for row in _sample_rows(cell, result)]
    table = pd.DataFrame(rows, columns=[*KEY, *SAMPLES, "status", "message"])
    return table.astype({"index": "Int64", "value": "float64"})


def peak_parts(finished: CellResult) -> pd.DataFrame:
    """Return one row a kind and operator of what each branch's peak consists of.

    Returns:
        Columns ``branch``, ``kind``, ``op`` and ``bytes``.
    """
    rows = [
        (result.branch, part.kind, part.op, part.bytes)
        for result in finished.results
        for part in result.peak_parts
    ]
    return pd.DataFrame(rows, columns=["branch", "kind", "op", "bytes"])


def reach(finished: CellResult) -> pd.DataFrame:
    """Return one row a parameter group and branch of a cell.

    Returns:
        Columns ``branch``, ``group``, ``tensors``, ``with_gradient``, ``right``,
        ``relative_error`` and ``outcome`` (see `outcomes`).
    """
    columns = ["group", "tensors", "with_gradient", "right", "relative_error"]
    rows = [
        (result.branch, *(getattr(group, name) for name in columns), outcome)
        for result in finished.results
        for group, outcome in outcomes(finished, result)
    ]
    return pd.DataFrame(rows, columns=["branch", *columns, "outcome"])


def outcomes(finished: CellResult, result: BranchResult) -> list[tuple[Reach, str]]:
    """Return what became of each parameter group's gradient in a branch of a cell.

    Returns:
        Each group with its outcome, which may compare it with the cell's baseline: see
        `profiling.model.run.Reach.beside`.
    """
    baseline = {
        group.group: group
        for each in finished.results
        if each.branch == finished.cell.baseline
        for group in each.reach
    }
    return [(group, group.beside(baseline.get(group.group))) for group in result.reach]


def trace_events(run: Run, folder: Path) -> pd.DataFrame:
    """Return one row an event of every branch's trace.

    Args:
        run: The run.
        folder: The run's folder, that its trace paths start from.

    Returns:
        Columns `KEY`, then those of `profiling.traces.table.COLUMNS`.
    """
    tables = []
    for cell, result in _branches(run):
        if result.trace is not None:
            table = load_trace(folder / result.trace)
            for position, (name, value) in enumerate(key(cell, result.branch).items()):
                table.insert(position, name, value)
            tables.append(table)
    if not tables:
        return pd.DataFrame(columns=[*KEY, *COLUMNS])
    return pd.concat(tables, ignore_index=True)


def environment(run: Run, cell: Cell) -> dict[str, Any]:
    """Return what a row of a cell needs to say where it comes from, by column."""
    return {name: value(run, cell) for name, value in ENVIRONMENT.items()}


def with_environment(table: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return a table with the columns `KEY`, each row with the columns `ENVIRONMENT` besides."""
    parts = [
        of_cell(table, each.cell).assign(**environment(run, each.cell)) for each in run.results
    ]
    return pd.concat(parts).sort_index() if parts else table.assign(**dict.fromkeys(ENVIRONMENT))


def of_cell(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Return those rows of a table with the columns `KEY` that are of one cell."""
    values = [cell.size, cell.dtype, cell.mode, cell.device]
    return table[table[["size", "dtype", "mode", "device"]].eq(values).all(axis=1)]


def results_of(finished: CellResult) -> tuple[BranchResult, ...]:
    """Return a cell's branches; of a cell that failed as a whole, each with its outcome."""
    return finished.results or tuple(
        BranchResult(branch, finished.status, finished.reason, finished.message, finished.values)
        for branch in finished.cell.branches
    )


def key(cell: Cell, branch: str) -> dict[str, Any]:
    """Return what tells a branch of a cell apart, by the columns `KEY`."""
    return {
        "workload": cell.workload,
        "branch": branch,
        "size": cell.size,
        "dtype": cell.dtype,
        "mode": cell.mode,
        "device": cell.device,
    }


def _branches(run: Run) -> Iterator[tuple[Cell, BranchResult]]:
    """Yield every branch of every finished cell; a cell that failed gives its own outcome."""
    for finished in run.results:
        for result in results_of(finished):
            yield finished.cell, result


def _device_name(run: Run, cell: Cell) -> str | None:
    device = run.environment_of(cell).device(cell.device)
    return None if device is None else device.name


def _sample_rows(cell: Cell, result: BranchResult) -> Iterator[dict[str, Any]]:
    outcome = {"status": result.status.value, "message": result.message or result.reason}
    start = key(cell, result.branch)
    for sample in result.samples:
        yield {**start, **{name: getattr(sample, name) for name in SAMPLES}, **outcome}
    if not result.samples:
        yield {**start, **outcome}
