"""What the peak memory of a step consists of, one stacked bar a branch."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.findings import exact_bytes
from profiling.charts.labels import label_room, value_labels
from profiling.charts.style import (
    FONT,
    ROW_HEIGHT,
    Text,
    base_layout,
    branch_axis,
    empty,
    hatching,
)
from profiling.charts.values import escaped, number, rows_of, scaled
from profiling.traces.peak import NO_OP
from profiling.units import Unit, byte_unit, show_bytes

# Kind: colour and hatching, from the start of a bar to its end. Hues are Okabe and Ito's, each with
# a contrast of at least 3 on white and on near-black; those that are alike to some eyes differ in
# hatching.
_LOOKS = {
    "kept": ("#808080", ""),
    "saved": ("#0a7cc0", ""),
    "copy": ("#d55e00", "x"),
    "temporary": ("#c08000", "/"),
    "gradient": ("#009e73", ""),
    "backward_temporary": ("#c2689a", "\\"),
    "released": ("#8f8700", "."),
}
_HOVER_OPS = 6
_HOVER_LIMIT = 60


def peak_parts(parts: pd.DataFrame, text: Text, predicted: pd.DataFrame | None = None) -> go.Figure:
    """Draw the bytes alive at each branch's peak, stacked by kind.

    Args:
        parts: Rows of one cell: column ``branch``, then those of
            `profiling.traces.peak.peak_parts`.
        text: Says a locale key.
        predicted: Columns ``branch`` and ``predicted_bytes``; other branches are left out.

    Returns:
        Bars in one unit of bytes, each labelled with its peak, marked at the prediction where
        there is one. Memory that was freed from before the step extends to the left of 0.
    """
    if parts.empty:
        return empty(text)
    branches = parts["branch"].unique().tolist()
    shown = [escaped(branch) for branch in branches]
    guesses = _guesses(predicted, branches)
    above = _sums(parts[parts["bytes"] > 0], branches).fillna(0)
    below = _sums(parts[parts["bytes"] < 0], branches).fillna(0)
    peaks, ends = above + below, above.where(~(guesses > above), guesses)
    unit = byte_unit(ends)
    kinds = [kind for kind in _LOOKS if kind in set(parts["kind"])]
    has_guesses = bool(guesses.notna().any())
    labels, at = [unit.show(peak) for peak in peaks], scaled(ends, unit)
    legend, room = len(kinds) + has_guesses, label_room(at, labels)
    figure = go.Figure(layout=_layout(_finding(parts, peaks, text), shown, branches, legend, room))
    reach = [float(below.min()), float(ends.max())]
    figure.update_xaxes(title_text=text("axis.peak", unit=unit.symbol), range=scaled(reach, unit))
    for kind in kinds:
        figure.add_trace(_bars(parts[parts["kind"] == kind], kind, branches, unit, text))
    if has_guesses:
        figure.add_trace(_markers(guesses, shown, unit, text))
    figure.add_trace(value_labels(at, shown, labels, hoverinfo="skip"))
    return figure


def _sums(parts: pd.DataFrame, branches: list[str]) -> pd.Series:
    return parts.groupby("branch")["bytes"].sum().reindex(branches)


def _guesses(predicted: pd.DataFrame | None, branches: list[str]) -> pd.Series:
    if predicted is None:
        return pd.Series(float("nan"), index=branches)
    return predicted.set_index("branch")["predicted_bytes"].reindex(branches).astype("float64")


def _finding(parts: pd.DataFrame, peaks: pd.Series, text: Text) -> str:
    """Say which kind makes most of the difference from the highest to the lowest peak."""
    high, low = str(peaks.idxmax()), str(peaks.idxmin())
    sizes = parts.groupby(["kind", "branch"])["bytes"].sum().unstack(fill_value=0)
    difference = float(peaks[high] - peaks[low])
    if difference == 0:
        kind = str(sizes[high].idxmax())
        return text(
            "chart.peak_parts.title.largest",
            branch=escaped(high),
            kind=text(f"kind.{kind}"),
            size=show_bytes(sizes[high][kind]),
            peak=show_bytes(peaks[high]),
        )
    less = sizes[high] - sizes[low]
    return text(
        "chart.peak_parts.title.difference",
        low=escaped(low),
        high=escaped(high),
        difference=show_bytes(difference),
        kind=text(f"kind.{less.idxmax()}"),
        change=show_bytes(less.max()),
    )


def _layout(title: str, shown: list[str], branches: list[str], legend: int, room: int) -> go.Layout:
    return base_layout(
        title,
        ROW_HEIGHT * len(shown),
        legend,
        room,
        barmode="relative",
        bargap=0.3,
        xaxis={"nticks": 6},
        yaxis=branch_axis(shown, branches),
    )


def _bars(mine: pd.DataFrame, kind: str, branches: list[str], unit: Unit, text: Text) -> go.Bar:
    """Draw the parts of one kind, in the branches that have any."""
    color, pattern = _LOOKS[kind]
    name = text(f"kind.{kind}")
    hover = [_hover(mine[mine["branch"] == branch], branch, name, text) for branch in branches]
    return go.Bar(
        name=name,
        x=scaled(_sums(mine, branches), unit),
        y=[escaped(branch) for branch in branches],
        orientation="h",
        marker={"color": color, "pattern": hatching(pattern), "line": {"width": 0}},
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(part: pd.DataFrame, branch: str, name: str, text: Text) -> str:
    """List the operators of one kind in one branch, those with the most bytes by name."""
    lines = [escaped(branch), f"{name}: {_exact(part['bytes'].sum(), text)}"]
    ops = part[part["op"] != ""].sort_values("bytes", ascending=False, kind="stable")
    for row in rows_of(ops[:_HOVER_OPS]):
        op = text("op.python") if row["op"] == NO_OP else escaped(row["op"], _HOVER_LIMIT)
        lines.append(f"{op}: {_exact(row['bytes'], text)}")
    others = ops[_HOVER_OPS:]
    if len(others):
        rest = _exact(others["bytes"].sum(), text)
        lines.append(text("hover.other_parts", count=len(others), size=rest))
    return "<br>".join(lines)


def _exact(count: float, text: Text) -> str:
    return exact_bytes(int(count), byte_unit([count]), text)


def _markers(guesses: pd.Series, shown: list[str], unit: Unit, text: Text) -> go.Scatter:
    name = text("metric.predicted")
    sizes = [number(guess) for guess in guesses]
    said = [
        "" if size is None else f"{branch}<br>{name}: {_exact(size, text)}"
        for branch, size in zip(shown, sizes, strict=True)
    ]
    return go.Scatter(
        name=name,
        x=scaled(guesses, unit),
        y=shown,
        mode="markers",
        marker={"symbol": "diamond-tall", "size": 16, "color": "#ffffff"}
        | {"line": {"width": 2, "color": FONT}},
        cliponaxis=False,
        customdata=said,
        hovertemplate="%{customdata}<extra></extra>",
    )
