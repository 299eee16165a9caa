"""What is written in a box and beside a link."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from profiling.graphs.fold import Box, Link, View, repeats
from profiling.model.graph import Node, Saved, SavedState
from profiling.model.units import show_bytes

# Gives the sentence of a key, with its placeholders filled.
Text = Callable[..., str]

# How many columns a line in a box may have, and one beside a link.
BOX_COLUMNS = 19
LINK_COLUMNS = 12
_MOST_LINES = 3
_MOST_OPS = 4
# Backward will raise on what is kept in such a state.
BAD = ("changed", "detached")
# Where a line may end: not within a number, and not before a Chinese comma.
_BREAK = re.compile(
    r"(?<=[ _])|(?<=\.)(?=[^\W\d])|(?<=[^\W\d]\.)|(?<=[\u3400-\u9fff，：])(?![，：])"
)
_OP = re.compile(r"^(?:.*::)?(.+?)(?:Backward\d*|Backwards)?$")


class Line(NamedTuple):
    """A line of text.

    Attributes:
        style: ``"name"``, ``"tensor"``, ``"fine"``, ``"bad"`` or ``"gradient"``.
        text: What it says.
    """

    style: str
    text: str


class Written(NamedTuple):
    """All that is said of a box.

    Attributes:
        classes: What kind of box it is, then what is special about it.
        summary: The same in one sentence.
        lines: What stands in it.
        details: What is told when it is pointed at.
    """

    classes: tuple[str, ...]
    summary: str
    lines: tuple[Line, ...]
    details: str


def written(box: Box, view: View, say: Text) -> Written:
    """Return what is said of a box.

    Args:
        box: The box.
        view: What it is drawn with.
        say: The words.
    """
    saved = [each for node in box.nodes for each in node.saved]
    bad = any(each.state in BAD for each in saved)
    stopped = not view.stopped.isdisjoint(node.id for node in box.nodes)
    kind = box.nodes[-1].kind
    if kind == "op":
        is_fed = any(link.source == box.id and link.is_carried for link in view.links)
        lines = [*_op_lines(box, say), *_arrived(box.nodes[-1], stopped, is_fed, say)]
    else:
        lines = [*_tensor_lines(box.nodes[0], say)]
    classes = [kind, *["folded"] * (len(box.nodes) > 1), *["bad"] * bad, *["stopped"] * stopped]
    return Written(
        classes=tuple(classes),
        summary=", ".join(line.text for line in lines),
        lines=tuple(_wrapped(lines)),
        details="\n".join(_details(box, say)),
    )


def link_lines(link: Link, say: Text) -> list[str]:
    """Return what is written beside a link; nothing where backward carried nothing."""
    carried = [each for each in link.gradients if each]
    if len(carried) > 1:
        return wrap(say("graph.gradients", count=len(carried)), LINK_COLUMNS)
    return [line for each in carried for line in wrap(each, LINK_COLUMNS)]


def notes(view: View, say: Text) -> list[str]:
    """Return what is written below the drawing."""
    names = ", ".join(name for node in view.apart for name in node.names)
    said = {
        say("graph.empty"): not view.boxes,
        say("graph.apart", count=len(view.apart), names=names): bool(view.apart),
        say("graph.cut_off"): view.cut_off,
    }
    return [text for text, is_so in said.items() if is_so]


def columns(text: str) -> int:
    """Return how wide a text is in a monospaced font: two columns a Chinese character, else one.

    Example:
        >>> columns("leaf"), columns("梯度")
        (4, 4)
    """
    return sum(2 if unicodedata.east_asian_width(each) in "WFA" else 1 for each in text)


def wrap(text: str, most: int) -> list[str]:
    """Break a text into at most three lines, after spaces, dots and underscores where it can be.

    Example:
        >>> wrap("encoder.layers.0.weight", 10)
        ['encoder.', 'layers.0.', 'weight']
    """
    lines = [""]
    for word in _BREAK.split(text):
        parts = [word] if columns(word.rstrip()) <= most else list(word)
        for part in parts:
            if columns((lines[-1] + part).rstrip()) > most:
                lines.append("")
            lines[-1] += part
    shown = [line.rstrip() for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        while columns(f"{shown[-1]}…") > most:
            shown[-1] = shown[-1][:-1]
        shown[-1] += "…"
    return [line for line in shown if line]


def short_op(label: str) -> str:
    """Return an op's name without what every node's name has.

    Example:
        >>> short_op("SigmoidBackward0"), short_op("torch::autograd::CopySlices")
        ('Sigmoid', 'CopySlices')
    """
    found = _OP.match(label)
    return found[1] if found else label


def named(node: Node) -> str:
    """Return a node's names and shape.

    Example:
        >>> named(Node(1, "leaf", "", ("a", "b"), (3,)))
        'a, b (3,)'
    """
    shape = _together(str(node.shape)) if node.shape else ""
    return " ".join(filter(None, (", ".join(node.names), shape)))


def kept(saved: Iterable[Saved]) -> int | None:
    """Return the bytes of some saved tensors, each memory once; None if one cannot be told."""
    sizes = {(each.storage, each.name if each.storage is None else ""): each for each in saved}
    counts = [each.bytes for each in sizes.values()]
    return None if None in counts else sum(filter(None, counts))


def _together(text: str) -> str:
    """Keep a text on one line."""
    return text.replace(" ", "\u00a0")


def _op_lines(box: Box, say: Text) -> Iterator[Line]:
    if len(box.nodes) > 1 and box.module:
        yield Line("name", box.module)
    ops = list(_runs([short_op(node.label) for node in box.nodes]))
    yield Line("name", " → ".join(_shortened(ops)))
    if len(box.nodes) > 1:
        yield Line("fine", say("graph.ops", count=len(box.nodes)))
    results = ", ".join(filter(None, (named(node) for node in box.nodes if node.names)))
    if results:
        yield Line("tensor", f"→ {results}")
    yield from _within(box, say)
    by_state: dict[SavedState, list[Saved]] = {}
    for saved in (each for node in box.nodes for each in node.saved):
        by_state.setdefault(saved.state, []).append(saved)
    for state, each in by_state.items():
        yield Line("bad" if state in BAD else "fine", _saved(state, each, say))


def _runs(labels: Sequence[str]) -> Iterator[str]:
    """Write ops that repeat once, and how often."""
    for pattern, count in repeats(labels):
        text = " → ".join(_shortened(pattern))
        if count == 1:
            yield text
        else:
            yield f"({text}) ×{count}" if len(pattern) > 1 else f"{text} ×{count}"


def _shortened(labels: Sequence[str]) -> list[str]:
    return list(labels) if len(labels) <= _MOST_OPS else [labels[0], "…", labels[-1]]


def _within(box: Box, say: Text) -> Iterator[Line]:
    leaves = [node for node in box.within if node.kind == "leaf"]
    if leaves:
        with_grad = sum(node.gradient is not None for node in leaves)
        key = "graph.leaves_with_grad" if with_grad else "graph.leaves"
        yield Line("fine", say(key, count=len(leaves), with_grad=with_grad))
    constants = sum(node.kind == "constant" for node in box.within)
    if constants:
        yield Line("fine", say("graph.constants", count=constants))


def _saved(state: SavedState, saved: Sequence[Saved], say: Text) -> str:
    names = ", ".join(each.name for each in saved)
    if columns(names) > BOX_COLUMNS:
        names = say("graph.tensors", count=len(saved))
    said = say(f"graph.state.{state}", names=names)
    size = show_bytes(kept(saved)) if state == "kept" else ""
    return f"{said}, {_together(size)}" if size else said


def _arrived(node: Node, stopped: bool, is_fed: bool, say: Text) -> Iterator[Line]:
    if node.gradient and not is_fed:
        yield Line("gradient", say("graph.arrived", gradient=node.gradient))
    if stopped:
        yield Line("bad", say("graph.stopped"))


def _tensor_lines(node: Node, say: Text) -> Iterator[Line]:
    yield Line("name", named(node) or say("graph.unnamed"))
    yield Line("fine", say(f"graph.{node.kind}"))
    if node.made_in != "grad":
        yield Line("fine", say(f"graph.made_in.{node.made_in}"))
    if node.gradient:
        yield Line("gradient", say("graph.grad", gradient=node.gradient))


def _details(box: Box, say: Text) -> Iterator[str]:
    """Tell all of a box; of a folded one what it is made of, and what its leaves got."""
    if len(box.nodes) == 1:
        yield from _node_details(box.nodes[0], say)
    else:
        yield " → ".join(_runs([node.label for node in box.nodes]))
        for node in box.nodes:
            if node.names:
                yield f"→ {named(node)}"
    for node in box.within:
        if node.kind != "op":
            grad = say("graph.grad", gradient=node.gradient) if node.gradient else ""
            yield " ".join(filter(None, (say(f"graph.{node.kind}"), named(node), grad)))


def _node_details(node: Node, say: Text) -> Iterator[str]:
    yield node.label or say(f"graph.{node.kind}")
    if node.names or node.shape is not None:
        yield " ".join(filter(None, (", ".join(node.names), str(node.shape or "()"))))
    if node.kind == "constant" and node.made_in != "grad":
        yield say(f"graph.made_in.{node.made_in}")
    for saved in node.saved:
        size = "" if saved.bytes is None else f", {show_bytes(saved.bytes)}"
        yield f"{say(f'graph.state.{saved.state}', names=saved.name)} {saved.shape}{size}"
    if node.gradient:
        key = "graph.arrived" if node.kind == "op" else "graph.grad"
        yield say(key, gradient=node.gradient)


def _wrapped(lines: Iterable[Line]) -> Iterator[Line]:
    for style, text in lines:
        for part in wrap(text, BOX_COLUMNS):
            yield Line(style, part)
