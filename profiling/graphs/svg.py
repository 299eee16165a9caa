"""Draws a backward graph as SVG: the forward pass goes down, gradients go up."""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from profiling.graphs.fold import MOST_BOXES, Link, View, fold
from profiling.graphs.labels import (
    BoxText,
    box_text,
    cut_summary,
    footnotes,
    link_lines,
    link_title,
    wrap,
)
from profiling.graphs.layout import GAP, MARGIN, WIDTH, Layout, Point, Rect, Route, Size, lay_out
from profiling.model.graph import Graph
from profiling.model.words import Text, columns

# Paths: a triangle with an exclamation mark, scissors, an arrowhead.
_WARNING = "l8 14h-16zm0 4.5v5m0 1.5v1.5"
_SCISSORS = "l-11 7a2.5 2.5 0 1 0 .1 0m10.9 1l-11-7a2.5 2.5 0 1 1 .1 0"
_TIP = "l-4 8h8z"
_FOLDER = Path(__file__).parent
# Width of a monospaced column in pixels: at 11 px in a box, at 10 px beside a link.
_COLUMN, _FINE_COLUMN = 6.7, 6.1
_LINE, _FINE_LINE = 15, 13
_PADDING = 8
_CORNER_RADIUS = {"leaf": 12, "constant": 0, "op": 4}
# Room for scissors beside a line.
_SCISSORS_WIDTH = 5
# Width of the text between two boxes that share memory, and where it is above and below the link.
_TIE_COLUMNS = 8
_ABOVE, _BELOW = -11, 19


def curve(points: Sequence[Point]) -> str:
    """Return the path of a route that goes down: straight inside rows, curved between them."""
    path, upright = f"M{_pair(points[0])}", ""
    for before, after in itertools.pairwise(points):
        if before.x == after.x:
            upright = f"V{number(after.y)}" if after.y != before.y else upright
        else:
            middle = number((before.y + after.y) / 2)
            path += (
                f"{upright}C{number(before.x)} {middle} {number(after.x)} {middle} {_pair(after)}"
            )
            upright = ""
    return path + upright


def straight(points: Sequence[Point]) -> str:
    """Return the path of a horizontal route."""
    return "M" + "L".join(map(_pair, points))


def tip(end: Point) -> str:
    """Return the path of an arrowhead that points up."""
    return f"M{_pair(end)}{_TIP}"


def scissors(middle: Point) -> str:
    """Return the path of scissors that cut from the right."""
    return f"M{number(middle.x + 8)} {number(middle.y - 4)}{_SCISSORS}"


def warning(corner: Point) -> str:
    """Return the path of a warning sign on a corner."""
    return f"M{number(corner.x)} {number(corner.y - 8)}{_WARNING}"


def number(value: float) -> str:
    """Format a coordinate to a tenth of a pixel.

    Example:
        >>> number(12.0), number(1 / 3)
        ('12', '0.3')
    """
    return f"{value:.1f}".removesuffix(".0")


def _pair(point: Point) -> str:
    return f"{number(point.x)} {number(point.y)}"


def styles() -> str:
    """Return the CSS for drawings in a page."""
    return (_FOLDER / "graph.css").read_text("utf-8")


def file_styles() -> str:
    """Return the CSS for a drawing in its own file, on a white background.

    Variables are replaced by their values, because not every SVG viewer supports them.
    """
    light = styles().partition(".dark")[0]
    colors = dict(re.findall(r"(--graph-[\w-]+): ([^;]+);", light))
    plain = re.sub(r"var\((--graph-[\w-]+)\)", lambda found: colors[found[1]], styles())
    return f"{plain}.graph{{background:#fff}}"


@functools.lru_cache(maxsize=1024)  # Most graphs do not change between steps and runs.
def svg(graph: Graph, translate: Text, max_boxes: int = MOST_BOXES) -> Markup:
    """Draw a graph for a page that includes `styles`.

    Args:
        graph: The graph.
        translate: Translator for keys ``graph.…``.
        max_boxes: A graph with more nodes is folded.
    """
    return _draw(graph, translate, "", max_boxes)


def standalone_svg(graph: Graph, translate: Text, max_boxes: int = MOST_BOXES) -> Markup:
    """Draw a graph as a standalone SVG file, on a white background.

    Args:
        graph: The graph.
        translate: Translator for keys ``graph.…``.
        max_boxes: A graph with more nodes is folded.
    """
    return _draw(graph, translate, file_styles(), max_boxes)


def page(graph: Graph, translate: Text, title: str, max_boxes: int = MOST_BOXES) -> Markup:
    """Draw a graph as a standalone HTML page.

    Args:
        graph: The graph.
        translate: Translator for keys ``graph.…``.
        title: Title of the page.
        max_boxes: A graph with more nodes is folded.
    """
    drawing = svg(graph, translate, max_boxes)
    return Markup(
        _templates.get_template("standalone.html.jinja").render(
            title=title,
            language=translate("graph.language"),
            styles=Markup(styles()),
            drawing=drawing,
        )
    )


def _draw(graph: Graph, translate: Text, style: str, max_boxes: int) -> Markup:
    view = fold(graph, max_boxes)
    texts = {box.id: box_text(box, view, translate) for box in view.boxes}
    labels = [_label(link, translate) for link in view.links]
    sizes = {box: _size(text) for box, text in texts.items()}
    laid = lay_out(view, sizes, [_label_size(lines) for lines in labels])
    lines = _wrapped(footnotes(view, translate), laid)
    links = [
        _link(link, view, route, beside, translate, cut_summary(link, texts, translate))
        for link, route, beside in zip(view.links, laid.routes, labels, strict=True)
    ]
    # What stands below a link across may reach further down than any box.
    lowest = max((float(each["y"]) for link in links for each in link["texts"]), default=0)
    bottom = max(laid.size.height, lowest + MARGIN)
    return drawing(
        label=_summary(view, translate),
        style=Markup(style),
        width=laid.size.width,
        height=bottom + _LINE * len(lines),
        nodes=[_node(box, laid.boxes[box], text) for box, text in texts.items()],
        links=links,
        notes=[
            {"text": line, "x": MARGIN, "y": number(bottom + _LINE * index + 4)}
            for index, line in enumerate(lines)
        ],
    )


