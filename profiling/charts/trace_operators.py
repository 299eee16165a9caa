"""Where the time of a trace goes, as areas: operators by self time, kernels by time."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.style import Text, base_layout, empty
from profiling.charts.values import escaped
from profiling.units import time_unit

_HEIGHT = 420
# Areas below this share of the whole could be neither read nor pointed at.
_LEAST_SHARE = 0.001
_MOST = 150
_LABEL_LIMIT, _HOVER_LIMIT = 60, 120
_NODE = "autograd::engine::evaluate_function: "
# Okabe and Ito's hues, each dark enough for white letters.
_COLORS = ("#0b74b5", "#00805d", "#c04f00", "#7460d0", "#8a6500", "#b0508a", "#6b7280")


def treemap(ops: pd.DataFrame, text: Text, column: str = "self_s") -> go.Figure:
    """Draw one area a name, in groups by what comes before its ``::``.

    Args:
        ops: Columns ``name``, ``count`` and `column`; several rows of one name are added up.
        text: Says a locale key.
        column: What areas stand for, in seconds.

    Returns:
        Areas that add up to the whole; the smallest ones of all groups are one area together.
    """
    sums = ops.groupby("name", as_index=False)[["count", column]].sum()
    sums = sums[sums[column] > 0].sort_values(column, ascending=False, ignore_index=True)
    if sums.empty:
        return empty(text)
    whole = float(sums[column].sum())
    is_seen = (sums[column] >= _LEAST_SHARE * whole) & (sums.index < _MOST)
    areas = _areas(sums[is_seen], column, whole, text)
    rest = sums[~is_seen]
    if len(rest):
        label = text("chart.other_ops", count=len(rest))
        rest_s = float(rest[column].sum())
        areas.append(("rest", "", label, rest_s, _share(label, rest_s, whole, text), "#747474"))
    ids, parents, labels, values, hovers, colors = (list(each) for each in zip(*areas, strict=True))
    title = _title(sums, column, whole, text)
    figure = go.Figure(layout=base_layout(title, _HEIGHT))
    figure.add_trace(
        go.Treemap(
            ids=ids,
            parents=parents,
            labels=labels,
            values=values,
            branchvalues="total",
            hovertext=hovers,
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"colors": colors, "line": {"width": 1.5, "color": "rgba(255,255,255,.7)"}},
            textfont={"color": "#ffffff"},
            texttemplate="%{label}<br>%{percentRoot:.1%}",
            tiling={"pad": 2},
            pathbar={"visible": False},
        )
    )
    figure.update_layout(margin={"b": 8})
    return figure


Area = tuple[str, str, str, float, str, str]


def _areas(sums: pd.DataFrame, column: str, whole: float, text: Text) -> list[Area]:
    groups = sums["name"].map(_group)
    totals = sums.groupby(groups)[column].sum().sort_values(ascending=False)
    colors = {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(totals.index)}
    areas: list[Area] = []
    for group, total_s in totals.drop("", errors="ignore").items():
        label = escaped(group, _LABEL_LIMIT)
        hover = _share(label, float(total_s), whole, text)
        areas.append((f"group {group}", "", label, float(total_s), hover, colors[group]))
    for place, (name, count, time_s, group) in enumerate(
        zip(sums["name"], sums["count"], sums[column], groups, strict=True)
    ):
        calls = text("trace.hover.calls", count=f"{count:,}")
        said = _share(escaped(name, _HOVER_LIMIT), float(time_s), whole, text)
        parent = f"group {group}" if group else ""
        label = escaped(_short(name), _LABEL_LIMIT)
        color = colors[group] if group else _COLORS[place % len(_COLORS)]
        areas.append((f"op {place}", parent, label, float(time_s), f"{said}<br>{calls}", color))
    return areas


def _group(name: str) -> str:
    if name.startswith(_NODE):
        return "autograd"
    before, found, _ = name.partition("::")
    return before if found and before.isidentifier() else ""


def _short(name: str) -> str:
    if name.startswith(_NODE):
        return name.removeprefix(_NODE)
    before, _, after = name.partition("::")
    return after if after and before.isidentifier() else name


def _share(label: str, time_s: float, whole: float, text: Text) -> str:
    time = time_unit([time_s]).show(time_s)
    return text("trace.hover.share", name=label, time=time, share=f"{time_s / whole:.1%}")


def _title(sums: pd.DataFrame, column: str, whole: float, text: Text) -> str:
    largest = sums.iloc[0]
    kind = column.removesuffix("_s")
    return text(
        f"trace.treemap.{kind}",
        name=escaped(largest["name"], 50),
        time=time_unit([whole]).show(whole),
        share=f"{largest[column] / whole:.0%}",
    )
