"""A run as tables, one row a thing; raw values only, nothing derived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from profiling.model.run import BranchResult, Cell, CellResult, Run
from profiling.traces.table import load_trace

KEY = ["workload", "branch", "size", "dtype", "device"]


def samples(run: Run) -> pd.DataFrame:
    """Return one row a raw sample.

    A branch without any sample (it failed, or makes no sense here) has one row, whose metric and
    value are empty, so that it is not forgotten.

    Returns:
        Columns `KEY`, ``phase``, ``metric``, ``unit``, ``index``, ``value``, ``status``,
        ``message``.
    """
    columns = [*KEY, "phase", "metric", "unit", "index", "value", "status", "message"]
    rows = [row for cell, result in _branches(run) for row in _sample_rows(cell, result)]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"index": "Int64", "value": "float64"})


def branches(run: Run) -> pd.DataFrame:
    """Return one row a branch and cell, measured or not.

    Returns:
        Columns `KEY`, ``status``, ``reason``, ``values`` (of the reason's placeholders),
        ``message``, ``source_sha256``, ``trace``, ``scratch``, and the cell's ``stopped_by``,
        ``warm_up_rounds``, ``loops`` and ``others_cpu_share``.
    """
    own = ["status", "reason", "values", "message", "source_sha256", "trace", "scratch"]
    cells = ["stopped_by", "warm_up_rounds", "loops", "others_cpu_share"]
    rows = [
        {
            **_key(finished.cell, result.branch),
            **{name: getattr(result, name) for name in own},
            "status": result.status.value,
            "scratch": ";".join(f"{part.op} {part.bytes}" for part in result.scratch),
            **{name: getattr(finished, name) for name in cells},
        }
        for finished in run.results
        for result in results_of(finished)
    ]
    return pd.DataFrame(rows, columns=[*KEY, *own, *cells])


def peak_parts(run: Run) -> pd.DataFrame:
    """Return one row a kind and operator, branch and cell, of what a peak consists of.

    Returns:
        Columns `KEY`, ``kind``, ``op`` and ``bytes``.
    """
    rows = [
        {**_key(cell, result.branch), "kind": part.kind, "op": part.op, "bytes": part.bytes}
        for cell, result in _branches(run)
        for part in result.peak_parts
    ]
    return pd.DataFrame(rows, columns=[*KEY, "kind", "op", "bytes"])


def reach(run: Run) -> pd.DataFrame:
    """Return one row a parameter group, branch and cell.

    Returns:
        Columns `KEY`, ``group``, ``tensors``, ``with_gradient``, ``outcome`` (see
        `profiling.model.run.Reach.outcome`), ``right`` and ``max_difference``.
    """
    columns = [*KEY, "group", "tensors", "with_gradient", "outcome", "right", "max_difference"]
    rows = [
        {
            **_key(cell, result.branch),
            "group": group.group,
            "tensors": group.tensors,
            "with_gradient": group.with_gradient,
            "outcome": group.outcome,
            "right": group.right,
            "max_difference": group.max_difference,
        }
        for cell, result in _branches(run)
        for group in result.reach
    ]
    return pd.DataFrame(rows, columns=columns)


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
            for position, (name, value) in enumerate(_key(cell, result.branch).items()):
                table.insert(position, name, value)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=KEY)


def environment(run: Run) -> dict[str, Any]:
    """Return what a row needs to say where it comes from, as columns ``env_…``."""
    machine = run.environment
    kind = run.cells[0].device
    device = machine.device(kind)
    return {
        "env_torch": machine.torch,
        "env_cuda": machine.cuda,
        "env_driver": machine.driver,
        "env_device_name": device.name if device else None,
        "env_python": machine.python,
        "env_platform": machine.platform,
        "env_threads": machine.threads,
        "env_commit": machine.commit,
        "env_time_utc": run.started_utc,
        "env_seed": run.request.seed,
    }


def _branches(run: Run) -> Iterator[tuple[Cell, BranchResult]]:
    """Yield every branch of every finished cell; a cell that failed gives its own outcome."""
    for finished in run.results:
        for result in results_of(finished):
            yield finished.cell, result


def of_cell(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Return those rows of a table with the columns `KEY` that are of one cell."""
    key = [cell.size, cell.dtype, cell.device]
    return table[table[["size", "dtype", "device"]].eq(key).all(axis=1)]


def results_of(finished: CellResult) -> tuple[BranchResult, ...]:
    """Return a cell's branches; of a cell that failed as a whole, each with its outcome."""
    return finished.results or _failed_branches(finished)


def _failed_branches(finished: CellResult) -> tuple[BranchResult, ...]:
    return tuple(
        BranchResult(branch, finished.status, finished.reason, finished.message, finished.values)
        for branch in finished.cell.branches
    )


def _sample_rows(cell: Cell, result: BranchResult) -> Iterator[dict[str, Any]]:
    outcome = {"status": result.status.value, "message": result.message or result.reason}
    key = _key(cell, result.branch)
    for sample in result.samples:
        yield {
            **key,
            "phase": sample.phase,
            "metric": sample.metric,
            "unit": sample.unit,
            "index": sample.index,
            "value": sample.value,
            **outcome,
        }
    if not result.samples:
        yield {**key, **outcome}


def _key(cell: Cell, branch: str) -> dict[str, Any]:
    return {
        "workload": cell.workload,
        "branch": branch,
        "size": cell.size,
        "dtype": cell.dtype,
        "device": cell.device,
    }
