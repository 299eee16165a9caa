"""The modes of a run side by side: the peak memory of each branch, eager and compiled."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from profiling.analysis.analysis import Analysis, CellAnalysis
from profiling.charts.style import (
    ROW_HEIGHT,
    bar_marker,
    base_layout,
    branch_axis,
    branch_label,
    escaped,
    exact_bytes,
    label_room,
    number,
    rows_of,
    scaled,
)
from profiling.model.units import byte_unit
from profiling.model.words import Text

# Height of one of several bars of a branch.
_BAR_HEIGHT = 20


def peak_by_mode(analysis: Analysis, cell: CellAnalysis, text: Text) -> go.Figure:
    """Draw peak memory of a step in each mode of a run, a group of bars a branch.

    Args:
        analysis: The run.
        cell: The cell that is shown; its size is drawn, in all modes.
        text: Says a locale key.

    Returns:
        Bars in one unit of bytes, the fainter the earlier the mode; nothing of a run in one mode.
    """
    size = cell.finished.cell.size
    cells = [each for each in analysis.cells if each.finished.cell.size == size]
    if len(cells) < 2:
        return go.Figure()
    names = [each.finished.cell.mode for each in cells]
    tables = dict(zip(names, (each.summary for each in cells), strict=True))
    first = cells[0].summary
    unit = byte_unit(
        number(value) for table in tables.values() for value in table["peak_bytes"].dropna()
    )
    shown = [branch_label(row) for row in rows_of(first)]
    labels = [unit.show(number(value)) for value in first["peak_bytes"]]
    ends = [_most(tables, branch) for branch in first["branch"]]
    scale = scaled(pd.Series(ends, dtype="Float64"), unit)
    figure = go.Figure(
        layout=base_layout(
            escaped(text("chart.modes.title", size=f"{size:,}")),
            max(ROW_HEIGHT, _BAR_HEIGHT * len(tables)) * len(shown),
            legend_rows=1,
            label_room=label_room(scale, labels),
            bargap=0.25,
            yaxis=branch_axis(shown, first["branch"].to_list()),
        )
    )
    figure.update_layout(barmode="group")
    figure.update_xaxes(title_text=text("axis.peak", unit=unit.symbol), rangemode="tozero")
    for place, (mode, table) in enumerate(tables.items()):
        peaks = table["peak_bytes"]
        hover = [
            f"{row['branch']}, {mode}: {exact_bytes(int(row['peak_bytes']), unit, text)}"
            if not pd.isna(row["peak_bytes"])
            else f"{row['branch']}, {mode}: {text('chart.not_measured')}"
            for row in rows_of(table)
        ]
        figure.add_trace(
            go.Bar(
                name=mode,
                x=scaled(peaks, unit),
                y=shown,
                orientation="h",
                marker=bar_marker(table["branch"].to_list(), (place + 1) / len(tables)),
                text=[unit.show(number(value)) for value in peaks],
                textposition="outside",
                cliponaxis=False,
                customdata=hover,
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    return figure


def _most(tables: dict[str, pd.DataFrame], branch: str) -> float | None:
    peaks = [
        float(value)
        for table in tables.values()
        for value in table.loc[table["branch"] == branch, "peak_bytes"].dropna()
    ]
    return max(peaks, default=None)
