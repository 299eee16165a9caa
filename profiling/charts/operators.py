"""Draws the time of a traced step by operator and branch."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.style import (
    Row,
    base_layout,
    branch_axis,
    branch_style,
    empty,
    escaped,
    hatching,
    number,
    rows_of,
    scaled,
)
from profiling.model.units import Unit, time_unit
from profiling.model.words import Text

_BAR_HEIGHT = 6
_GROUP_GAP = 14
_TICK_LIMIT = 20
_TITLE_LIMIT = 40
_HOVER_LIMIT = 100


def operators_by_branch(ops: pd.DataFrame, text: Text, top: int = 12) -> go.Figure:
    """Draw the operators with the most time, and the sum of all others.

    Args:
        ops: Column ``branch`` and the columns of `profiling.traces.operators.operator_groups`.
        text: Translator.
        top: Number of operators to draw by name.

    Returns:
        Grouped bars in one unit of time: device time if the traces have it, else self time. There
        is no bar for an operator that a branch does not call.
    """
    if ops.empty:
        return empty(text)
    kind = "device" if ops["device_s"].notna().any() else "self"
    ops = ops.assign(time_s=ops[f"{kind}_s"])
    most = ops.groupby("name")["time_s"].max()
    most = most[most > 0].sort_values(ascending=False, kind="stable")
    names = most.index[:top].to_list()
    others = ops[~ops["name"].isin(names)]
    ticks = [escaped(name, _TICK_LIMIT) for name in names]
    if len(others):
        ticks.append(text("chart.other_ops", count=others["name"].nunique()))
    rows = list(range(len(ticks)))
    branches = ops["branch"].unique().tolist()
    figure = go.Figure(layout=_layout(_title(ops, kind, text), ticks, len(branches)))
    bars = [_bars(ops, names, others, branch, text) for branch in branches]
    unit = time_unit(number(value) for table in bars for value in table["time_s"])
    figure.update_xaxes(title_text=text(f"axis.{kind}_time", unit=unit.symbol))
    for branch, table in zip(branches, bars, strict=True):
        figure.add_trace(_trace(branch, table.set_axis(rows), unit, text))
    return figure


def _title(ops: pd.DataFrame, kind: str, text: Text) -> str:
    if ops["time_s"].isna().all():
        return text(f"chart.operators.title_{kind}")
    longest = ops.sort_values("time_s", ascending=False, kind="stable").iloc[0]
    time_s = float(longest["time_s"])
    return text(
        f"chart.operators.title_{kind}.most",
        name=escaped(longest["name"], _TITLE_LIMIT),
        branch=escaped(longest["branch"]),
        time=time_unit([time_s]).show(time_s),
    )


def _layout(title: str, ticks: list[str], branches: int) -> go.Layout:
    rows = list(range(len(ticks)))
    axis = branch_axis([]) | {"type": "linear", "tickvals": rows, "ticktext": ticks}
    del axis["categoryarray"], axis["categoryorder"]
    return base_layout(
        title,
        len(ticks) * (branches * _BAR_HEIGHT + _GROUP_GAP),
        branches,
        barmode="group",
        bargap=0.25,
        xaxis={"rangemode": "tozero", "nticks": 6},
        yaxis=axis | {"zeroline": False},
    )


def _bars(
    ops: pd.DataFrame, names: list[str], others: pd.DataFrame, branch: str, text: Text
) -> pd.DataFrame:
    """Return a branch's bars: a row for each operator in `names`, and one for all `others`.

    Returns:
        Columns ``time_s`` and ``hover`` (name, number of calls and total time).
    """
    mine = ops[ops["branch"] == branch].set_index("name").reindex(names)
    hover = [_hover(name, row, text) for name, row in zip(names, rows_of(mine), strict=True)]
    times = mine["time_s"].to_list()
    if len(others):
        rest = others[others["branch"] == branch]
        times.append(rest["time_s"].sum(min_count=1))
        hover.append(
            text("hover.other_ops", operators=rest["name"].nunique(), calls=rest["count"].sum())
        )
    return pd.DataFrame({"time_s": times, "hover": hover})


def _hover(name: str, row: Row, text: Text) -> str:
    count, total_s = number(row["count"]), number(row["total_s"])
    if count is None or total_s is None:
        return ""
    total = time_unit([total_s]).show(total_s)
    calls = text("hover.operator", count=int(count), total=total)
    return f"{escaped(name, _HOVER_LIMIT)}<br>{calls}"


def _trace(branch: str, bars: pd.DataFrame, unit: Unit, text: Text) -> go.Bar:
    style = branch_style(branch)
    times = [unit.show(number(value)) for value in bars["time_s"]]
    return go.Bar(
        name=escaped(branch),
        x=scaled(bars["time_s"], unit),
        y=bars.index.to_list(),
        orientation="h",
        marker={"color": style.color, "pattern": hatching(style.pattern)},
        customdata=list(zip(times, bars["hover"], strict=True)),
        hovertemplate=f"{escaped(branch)}: %{{customdata[0]}}<br>%{{customdata[1]}}<extra></extra>",
    )
