"""The charts of one cell of a run, as the page and the report show them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from profiling.analysis import tables
from profiling.charts import branches, operators, peak
from profiling.model.run import CellResult, Run
from profiling.model.words import Text
from profiling.traces.memory import memory_curve
from profiling.traces.operators import operator_groups
from profiling.traces.table import load_trace


class CellTables(NamedTuple):
    """What the charts of one cell are drawn of, beside the run itself.

    Attributes:
        parts: What each branch's peak consists of.
        curves: Memory over time, by ``branch``.
        ops: Operators, by ``branch``.
    """

    parts: pd.DataFrame
    curves: pd.DataFrame
    ops: pd.DataFrame


def cell_tables(run: Run, cell: CellResult, folder: Path) -> CellTables:
    """Read a cell's traces.

    Args:
        run: The run.
        cell: The cell.
        folder: The run's folder, that its trace paths start from.
    """
    traces = _traces(cell, folder)
    device = cell.cell.device
    return CellTables(
        tables.of_cell(tables.peak_parts(run), cell.cell),
        _joined((branch, memory_curve(trace, device)) for branch, trace in traces.items()),
        _joined((branch, operator_groups(trace)) for branch, trace in traces.items()),
    )


def figures(
    run: Run, summary: pd.DataFrame, cell: CellResult, found: CellTables, text: Text
) -> dict[str, go.Figure]:
    """Draw every chart of a cell, and those over sizes.

    Args:
        run: The run.
        summary: As from `profiling.analysis.statistics.summary`.
        cell: The cell.
        found: As from `cell_tables`.
        text: The words.

    Returns:
        Figures by name; one without anything to draw says so.
    """
    unit = cell.cell.unit
    one = tables.of_cell(summary, cell.cell)
    reached = tables.of_cell(tables.reach(run), cell.cell)
    predicted = one.rename(columns={"predicted_peak_bytes": "predicted_bytes"})
    return {
        "time": branches.time_by_branch(one, text),
        "peak": branches.peak_by_branch(one, text),
        "peak_parts": peak.peak_parts(found.parts, text, predicted),
        "time_over_size": branches.time_over_size(summary, text, unit),
        "memory_over_size": branches.memory_over_size(summary, text, unit),
        "operators": operators.operators_by_branch(found.ops, text),
        "memory": peak.memory_over_time(found.curves, text),
        "reach": branches.gradient_reach(reached, text),
    }


def _traces(cell: CellResult, folder: Path) -> dict[str, pd.DataFrame]:
    return {
        result.branch: load_trace(folder / result.trace)
        for result in cell.results
        if result.trace is not None
    }


def _joined(parts: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Put tables of several branches under each other, with a leading column ``branch``."""
    labelled = [table.assign(branch=branch) for branch, table in parts]
    return pd.concat(labelled, ignore_index=True) if labelled else pd.DataFrame()
