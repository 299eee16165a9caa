"""Draws the way of a value through a script as SVG: boxes below each other, cut or not.

Values go down, gradients go up along solid links. At scissors the graph is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from profiling.graphs.labels import wrap
from profiling.graphs.layout import MARGIN, WIDTH, Point
from profiling.graphs.svg import drawing, number, scissors, tip
from profiling.model.words import columns

_COLUMN = 6.7
_LINE, _PADDING, _SPACE, _CUT_SPACE = 15, 8, 24, 44
# A drawing fits a phone without scrolling.
_BOX = WIDTH - 2 * MARGIN - 20
_MOST_COLUMNS = int((_BOX - 2 * _PADDING) / _COLUMN)
_LABEL_COLUMNS = 24


class Stop(NamedTuple):
    """A box on the way.

    Attributes:
        kind: ``"leaf"`` for a parameter, ``"op"``, or ``"constant"`` for what has no gradient.
        lines: Texts in it, the first in bold.
        label: What it is, for screen readers.
        bad: Whether it is where something goes wrong.
        goto: Place of its line in the source, ``FILE-LINE``; empty if that is not shown.
    """

    kind: str
    lines: tuple[str, ...]
    label: str
    bad: bool = False
    goto: str = ""


class Step(NamedTuple):
    """A link between two boxes.

    Attributes:
        kind: ``"kept"`` by autograd; ``"cut"``; or ``"values"`` where no graph is left to cut.
        text: What is written beside it, unless it is kept.
    """

    kind: str
    text: str = ""


def path_svg(stops: Sequence[Stop], steps: Sequence[Step], label: str) -> Markup:
    """Draw a way, for a page that includes `profiling.graphs.svg.styles`.

    Args:
        stops: The boxes, from the parameter to the loss.
        steps: The links, one less.
        label: What the drawing is, for screen readers.
    """
    middle = WIDTH / 2
    nodes, links = [], []
    y = float(MARGIN)
    for at, stop in enumerate(stops):
        texts = [cut_to(text) for text in stop.lines]
        height = len(texts) * _LINE + _PADDING
        nodes.append(_node(at, stop, texts, Point(middle, y), height))
        y += height
        if at < len(steps):
            space = _SPACE if steps[at].kind == "kept" else _CUT_SPACE
            links.append(_link(steps[at], Point(middle, y), Point(middle, y + space)))
            y += space
    return drawing(
        label=label, style=Markup(), width=WIDTH, height=y + MARGIN, nodes=nodes, links=links
    )


def cut_to(text: str, most: int = _MOST_COLUMNS) -> str:
    """Return a text cut to a number of columns.

    Example:
        >>> cut_to("F.linear", 5)
        'F.li…'
    """
    if columns(text) <= most:
        return text
    kept, used = "", 0
    for each in text:
        used += columns(each)
        if used > most - 1:
            break
        kept += each
    return f"{kept}…"


def _node(
    at: int, stop: Stop, texts: Sequence[str], top: Point, height: float
) -> dict[str, object]:
    widest = max(map(columns, texts), default=0) * _COLUMN + 2 * _PADDING
    width = min(float(_BOX), max(widest, 120.0))
    return {
        "id": at,
        "goto": stop.goto,
        "classes": " ".join([stop.kind, *["bad"] * stop.bad]),
        "label": stop.label,
        "details": stop.label,
        "x": number(top.x),
        "y": number(top.y),
        "left": number(-width / 2),
        "width": number(width),
        "height": number(height),
        "round": {"leaf": 12, "op": 4}.get(stop.kind, 0),
        "lines": [
            {"style": "fine" if line else "name", "text": text, "y": _LINE * (line + 1)}
            for line, text in enumerate(texts)
        ],
        "sign": "",
    }


def _link(step: Step, start: Point, end: Point) -> dict[str, object]:
    middle = Point(start.x, (start.y + end.y) / 2)
    is_kept = step.kind == "kept"
    return {
        "classes": " ".join(["gradient", "carried"] if is_kept else [step.kind]),
        "label": "",
        "title": step.text,
        "path": f"M{number(start.x)} {number(start.y)}V{number(end.y)}",
        "tip": tip(start) if is_kept else "",
        "scissors": scissors(middle) if step.kind == "cut" else "",
        "texts": [] if is_kept else list(_beside(step.text, middle)),
    }


def _beside(text: str, middle: Point) -> Iterator[dict[str, object]]:
    lines = wrap(text, _LABEL_COLUMNS)[:2] if text else []
    for at, line in enumerate(lines):
        y = middle.y + 4 + (at - (len(lines) - 1) / 2) * 12
        yield {"text": line, "x": number(middle.x + 16), "y": number(y), "style": ""}