def drawing(
    *,
    label: str,
    style: Markup,
    width: float,
    height: float,
    nodes: Sequence[Mapping[str, object]],
    links: Sequence[Mapping[str, object]],
    notes: Sequence[Mapping[str, object]] = (),
) -> Markup:
    """Write boxes, links between them and notes below as SVG; all texts are escaped."""
    return Markup(
        _templates.get_template("drawing.svg.jinja").render(
            label=label,
            style=style,
            width=number(width),
            height=number(height),
            nodes=nodes,
            links=links,
            notes=notes,
        )
    )


def _summary(view: View, translate: Text) -> str:
    """Return a drawing's label for screen readers."""
    cuts = sum(bool(link.ways) for link in view.links)
    label = translate("graph.aria", **_counts(view))
    return f"{label} {translate('graph.aria_cuts', count=cuts)}" if cuts else label


def _counts(view: View) -> dict[str, int]:
    boxed = [node for box in view.boxes for node in (*box.nodes, *box.inner)]
    kinds = Counter(node.kind for node in (*boxed, *view.unconnected))
    return {"ops": kinds["op"], "leaves": kinds["leaf"], "constants": kinds["constant"]}


def _size(text: BoxText) -> Size:
    widest = max(columns(line.text) for line in text.lines)
    return Size(widest * _COLUMN + 2 * _PADDING, len(text.lines) * _LINE + _PADDING)


def _label(link: Link, translate: Text) -> list[str]:
    if link.kind != "memory":
        return link_lines(link, translate)
    return [*link_lines(link, translate), *wrap(translate("graph.same_memory"), _TIE_COLUMNS)]


def _label_size(lines: Sequence[str]) -> Size | None:
    if not lines:
        return None
    widest = max(map(columns, lines)) * _FINE_COLUMN
    return Size(widest + _SCISSORS_WIDTH + _PADDING, len(lines) * _FINE_LINE)


def _wrapped(texts: Sequence[str], laid: Layout) -> list[str]:
    max_columns = int((max(laid.size.width, WIDTH) - 2 * MARGIN) / _COLUMN)
    return [line for text in texts for line in wrap(text, max_columns)]


def _node(box: int, rect: Rect, text: BoxText) -> dict[str, object]:
    kind, *special = text.classes
    left = -rect.width / 2
    return {
        "id": box,
        "goto": "",
        "classes": " ".join(text.classes),
        "label": text.summary,
        "details": text.details,
        "x": number(rect.x),
        "y": number(rect.y),
        "left": number(left),
        "width": number(rect.width),
        "height": number(rect.height),
        "round": _CORNER_RADIUS[kind],
        "lines": [
            {"style": line.style, "text": line.text, "y": _LINE * (index + 1)}
            for index, line in enumerate(text.lines)
        ],
        "sign": warning(Point(left, 0)) if {"bad", "stopped"} & {*special} else "",
    }


def _link(
    link: Link, view: View, route: Route, lines: Sequence[str], translate: Text, label: str
) -> dict[str, Any]:
    across = len(route.points) == 3
    # Where what cut it was not recorded: if a path leads from one to the other, it is a view.
    is_tie = link.kind == "memory" and view.kind(link.source) != "constant" and not route.up
    is_cut = bool(link.ways) or is_tie
    if across:
        beside = _beside_tie(route, lines, link_lines(link, translate))
    else:
        beside = _beside(route, lines, is_cut)
    kinds = [link.kind, *["cut"] * (bool(link.ways) and link.kind != "cut")]
    return {
        "classes": " ".join([*kinds, *["carried"] * link.carries_gradient, *["across"] * across]),
        "label": label,
        "title": link_title(link, translate),
        "path": straight(route.points) if across else curve(route.points),
        "tip": tip(route.points[0]) if link.kind == "gradient" else "",
        "scissors": scissors(_middle(route)) if is_cut else "",
        "texts": list(beside),
    }


def _middle(route: Route) -> Point:
    """Return where the scissors cut a link."""
    if route.label is not None:
        return Point(route.points[2].x, route.label.y)
    _, knee, end = route.points
    return Point((knee.x - GAP + end.x) / 2, end.y)


def _beside_tie(
    route: Route, lines: Sequence[str], ways: Sequence[str]
) -> Iterator[dict[str, object]]:
    """Place what cut it, or else the first line, above a tie, and the other lines below."""
    middle = _middle(route)
    above = len(ways) or 1
    for index, line in enumerate(lines):
        from_link = index - above
        offset = _ABOVE + (from_link + 1) * _FINE_LINE if from_link < 0 else _BELOW
        y = number(middle.y + offset + max(0, from_link) * _FINE_LINE)
        style = "way" if index < len(ways) else ""
        yield {"text": line, "x": number(middle.x), "y": y, "style": style}


def _beside(route: Route, lines: Sequence[str], is_cut: bool) -> Iterator[dict[str, object]]:
    if route.label is not None:
        x = route.label.x + is_cut * _SCISSORS_WIDTH
        top = route.label.y - len(lines) * _FINE_LINE / 2 + 10
        for index, line in enumerate(lines):
            y = number(top + index * _FINE_LINE)
            yield {"text": line, "x": number(x), "y": y, "style": ""}


_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    auto_reload=False,
)
