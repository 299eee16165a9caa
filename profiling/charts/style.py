"""Styles, layouts and labels that all charts share."""

from __future__ import annotations

import html
import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from profiling.model.units import Unit
from profiling.model.words import Text, columns

# A row of a table, by column name.
Row = dict[Hashable, Any]

# A grey with the same contrast on white as on a near-black page.
FONT = "#787878"
GRID = "rgba(128,128,128,.25)"
ROW_HEIGHT = 34
LINE_HEIGHT = 20
# Only saving an image and resetting the axes are left; dragging and scrolling do the rest.
_MODEBAR = {
    "remove": ["zoom", "pan", "select", "lasso", "zoomin", "zoomout", "autoscale"],
    "orientation": "v",
    "bgcolor": "rgba(0,0,0,0)",
    "color": FONT,
    "activecolor": FONT,
}
_AXIS_TITLE = {"standoff": 8, "font": {"size": 12}}
# Columns of a wide font at 14 px that fit a chart on a phone, about 300 px.
_TITLE_COLUMNS = 38
_MARGIN = 12
_WIDE = r"\u3000-\u9fff\uff00-\uffef"
_LETTER = rf"(?:&#?\w+;|[^\s“”{_WIDE}])"
_WORD = rf"{_LETTER}{{1,{_TITLE_COLUMNS}}}"
# A Chinese character, a number with its unit, or a word, with the punctuation that must not be
# separated from it.
_WORDS = re.compile(
    rf"[“（]*(?:[{_WIDE}]|\(?[\d.,]*\d {_WORD}|{_WORD})[，。、；：）”]*\s*|.", re.DOTALL
)
_GAP = "\u2002\u2002"
# Width of a column of the charts' font in pixels: that of a digit, the widest character used.
_COLUMN = 7.5


class BranchStyle(NamedTuple):
    """The style of a branch in all charts and tables.

    Attributes:
        glyph: A character that looks like `symbol`, for text.
    """

    color: str
    symbol: str
    glyph: str
    dash: str
    pattern: str


# Twelve looks, in colours that can be told apart with any kind of colour blindness (ΔE at least 11,
# and at least 15 among the eight common ones), with a contrast of at least 3 on white and on
# near-black.
_LOOKS = {
    "attached": BranchStyle("#8f8f8f", "circle", "●", "solid", ""),
    "carried": BranchStyle("#d8547b", "pentagon", "⬟", "dash", "\\"),
    "detach": BranchStyle("#435fa0", "square", "■", "solid", ""),
    "detach_inline": BranchStyle("#317cca", "diamond", "◆", "dot", "/"),
    "detach_kept": BranchStyle("#7991d4", "triangle-left", "◀", "dash", "x"),
    "clone_detach": BranchStyle("#389dbb", "triangle-up", "▲", "dashdot", "."),
    "detach_clone": BranchStyle("#028155", "triangle-down", "▼", "longdash", "-"),
    "detach_inplace": BranchStyle("#a19140", "x", "✖", "longdashdot", "\\"),
    "item": BranchStyle("#7357d3", "star-diamond", "✦", "dashdot", "."),
    "no_grad": BranchStyle("#b54800", "star", "★", "solid", ""),
    "inference_mode": BranchStyle("#9f4b7f", "hexagon", "⬢", "dash", "|"),
    "frozen": BranchStyle("#bb8c11", "cross", "✚", "dot", "+"),
}
# Branches of a few workloads look as one that none of these has.
_ALIKE = {
    "chunked": "item",
    "small_batches": "carried",
    "one_term": "carried",
    "detach_last": "detach_kept",
    "detach_boundary": "detach_kept",
    "detach_value": "carried",
    "first_order": "item",
    "precomputed": "item",
    "checkpoint": "detach_clone",
    "reentrant": "carried",
    "reentrant_input": "detach_kept",
}
STYLES = _LOOKS | {name: _LOOKS[alike] for name, alike in _ALIKE.items()}
DEFAULT_STYLE = BranchStyle(FONT, "circle-open", "○", "longdashdot", "")
# Glyphs of a branch that is measured a second time: the same colour, hollow.
_HOLLOW = dict(zip("●⬟■◆◀▲▼✖✦★⬢✚", "○⬠□◇◁△▽✕✧☆⬡✛", strict=True))


