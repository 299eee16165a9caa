"""Which parameter groups got the gradient that they should get, branch by branch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.style import ROW_HEIGHT, Text, base_layout, branch_axis, empty
from profiling.charts.values import Row, escaped, number, rows_of

# Outcome: symbol and colour; black text has a contrast of at least 5 on each colour.
_LOOKS = {
    "equal": ("✓", "#009e73"),
    "none": ("○", "#56c7a5"),
    "unwanted": ("!", "#e69f00"),
    "different": ("≠", "#e8743b"),
    "missing": ("✗", "#d55e00"),
    "unchecked": ("·", "#c0c4cc"),
}
_CODES = {outcome: code for code, outcome in enumerate(_LOOKS)}


def gradient_reach(reach: pd.DataFrame, text: Text) -> go.Figure:
    """Draw a matrix of branches and parameter groups, each cell with its outcome in words.

    Args:
        reach: Rows of one cell, as from `profiling.tables.reach`.
        text: Says a locale key.

    Returns:
        A heatmap; a branch that has no such group has an empty cell.
    """
    if reach.empty:
        return empty(text)
    branches = reach["branch"].unique().tolist()
    groups = reach["group"].unique().tolist()
    cells = {(row["branch"], row["group"]): row for row in rows_of(reach)}
    matrix = [[cells.get((branch, group)) for group in groups] for branch in branches]
    shown = [escaped(branch) for branch in branches]
    figure = go.Figure(layout=_layout(_finding(reach, text), branches, text))
    figure.add_trace(
        go.Heatmap(
            x=[escaped(group) for group in groups],
            y=shown,
            z=[[row and _CODES[row["outcome"]] for row in line] for line in matrix],
            text=[[_word(row, text) for row in line] for line in matrix],
            customdata=[[_hover(row, text) for row in line] for line in matrix],
            texttemplate="%{text}",
            textfont={"color": "#000000"},
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            showscale=False,
            colorscale=_colorscale(),
            zmin=-0.5,
            zmax=len(_LOOKS) - 0.5,
            xgap=3,
            ygap=3,
        )
    )
    return figure


def _finding(reach: pd.DataFrame, text: Text) -> str:
    checked = reach[reach["right"].notna()]
    if checked.empty:
        return text("chart.reach.title.unchecked")
    right = checked.groupby("branch")["right"].all()
    return text("chart.reach.title", right=int(right.sum()), count=len(right))


def _layout(title: str, branches: list[str], text: Text) -> go.Layout:
    x_axis = {"type": "category", "showgrid": False, "title": {"text": text("axis.group")}}
    axis = branch_axis([escaped(branch) for branch in branches], branches)
    return base_layout(title, ROW_HEIGHT * len(branches), xaxis=x_axis, yaxis=axis)


def _colorscale() -> list[list[Any]]:
    """Return one flat stretch of colour an outcome."""
    steps = len(_LOOKS)
    return [
        [(code + end) / steps, color]
        for code, (_, color) in enumerate(_LOOKS.values())
        for end in (0, 1)
    ]


def _word(row: Row | None, text: Text) -> str:
    if row is None:
        return ""
    return f"{_LOOKS[row['outcome']][0]} {text('reach.' + row['outcome'])}"


def _hover(row: Row | None, text: Text) -> str:
    if row is None:
        return ""
    lines = [f"{escaped(row['branch'])} · {escaped(row['group'])}", _word(row, text)]
    lines.append(text("hover.reach", got=row["with_gradient"], tensors=row["tensors"]))
    difference = number(row["max_difference"])
    if difference is not None:
        lines.append(text("hover.max_difference", difference=f"{difference:.3g}"))
    return "<br>".join(lines)
