"""Texts in boxes and beside links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from profiling.graphs.fold import BAD, Box, Link, View, repeats
from profiling.model.graph import Node, Saved, SavedState
from profiling.model.units import show_bytes
from profiling.model.words import Text, columns

# Width of a line in a box, and of a line beside a link.
BOX_COLUMNS = 19
LINK_COLUMNS = 12
_MOST_LINES = 3
_MOST_OPS = 4
# Where a line may be broken: not inside a number, and not before a Chinese comma.
_BREAK = re.compile(
    r"(?<=[ _])|(?<=[^\s：]\.)(?=[^\W\d])|(?<=[^\W\d]\.)|(?<=[\u3400-\u9fff，：])(?![，：])"
)
_OP = re.compile(r"^(?:.*::)?(.+?)(?:Backward\d*|Backwards)?$")


class Line(NamedTuple):
    """A line of text.

    Attributes:
        style: ``"name"``, ``"tensor"``, ``"fine"``, ``"bad"`` or ``"gradient"``.
        text: The text.
    """

    style: str
    text: str


class BoxText(NamedTuple):
    """The texts of a box.

    Attributes:
        classes: CSS classes: the kind of its nodes, then ``"folded"``, ``"bad"`` and
            ``"stopped"`` where they apply.
        name: What it is called in the label of a link.
        summary: Label for screen readers.
        lines: Lines inside the box.
        details: Tooltip.
    """

    classes: tuple[str, ...]
    name: str
    summary: str
    lines: tuple[Line, ...]
    details: str


def box_text(box: Box, view: View, translate: Text) -> BoxText:
    """Return the texts of a box.

    Args:
        box: The box.
        view: The view that contains it.
        translate: Translator for keys ``graph.…``.
    """
    saved = [each for node in box.nodes for each in node.saved]
    bad = any(each.state in BAD for each in saved)
    stopped = not view.stopped.isdisjoint(node.id for node in box.nodes)
    kind = box.nodes[-1].kind
    if kind == "op":
        is_fed = any(link.source == box.id and link.carries_gradient for link in view.links)
        lines = [
            *_op_lines(box, translate),
            *_gradient_lines(box.nodes[-1], stopped, is_fed, translate),
        ]
    elif len(box.nodes) > 1:
        lines = [*_parameter_lines(box, view, translate)]
    else:
        lines = [*_tensor_lines(box.nodes[0], translate)]
    classes = [kind, *["folded"] * (len(box.nodes) > 1), *["bad"] * bad, *["stopped"] * stopped]
    return BoxText(
        classes=tuple(classes),
        name=_name(box, translate),
        summary=", ".join(line.text for line in lines),
        lines=tuple(_wrap_lines(lines)),
        details="\n".join(_details(box, translate)),
    )


def link_lines(link: Link, translate: Text) -> list[str]:
    """Return the lines beside a link: what cut it, its gradient, or how many it carried."""
    if link.ways:
        return wrap(", ".join(link.ways), LINK_COLUMNS)
    carried = [each for each in link.gradients if each]
    if len(carried) > 1:
        return wrap(translate("graph.gradients", count=len(carried)), LINK_COLUMNS)
    return [line for each in carried for line in wrap(each, LINK_COLUMNS)]


def link_title(link: Link, translate: Text) -> str:
    """Return a link's tooltip."""
    title = translate(f"graph.link.{link.kind}", ways=", ".join(link.ways))
    if link.ways and link.kind == "memory":
        return f"{translate('graph.link.cut', ways=', '.join(link.ways))}\n{title}"
    return title


def cut_summary(link: Link, texts: Mapping[int, BoxText], translate: Text) -> str:
    """Return a cut link's label for screen readers; empty for another link."""
    if not link.ways:
        return ""
    source, target = (texts[each].name for each in (link.source, link.target))
    return translate("graph.cut", ways=", ".join(link.ways), source=source, target=target)