def branch_style(branch: str) -> BranchStyle:
    """Return the style of a branch."""
    name, again, _ = branch.partition("#")
    style = STYLES.get(name, DEFAULT_STYLE)
    if not again or style is DEFAULT_STYLE:
        return style
    return style._replace(
        symbol=f"{style.symbol}-open",
        glyph=_HOLLOW[style.glyph],
        dash="dot" if style.dash == "solid" else "solid",
    )


def bar_marker(branches: list[str], opacity: float = 1.0) -> dict[str, Any]:
    """Return the colours and hatching of bars, one for each branch."""
    styles = [branch_style(branch) for branch in branches]
    return {
        "color": [_faded(style.color, opacity) for style in styles],
        "pattern": hatching([style.pattern for style in styles]),
        # The outline is never faded.
        "line": {"color": [style.color for style in styles], "width": 1},
    }


def hatching(shape: str | list[str]) -> dict[str, Any]:
    """Return the pattern of bars: thin, light lines over their colour."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "rgba(255,255,255,.65)",
        "size": 7,
        "solidity": 0.2,
    }


def base_layout(
    title: str, height: int, legend_rows: int = 0, label_room: int = 0, **axes: Any
) -> go.Layout:
    """Return the layout that all charts share.

    Args:
        title: The finding of the chart in one sentence; it is wrapped here.
        height: Height of the plot in pixels, without title and legend.
        legend_rows: Rows of the legend below, one for each entry as on a phone; 0 for no legend.
        label_room: Pixels to keep to the right of the axes for labels.
        axes: Further properties of the layout; ``xaxis`` and ``yaxis`` are merged with defaults.
    """
    lines = wrapped(title)
    margins = {"l": 8, "r": max(_MARGIN, label_room), "b": 54}
    margins["t"] = 22 + LINE_HEIGHT * len(lines)
    for name in ("xaxis", "yaxis"):
        given = axes.get(name, {})
        axis_title = {"title": _AXIS_TITLE | given.get("title", {})}
        axes[name] = _axis() | given | axis_title
    height += margins["t"] + margins["b"] + LINE_HEIGHT * legend_rows
    # With several lines, plotly puts the first one at y; "bottom" has the same effect for one line.
    return go.Layout(
        template=go.layout.Template(),
        title={"text": "<br>".join(lines), "font": {"size": 14}, "x": 0, "xanchor": "left"}
        | {"y": 1 - 22 / height, "yanchor": "bottom", "yref": "container", "pad": {"l": 8}},
        height=height,
        margin=margins,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": FONT, "size": 12, "family": "system-ui, sans-serif"},
        hoverlabel={"align": "left", "namelength": -1},
        # A vertical mode bar does not cover the title.
        modebar=_MODEBAR,
        showlegend=legend_rows > 0,
        legend={"orientation": "h", "traceorder": "normal"}
        | {"x": 0, "xref": "container", "y": 0, "yref": "container", "yanchor": "bottom"},
        **axes,
    )


def branch_axis(shown: list[str], branches: Sequence[str] = ()) -> dict[str, Any]:
    """Return a y axis with a row for each branch, the first at the top.

    Args:
        shown: Name of each row.
        branches: Branch of each row; its glyph is shown before the name.
    """
    styles = [branch_style(branch) for branch in branches]
    return {
        "tickvals": shown,
        "ticktext": [
            f'<span style="color:{style.color}">{style.glyph}</span> {name}'
            for style, name in zip(styles, shown, strict=True)
        ],
        "type": "category",
        "categoryorder": "array",
        "categoryarray": shown,
        "autorange": "reversed",
        "showgrid": False,
        "ticklabelstandoff": 4,
    }


def empty(text: Text) -> go.Figure:
    """Return the figure to show if there is nothing to draw."""
    hidden = {"visible": False}
    figure = go.Figure(layout=base_layout("", 120, xaxis=hidden, yaxis=hidden))
    figure.add_annotation(
        text=text("chart.empty"), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False
    )
    return figure


def wrapped(title: str) -> list[str]:
    """Break a title into lines that fit a phone; a line may end after any Chinese character.

    Example:
        >>> wrapped("no_grad takes 0.385× the time of attached (95% interval 0.363–0.391)")
        ['no_grad takes 0.385× the time of', 'attached (95% interval 0.363–0.391)']
    """
    lines = [""]
    for word in _WORDS.findall(title):
        if lines[-1] and _columns(lines[-1] + word.rstrip()) > _TITLE_COLUMNS:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += word
    return lines


def _columns(line: str) -> int:
    """Return the width of a line of escaped text, in columns."""
    return columns(html.unescape(line))


def _faded(color: str, opacity: float) -> str:
    if opacity == 1:
        return color
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _axis() -> dict[str, Any]:
    return {
        "automargin": True,
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": GRID,
        "exponentformat": "none",
        "ticks": "",
    }


def rows_of(table: pd.DataFrame) -> list[Row]:
    """Return the rows of a table."""
    return table.to_dict("records")


def number(value: Any) -> float | None:
    """Return a number of a table; None if it is missing."""
    return None if pd.isna(value) else float(value)


def scaled(values: Iterable[Any], unit: Unit) -> list[float | None]:
    """Return values in a unit, to six digits; None if missing."""
    numbers = (number(value) for value in values)
    return [None if each is None else float(f"{each / unit.factor:.6g}") for each in numbers]


def exact_bytes(count: int, unit: Unit, text: Text) -> str:
    """Format a number of bytes in a unit, and to the byte."""
    if unit.factor == 1:
        return f"{count:,} {unit.symbol}"
    return text("chart.bytes", size=unit.show(count), count=f"{count:,}")


def is_wrong(row: Row) -> bool:
    """Return whether a branch's gradients are known to be wrong."""
    return number(row["gradients_right"]) == 0


