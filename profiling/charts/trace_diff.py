"""Two traces beside each other: what takes more and what takes less in the second one."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from profiling.charts.labels import label_room
from profiling.charts.style import Text, base_layout, branch_axis, empty
from profiling.charts.values import Row, escaped, number, rows_of, scaled
from profiling.units import Unit, time_unit

_TOP = 15
_ROW_PX = 26
_TICK_LIMIT, _HOVER_LIMIT = 18, 120
_MORE, _LESS = "#d55e00", "#009e73"


def trace_changes(diff: pd.DataFrame, text: Text) -> go.Figure:
    """Draw by how much self times differ: first where counts do as well, then by size.

    Args:
        diff: As from `profiling.traces.trace_diff.trace_diff`.
        text: Says a locale key.

    Returns:
        One bar a row, to the right where the second trace takes more; each labelled with the
        counts where these differ.
    """
    # What differs in count comes first in a diff, and explains more than any time does.
    shown = diff[diff["change_s"].notna()].head(_TOP)
    if shown.empty:
        return empty(text)
    unit = time_unit(shown["change_s"].astype("float64"))
    rows, changes = rows_of(shown), scaled(shown["change_s"], unit)
    places = list(range(len(rows)))
    labels = [_counts(row) for row in rows]
    axis = branch_axis([]) | {"type": "linear", "tickvals": places}
    del axis["categoryarray"], axis["categoryorder"]
    kind = "count" if labels[0] else "time"
    name, change = escaped(rows[0]["name"], 50), _signed(rows[0], unit)
    title = text(f"trace.diff.title.{kind}", name=name, change=change, counts=labels[0])
    figure = go.Figure(
        layout=base_layout(
            title,
            len(rows) * _ROW_PX,
            label_room=label_room([0.0] * len(rows), labels),
            xaxis={"title": {"text": text("trace.axis.change", unit=unit.symbol)}, "nticks": 7},
            yaxis=axis
            | {"zeroline": False, "ticktext": [escaped(row["name"], _TICK_LIMIT) for row in rows]},
        )
    )
    figure.add_trace(
        go.Bar(
            x=changes,
            y=places,
            orientation="h",
            marker={"color": [_MORE if (each or 0) > 0 else _LESS for each in changes]},
            hovertext=[_hover(row, unit, text) for row in rows],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.add_trace(_labels(changes, places, labels))
    return figure


def _labels(changes: list[float | None], places: list[int], labels: list[str]) -> go.Scatter:
    """Write right of each bar, also of one that leads to the left, how the count changed."""
    return go.Scatter(
        x=[max(change or 0.0, 0.0) for change in changes],
        y=places,
        mode="text",
        text=[f"\u2002{label}" for label in labels],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )


def _counts(row: Row) -> str:
    a, b = (int(number(row[f"count_{side}"]) or 0) for side in ("a", "b"))
    return "" if a == b else f"{a:,} → {b:,}"


def _signed(row: Row, unit: Unit) -> str:
    change = float(row["change_s"])
    return f"{'+' if change > 0 else '−'}{unit.show(abs(change))}"


def _hover(row: Row, unit: Unit, text: Text) -> str:
    times = [unit.show(number(row[f"self_s_{side}"])) or "–" for side in ("a", "b")]
    counts = [int(number(row[f"count_{side}"]) or 0) for side in ("a", "b")]
    said = text(
        "trace.hover.change",
        a=times[0],
        b=times[1],
        count_a=f"{counts[0]:,}",
        count_b=f"{counts[1]:,}",
    )
    return f"{escaped(row['name'], _HOVER_LIMIT)}<br>{said}"
