"""What is drawn of a graph: boxes of one or more nodes, and links between boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from profiling.graph_records import Edge, EdgeKind, Node, NodeKind


class Box(NamedTuple):
    """Nodes that are drawn as one.

    Attributes:
        nodes: The node itself; of a folded box its ops in the order of the forward pass.
        within: Leaves and constants that only these ops use, and ops that only make views of them.
    """

    nodes: tuple[Node, ...]
    within: tuple[Node, ...] = ()

    @property
    def id(self) -> int:
        """Number of the node that stands for it, the last one."""
        return self.nodes[-1].id

    @property
    def module(self) -> str:
        """Name of the module that all its leaves belong to; empty where none tells."""
        names = [name.split(".")[:-1] for each in self.within for name in each.names[:1]]
        parts = []
        for level in zip(*names, strict=False):
            if len(set(level)) > 1:
                break
            parts.append(level[0])
        return ".".join(parts)


class Link(NamedTuple):
    """The edges of one kind between two boxes, in the direction of the forward pass.

    Attributes:
        source: Id of the box whose result is used.
        target: Id of the box that uses it.
        kind: As of an edge.
        gradients: What backward carried, one for each edge that it went along; empty texts where
            nothing needed it.
    """

    source: int
    target: int
    kind: EdgeKind
    gradients: tuple[str, ...] = ()

    @property
    def is_carried(self) -> bool:
        """Whether backward carried something along it."""
        return any(self.gradients)


class View(NamedTuple):
    """What is drawn of a graph.

    Attributes:
        boxes: The boxes.
        links: The links between them.
        apart: Constants that have no edge and so are not drawn.
        stopped: Ids of ops that a gradient arrived at and that passed none on.
        cut_off: Whether there was more than could be kept.
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    apart: tuple[Node, ...] = ()
    stopped: frozenset[int] = frozenset()
    cut_off: bool = False

    def kind(self, box: int) -> NodeKind:
        """Return of what kind a box's nodes are."""
        return next(each.nodes[-1].kind for each in self.boxes if each.id == box)


def links(boxes: Iterable[Box], edges: Iterable[Edge]) -> tuple[Link, ...]:
    """Return the links between boxes that all nodes of some edges are in."""
    box_of = {node.id: box.id for box in boxes for node in (*box.nodes, *box.within)}
    carried: dict[tuple[int, int, EdgeKind], list[str]] = defaultdict(list)
    for edge in edges:
        source, target = box_of[edge.source], box_of[edge.target]
        if source != target:
            carried[source, target, edge.kind] += [] if edge.gradient is None else [edge.gradient]
    return tuple(Link(*ends, tuple(gradients)) for ends, gradients in carried.items())