def escaped(value: object, limit: int = 0) -> str:
    """Escape text so that plotly shows it literally, not as HTML.

    Args:
        value: The text, from any source.
        limit: Most characters to keep, by omitting the middle; 0 keeps all.

    Example:
        >>> escaped("<b>a & b</b>"), escaped("autograd::engine::AddmmBackward0", 20)
        ('&lt;b&gt;a &amp; b&lt;/b&gt;', 'autograd…mmBackward0')
    """
    plain = str(value)
    if 0 < limit < len(plain):
        tail = (limit - 1) * 3 // 5
        plain = f"{plain[: limit - 1 - tail]}…{plain[-tail:]}"
    # In a hover template, "%{" would start a placeholder.
    return html.escape(plain, quote=False).replace("%{", "&#37;{")


def branch_label(row: Row) -> str:
    """Return a branch's name, with a warning sign if its gradients are wrong."""
    return escaped(row["branch"]) + (" ⚠" if is_wrong(row) else "")


def value_labels(
    ends: list[float | None], shown: list[str], labels: list[str], start: float = 0, **hover: Any
) -> go.Scatter:
    """Return the labels to the right of bars.

    Args:
        ends: End of each bar on the x axis; None for a row without a bar.
        shown: The rows, on the y axis.
        labels: The texts.
        start: Start of the label in a row without a bar.
        hover: Hover properties of the trace.
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
    """Return the pixels that the longest label takes to the right of its bar.

    Rows without a bar do not count: their label is drawn where the bar would be.
    """
    written = [label for end, label in zip(ends, labels, strict=True) if end is not None]
    longest = max((_columns(f"{_GAP}{label}") for label in written), default=0)
    return int(longest * _COLUMN)
