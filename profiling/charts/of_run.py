"""The charts of a run, in the order in which page and report show them.

To add one, write its module and add a line to `CHARTS`: the page, which places them in pairs, and
the report follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from profiling.analysis.analysis import Analysis, CellAnalysis
from profiling.analysis.findings import Findings
from profiling.charts import branches, modes, operators, peak
from profiling.model.words import Text

Draw = Callable[[Analysis, CellAnalysis, Text], go.Figure]


class Chart(NamedTuple):
    """A chart of a run.

    Attributes:
        draw: Draws it, of the run and the cell that is shown.
        over_sizes: Whether it shows all sizes, and so depends on the mode alone that is shown.
        in_report: Whether the report has it.
    """

    name: str
    draw: Draw
    over_sizes: bool = False
    in_report: bool = True


def _over_sizes(run: Analysis, cell: CellAnalysis) -> tuple[pd.DataFrame, dict[int, Findings]]:
    mode = cell.finished.cell.mode
    return run.over_sizes(mode), run.findings(mode)


CHARTS = (
    Chart(
        "time", lambda run, cell, text: branches.time_by_branch(cell.summary, cell.findings, text)
    ),
    Chart(
        "peak", lambda run, cell, text: branches.peak_by_branch(cell.summary, cell.findings, text)
    ),
    Chart(
        "peak_parts",
        lambda run, cell, text: peak.peak_parts(cell.peak_parts, cell.findings, text, cell.summary),
    ),
    Chart("modes", modes.peak_by_mode),
    Chart(
        "reach",
        lambda run, cell, text: branches.gradient_reach(cell.reach, cell.findings, text),
        in_report=False,  # It has a table of them, which can be read out.
    ),
    Chart(
        "memory",
        lambda run, cell, text: peak.memory_over_time(cell.traced.curves, cell.findings, text),
    ),
    Chart(
        "operators",
        lambda run, cell, text: operators.operators_by_branch(cell.traced.operators, text),
    ),
    Chart(
        "time_over_size",
        lambda run, cell, text: branches.time_over_size(
            *_over_sizes(run, cell), text, cell.finished.cell.unit
        ),
        over_sizes=True,
    ),
    Chart(
        "memory_over_size",
        lambda run, cell, text: branches.memory_over_size(
            *_over_sizes(run, cell), text, cell.finished.cell.unit
        ),
        over_sizes=True,
    ),
)
