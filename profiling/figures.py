"""The charts of one cell of a run, as the page and the report show them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from demos.locales import Text
from profiling import tables
from profiling.charts import bars, memory, operators, peak_parts, reach, sizes
from profiling.records import CellResult, Run
from profiling.traces.load import load_trace
from profiling.traces.memory import memory_curve
from profiling.traces.operators import operator_groups


def figures(
    run: Run, summary: pd.DataFrame, cell: CellResult, folder: Path, text: Text
) -> dict[str, go.Figure]:
    """Draw every chart of a cell, and those over sizes.

    Args:
        run: The run.
        summary: As from `profiling.statistics.summary`.
        cell: The cell.
        folder: The run's folder, that its trace paths start from.
        text: The words.

    Returns:
        Figures by name; one without anything to draw says so.
    """
    unit = cell.cell.unit
    one = tables.of_cell(summary, cell.cell)
    reached = tables.of_cell(tables.reach(run), cell.cell)
    parts = tables.of_cell(tables.peak_parts(run), cell.cell)
    predicted = one.rename(columns={"predicted_peak_bytes": "predicted_bytes"})
    traces = _traces(cell, folder)
    ops = _joined((branch, operator_groups(trace)) for branch, trace in traces.items())
    curves = _joined(
        (branch, memory_curve(trace, cell.cell.device)) for branch, trace in traces.items()
    )
    return {
        "time": bars.time_by_branch(one, text),
        "peak": bars.peak_by_branch(one, text),
        "peak_parts": peak_parts.peak_parts(parts, text, predicted),
        "time_over_size": sizes.time_over_size(summary, text, unit),
        "memory_over_size": sizes.memory_over_size(summary, text, unit),
        "operators": operators.operators_by_branch(ops, text),
        "memory": memory.memory_over_time(curves, text),
        "reach": reach.gradient_reach(reached, text),
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
