"""What of a graph stands in one box, and how the boxes are linked.

The ops of a large graph are put in an order in which none comes before what it uses, and only ops
that follow each other there are put together, so that boxes never lead to each other in a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from profiling.model.graph import Edge, EdgeKind, Graph, Node, NodeKind

_Item = TypeVar("_Item")
_LONGEST = 64
Unit = tuple[int, ...]
_BAD = ("changed", "detached")

MOST_BOXES = 60


def repeats(items: Sequence[_Item]) -> Iterator[tuple[Sequence[_Item], int]]:
    """Split a sequence into patterns and how often each stands there in a row.

    Example:
        >>> list(repeats(["Linear", "ReLU", "Linear", "ReLU", "Linear"]))
        [(['Linear', 'ReLU'], 2), (['Linear'], 1)]
    """
    start = 0
    while start < len(items):
        length, count = max(
            ((length, _count(items, start, length)) for length in range(1, _LONGEST + 1)),
            key=lambda found: (found[0] * found[1] if found[1] > 1 else 1, -found[0]),
        )
        if count == 1:
            length = 1
        yield items[start : start + length], count
        start += length * count


def _count(items: Sequence[_Item], start: int, length: int) -> int:
    pattern = items[start : start + length]
    end = start + length
    while items[end : end + length] == pattern:
        end += length
    return (end - start) // length


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


def fold(graph: Graph, most: int = MOST_BOXES) -> View:
    """Return the boxes to draw.

    Args:
        graph: The graph.
        most: How many nodes may stand alone; of a larger graph, ops are put together until there
            are no more boxes than that, but for cuts, which always stay visible.
    """
    linked = {each for edge in graph.edges for each in (edge.source, edge.target)}
    idle = {node.id for node in graph.nodes if _is_plain(node)} - linked
    if not graph.edges:
        idle = set()
    shown = [node for node in graph.nodes if node.id not in idle]
    apart = tuple(node for node in graph.nodes if node.id in idle)
    stopped = _stopped(graph)
    if len(shown) > most:
        boxes = _Folding(graph, shown, stopped).boxes(most)
    else:
        boxes = tuple(Box((node,)) for node in shown)
    return View(boxes, links(boxes, graph.edges), apart, stopped, graph.cut_off)


def _is_plain(node: Node) -> bool:
    return node.kind == "constant" and node.made_in == "grad"


def _stopped(graph: Graph) -> frozenset[int]:
    """Find ops whose backward has begun and not ended, as where it raised."""
    into: dict[int, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        if edge.kind == "gradient":
            into[edge.target].append(edge)
    arrived = (node.id for node in graph.nodes if node.gradient and into[node.id])
    return frozenset(id for id in arrived if all(each.gradient is None for each in into[id]))


class _Folding:
    """A large graph, and who uses whom in it."""

    def __init__(self, graph: Graph, shown: Sequence[Node], stopped: frozenset[int]) -> None:
        self._nodes = {node.id: node for node in shown}
        self._inputs: dict[int, list[int]] = defaultdict(list)
        self._users: dict[int, list[int]] = defaultdict(list)
        tied: set[int] = set()
        for edge in graph.edges:
            if edge.kind == "memory":
                tied |= {edge.source, edge.target}
            else:
                self._users[edge.source].append(edge.target)
            if edge.kind == "gradient":
                self._inputs[edge.target].append(edge.source)
        bad = {node.id for node in shown if any(each.state in _BAD for each in node.saved)}
        self._pinned = tied | bad | stopped
        self._views = self._leaf_views()
        self._order = self._forward_order()

    def boxes(self, most: int) -> tuple[Box, ...]:
        """Put ops together until there are few boxes, by the mildest means that does.

        Args:
            most: How many boxes there should be.
        """
        units = _merge([(op,) for op in self._order], self._is_view_before)
        units = self._chains(units)
        modules = self._modules()
        for depth in range(max(map(len, modules.values()), default=0), 0, -1):
            if self._count(units) > most:
                at_depth = {op: module[:depth] for op, module in modules.items()}
                units = self._by_module(units, at_depth)
        if self._count(units) > most:
            units = self._repeated(units)
        while self._count(units) > most:
            fewer = self._pairs(units)
            if len(fewer) == len(units):
                break
            units = fewer
        boxes = self._filled(units, shared=False)
        return boxes if len(boxes) <= most else self._filled(units, shared=True)

    def _count(self, units: Sequence[Unit]) -> int:
        return len(self._filled(units, shared=True))

    def _leaf_views(self) -> set[int]:
        """Find ops that keep nothing and only hand a leaf on to one other op, as transposes do."""
        views: set[int] = set()
        waiting = [node.id for node in self._nodes.values() if node.kind == "leaf"]
        for each in waiting:
            for user in self._users[each]:
                node = self._nodes[user]
                is_plain = not (node.saved or node.names or user in self._pinned)
                if is_plain and len(self._inputs[user]) == len(self._users[user]) == 1:
                    views.add(user)
                    waiting.append(user)
        return views

    def _forward_order(self) -> list[int]:
        """Order ops so that each follows what it uses, views of leaves right before their user."""
        order: dict[int, None] = {}
        results = [each for each in self._nodes if not self._users[each]]
        waiting = [(each, False) for each in results]
        while waiting:
            op, is_done = waiting.pop()
            if is_done:
                order[op] = None
            elif op not in order and self._nodes[op].kind == "op":
                inputs = sorted(self._inputs[op], key=self._views.__contains__)
                waiting += [(op, True), *((each, False) for each in reversed(inputs))]
        return list(order)

    def _is_view_before(self, unit: Unit, _: Unit) -> bool:
        return self._views.issuperset(unit)

    def _chains(self, units: Sequence[Unit]) -> list[Unit]:
        """Put together what has one way out and what has, from ops, this one way in."""

        def follows(first: Unit, second: Unit) -> bool:
            inputs = {each for op in second for each in self._inputs[op]}.difference(second)
            ops = {each for each in inputs if self._nodes[each].kind == "op"}
            goes_on = set(second).issuperset(self._users[first[-1]])
            return self._free(first, second) and goes_on and ops == {first[-1]}

        return _merge(units, follows)

    def _modules(self) -> dict[int, tuple[str, ...]]:
        """Tell each op's module by its leaves' names; one without leaves is where the last was."""
        modules: dict[int, tuple[str, ...]] = {}
        module: tuple[str, ...] = ()
        for op in self._order:
            for each in self._inputs[op]:
                names = self._nodes[each].names if self._nodes[each].kind == "leaf" else ()
                if names and "." in names[0]:
                    module = tuple(names[0].split(".")[:-1])
            modules[op] = module
        return modules

    def _by_module(
        self, units: Sequence[Unit], modules: Mapping[int, tuple[str, ...]]
    ) -> list[Unit]:
        def is_same(first: Unit, second: Unit) -> bool:
            return self._free(first, second) and modules[first[-1]] == modules[second[-1]] != ()

        return _merge(units, is_same)

    def _repeated(self, units: Sequence[Unit]) -> list[Unit]:
        """Put together what repeats, such as the steps of a loop."""
        keys = [
            unit if self._pinned & set(unit) else tuple(self._nodes[op].label for op in unit)
            for unit in units
        ]
        merged: list[Unit] = []
        start = 0
        for pattern, count in repeats(keys):
            end = start + len(pattern) * count
            together = tuple(op for unit in units[start:end] for op in unit)
            merged += [together] if count > 1 else units[start:end]
            start = end
        return merged

    def _pairs(self, units: Sequence[Unit]) -> list[Unit]:
        """Put together two and two neighbours."""
        merged: list[Unit] = []
        waiting = list(reversed(units))
        while waiting:
            unit = waiting.pop()
            if waiting and self._free(unit, waiting[-1]):
                unit += waiting.pop()
            merged.append(unit)
        return merged

    def _free(self, first: Unit, second: Unit) -> bool:
        return self._pinned.isdisjoint(first) and self._pinned.isdisjoint(second)

    def _filled(self, units: Sequence[Unit], *, shared: bool) -> tuple[Box, ...]:
        """Make boxes, and put into them the leaves and constants that nothing else uses.

        Args:
            units: Ops that stand together.
            shared: Whether this goes for those that several ops use, too.
        """
        unit_of = {op: unit for unit in units for op in unit}
        within: dict[Unit, list[Node]] = defaultdict(list)
        alone: list[Box] = []
        for node in self._nodes.values():
            if node.kind == "op":
                continue
            users = self._users[node.id]
            homes = {unit_of[user] for user in users}
            if len(homes) == 1 and node.id not in self._pinned and (shared or len(users) == 1):
                within[homes.pop()].append(node)
            else:
                alone.append(Box((node,)))
        boxes = []
        for unit in units:
            views = [self._nodes[op] for op in unit if op in self._views and op != unit[-1]]
            ops = tuple(self._nodes[op] for op in unit if self._nodes[op] not in views)
            boxes.append(Box(ops, (*within[unit], *views)))
        return (*boxes, *alone)


def _merge(units: Sequence[Unit], joins: Callable[[Unit, Unit], bool]) -> list[Unit]:
    """Put together neighbours, as long as the last ones and the next belong together."""
    merged: list[Unit] = []
    for unit in units:
        if merged and joins(merged[-1], unit):
            merged[-1] += unit
        else:
            merged.append(unit)
    return merged