def footnotes(view: View, translate: Text) -> list[str]:
    """Return the lines below the drawing."""
    names = ", ".join(name for node in view.unconnected for name in node.names)
    lines = {
        translate("graph.empty"): not view.boxes,
        translate("graph.apart", count=len(view.unconnected), names=names): bool(view.unconnected),
        translate("graph.cut_off"): view.cut_off,
    }
    return [text for text, applies in lines.items() if applies]


def wrap(text: str, max_columns: int) -> list[str]:
    """Break a text into at most three lines, if possible after spaces, dots and underscores.

    Example:
        >>> wrap("encoder.layers.0.weight", 10)
        ['encoder.', 'layers.0.', 'weight']
    """
    lines = [""]
    for word in _BREAK.split(text):
        parts = [word] if columns(word.rstrip()) <= max_columns else list(word)
        for part in parts:
            if columns((lines[-1] + part).rstrip()) > max_columns:
                lines.append("")
            lines[-1] += part
    shown = [line.rstrip() for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        while columns(f"{shown[-1]}…") > max_columns:
            shown[-1] = shown[-1][:-1]
        shown[-1] += "…"
    return [line for line in shown if line]


def short_op(label: str) -> str:
    """Return an op's name without namespace and ``Backward`` suffix.

    Example:
        >>> short_op("SigmoidBackward0"), short_op("torch::autograd::CopySlices")
        ('Sigmoid', 'CopySlices')
    """
    found = _OP.match(label)
    return found[1] if found else label


def name_and_shape(node: Node) -> str:
    """Return a node's names and shape.

    Example:
        >>> name_and_shape(Node(1, "leaf", "", ("a", "b"), (3,)))
        'a, b (3,)'
    """
    shape = _unbreakable(str(node.shape)) if node.shape else ""
    return " ".join(filter(None, (", ".join(node.names), shape)))


def saved_bytes(saved: Iterable[Saved]) -> int | None:
    """Return the bytes of some saved tensors, each storage once; None if one is unknown."""
    sizes = {(each.storage, each.name if each.storage is None else ""): each for each in saved}
    counts = [each.bytes for each in sizes.values()]
    return None if None in counts else sum(filter(None, counts))


def _unbreakable(text: str) -> str:
    """Replace spaces by no-break spaces."""
    return text.replace(" ", "\u00a0")


def _name(box: Box, translate: Text) -> str:
    """Return a box's module, or its last op and what that is called."""
    node = box.nodes[-1]
    op = short_op(node.label) if node.kind == "op" else ""
    named = (box.module if len(box.nodes) > 1 else "", op, name_and_shape(node))
    return ", ".join(filter(None, named)) or translate("graph.unnamed")


def _op_lines(box: Box, translate: Text) -> Iterator[Line]:
    if len(box.nodes) > 1 and box.module:
        yield Line("name", box.module)
    ops = list(_with_counts([short_op(node.label) for node in box.nodes]))
    yield Line("name", " → ".join(_shortened(ops)))
    if len(box.nodes) > 1:
        yield Line("fine", translate("graph.ops", count=len(box.nodes)))
    if any(node.freed for node in box.nodes):
        yield Line("fine", translate("graph.freed"))
    results = ", ".join(filter(None, (name_and_shape(node) for node in box.nodes if node.names)))
    if results:
        yield Line("tensor", f"→ {results}")
    yield from _inner_lines(box, translate)
    by_state: dict[SavedState, list[Saved]] = {}
    for saved in (each for node in box.nodes for each in node.saved):
        by_state.setdefault(saved.state, []).append(saved)
    for state, each in by_state.items():
        yield Line("bad" if state in BAD else "fine", _saved_line(state, each, translate))


def _with_counts(labels: Sequence[str]) -> Iterator[str]:
    """Yield ops in order, a repeated pattern once with its count."""
    for pattern, count in repeats(labels):
        text = " → ".join(_shortened(pattern))
        if count == 1:
            yield text
        else:
            yield f"({text}) ×{count}" if len(pattern) > 1 else f"{text} ×{count}"


def _shortened(labels: Sequence[str]) -> list[str]:
    return list(labels) if len(labels) <= _MOST_OPS else [labels[0], "…", labels[-1]]


def _inner_lines(box: Box, translate: Text) -> Iterator[Line]:
    leaves = [node for node in box.inner if node.kind == "leaf"]
    if leaves:
        yield _leaves_line(leaves, translate)
    constants = sum(node.kind == "constant" for node in box.inner)
    if constants:
        yield Line("fine", translate("graph.constants", count=constants))


def _saved_line(state: SavedState, saved: Sequence[Saved], translate: Text) -> str:
    names = ", ".join(each.name for each in saved)
    if columns(names) > BOX_COLUMNS:
        names = translate("graph.tensors", count=len(saved))
    line = translate(f"graph.state.{state}", names=names)
    size = show_bytes(saved_bytes(saved)) if state == "kept" else ""
    return f"{line}, {_unbreakable(size)}" if size else line


def _gradient_lines(node: Node, stopped: bool, is_fed: bool, translate: Text) -> Iterator[Line]:
    if node.gradient and not is_fed:
        yield Line("gradient", translate("graph.arrived", gradient=node.gradient))
    if stopped:
        yield Line("bad", translate("graph.stopped"))


def _tensor_lines(node: Node, translate: Text) -> Iterator[Line]:
    yield Line("name", name_and_shape(node) or translate("graph.unnamed"))
    yield Line("fine", translate(f"graph.{node.kind}"))
    if node.made_in != "grad":
        yield Line("fine", translate(f"graph.made_in.{node.made_in}"))
    if node.gradient:
        yield Line("gradient", translate("graph.grad", gradient=node.gradient))


def _parameter_lines(box: Box, view: View, translate: Text) -> Iterator[Line]:
    """Yield the lines of parameters that share a box."""
    yield Line("name", box.module or translate("graph.unnamed"))
    if box.nodes[0].kind == "leaf":
        yield _leaves_line(box.nodes, translate)
    else:
        yield Line("fine", translate("graph.frozen", count=len(box.nodes)))
    if not any(link.source == box.id and link.kind == "gradient" for link in view.links):
        yield Line("fine", translate("graph.apart_leaves"))


def _leaves_line(leaves: Sequence[Node], translate: Text) -> Line:
    with_grad = sum(node.gradient is not None for node in leaves)
    key = "graph.leaves_with_grad" if with_grad else "graph.leaves"
    return Line("fine", translate(key, count=len(leaves), with_grad=with_grad))


def _details(box: Box, translate: Text) -> Iterator[str]:
    """Yield the lines of a box's tooltip."""
    if len(box.nodes) == 1:
        yield from _node_details(box.nodes[0], translate)
    elif box.nodes[-1].kind == "op":
        yield " → ".join(_with_counts([node.label for node in box.nodes]))
        for node in box.nodes:
            if node.names:
                yield f"→ {name_and_shape(node)}"
    folded = box.nodes if len(box.nodes) > 1 else ()
    for node in (*folded, *box.inner):
        if node.kind != "op":
            grad = translate("graph.grad", gradient=node.gradient) if node.gradient else ""
            yield " ".join(
                filter(None, (translate(f"graph.{node.kind}"), name_and_shape(node), grad))
            )


def _node_details(node: Node, translate: Text) -> Iterator[str]:
    yield node.label or translate(f"graph.{node.kind}")
    if node.names or node.shape is not None:
        yield " ".join(filter(None, (", ".join(node.names), str(node.shape or "()"))))
    if node.kind == "constant" and node.made_in != "grad":
        yield translate(f"graph.made_in.{node.made_in}")
    for saved in node.saved:
        size = "" if saved.bytes is None else f", {show_bytes(saved.bytes)}"
        yield f"{translate(f'graph.state.{saved.state}', names=saved.name)} {saved.shape}{size}"
    if node.gradient:
        key = "graph.arrived" if node.kind == "op" else "graph.grad"
        yield translate(key, gradient=node.gradient)


def _wrap_lines(lines: Iterable[Line]) -> Iterator[Line]:
    for style, text in lines:
        for part in wrap(text, BOX_COLUMNS):
            yield Line(style, part)
