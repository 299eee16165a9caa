"""Values written right of their bars, and the room that they take there."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from profiling.charts.style import columns

_GAP = "\u2002\u2002"
# A column of the charts' font in pixels: what a digit takes, the widest of what is written.
_COLUMN = 7.5


def value_labels(
    ends: list[float | None], shown: list[str], labels: list[str], start: float = 0, **hover: Any
) -> go.Scatter:
    """Write each row's label right of where its bar ends.

    Args:
        ends: Where the bars end, on the x axis; None for a row without a bar.
        shown: The rows, on the y axis.
        labels: What to write.
        start: Where the label of a row without a bar begins.
        hover: Properties of the trace that say what is shown when it is pointed at.
    """
    return go.Scatter(
        x=[start if end is None else end for end in ends],
        y=shown,
        mode="text",
        text=[f"{_GAP}{label}" for label in labels],
        textposition="middle right",
        showlegend=False,
        cliponaxis=False,
        **hover,
    )


def label_room(ends: list[float | None], labels: list[str]) -> int:
    """Return the pixels that the longest label takes right of its bar.

    A row without a bar counts for nothing: its label has the room where the bar would be.
    """
    written = [label for end, label in zip(ends, labels, strict=True) if end is not None]
    longest = max((columns(f"{_GAP}{label}") for label in written), default=0)
    return int(longest * _COLUMN)
