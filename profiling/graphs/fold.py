"""Groups the nodes of a graph into boxes, so that a large graph is drawn with few of them.

Only ops that follow each other in a topological order share a box, so links that backward follows
never form a cycle. No box has both sides of a cut in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from profiling.model.graph import Edge, EdgeKind, Graph, Node, NodeKind

# Graphs with more nodes are folded.
MOST_BOXES = 60
# The same of a branch: of a whole network, one sees first where the gradient stops.
BRANCH_BOXES = 8
# More leaves or frozen parameters than these that are used through the same cut share a box: of a
# leaf, one wants to see the gradient.
_MOST_ALONE: Mapping[NodeKind, int] = {"leaf": 2, "constant": 1}
# States of saved tensors that make backward raise.
BAD = ("changed", "detached")

# Ids of ops that share a box, in forward order.
Group = tuple[int, ...]
_Item = TypeVar("_Item")
# Longest pattern that `repeats` finds.
_MAX_PATTERN = 64


def repeats(items: Sequence[_Item]) -> Iterator[tuple[Sequence[_Item], int]]:
    """Split a sequence into patterns and the number of times each repeats in a row.

    Example:
        >>> list(repeats(["Linear", "ReLU", "Linear", "ReLU", "Linear"]))
        [(['Linear', 'ReLU'], 2), (['Linear'], 1)]
    """
    start = 0
    while start < len(items):
        length, count = max(
            (
                (length, _count_repeats(items, start, length))
                for length in range(1, _MAX_PATTERN + 1)
            ),
            key=lambda found: (found[0] * found[1] if found[1] > 1 else 1, -found[0]),
        )
        if count == 1:
            length = 1
        yield items[start : start + length], count
        start += length * count


def _count_repeats(items: Sequence[_Item], start: int, length: int) -> int:
    pattern = items[start : start + length]
    end = start + length
    while items[end : end + length] == pattern:
        end += length
    return (end - start) // length


class Box(NamedTuple):
    """Nodes that are drawn as one box.

    Attributes:
        nodes: A single node, the ops of a folded box in forward order, or parameters of a module
            that are used alike.
        inner: Leaves and constants that only these ops use, and ops that only view leaves.
    """

    nodes: tuple[Node, ...]
    inner: tuple[Node, ...] = ()

    @property
    def id(self) -> int:
        """Id of its last node."""
        return self.nodes[-1].id

    @property
    def module(self) -> str:
        """Name of the innermost module that owns all its leaves; empty if there is none."""
        leaves = [node for node in self.inner if node.kind == "leaf"]
        if self.nodes[-1].kind != "op":
            leaves += self.nodes
        names = [name.split(".")[:-1] for each in leaves for name in each.names[:1]]
        parts = []
        for level in zip(*names, strict=False):
            if len(set(level)) > 1:
                break
            parts.append(level[0])
        return ".".join(parts)


class Link(NamedTuple):
    """All edges of one kind between two boxes, in the direction of the forward pass.

    Attributes:
        source: Id of the box whose result is used.
        target: Id of the box that uses it.
        kind: Kind of the edges.
        gradients: The gradients that backward passed along the edges; an empty string for an edge
            that backward followed without a gradient.
        ways: What cut the values that pass along the edges; also of edges that share memory too.
    """

    source: int
    target: int
    kind: EdgeKind
    gradients: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()

    @property
    def carries_gradient(self) -> bool:
        """Whether backward passed a gradient along it."""
        return any(self.gradients)


class View(NamedTuple):
    """The boxes and links that are drawn of a graph.

    Attributes:
        boxes: The boxes.
        links: The links between them.
        unconnected: Constants without an edge, which are not drawn.
        stopped: Ids of ops that received a gradient and passed none on.
        cut_off: Whether the graph has more nodes than were recorded.
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    unconnected: tuple[Node, ...] = ()
    stopped: frozenset[int] = frozenset()
    cut_off: bool = False

    def kind(self, box: int) -> NodeKind:
        """Return the kind of the nodes in a box."""
        return next(each.nodes[-1].kind for each in self.boxes if each.id == box)


def links(boxes: Iterable[Box], edges: Iterable[Edge]) -> tuple[Link, ...]:
    """Return the links between boxes; the boxes must contain the ends of all edges."""
    box_of = {node.id: box.id for box in boxes for node in (*box.nodes, *box.inner)}
    found: dict[tuple[int, int, EdgeKind], list[Edge]] = defaultdict(list)
    for edge in edges:
        source, target = box_of[edge.source], box_of[edge.target]
        if source != target:
            found[source, target, edge.kind].append(edge)
    drawn = {ends: _link(ends, along) for ends, along in found.items()}
    for source, target, kind in [*drawn]:
        # What was cut and still shares memory is one link.
        tie: tuple[int, int, EdgeKind] = (source, target, "memory")
        if kind == "cut" and tie in drawn:
            drawn[tie] = drawn[tie]._replace(ways=drawn.pop((source, target, kind)).ways)
    return tuple(drawn.values())


def _link(ends: tuple[int, int, EdgeKind], edges: Sequence[Edge]) -> Link:
    gradients = tuple(edge.gradient for edge in edges if edge.gradient is not None)
    ways = dict.fromkeys(edge.cut.way for edge in edges if edge.cut is not None)
    return Link(*ends, gradients, tuple(ways))


def fold(graph: Graph, max_boxes: int = MOST_BOXES) -> View:
    """Return the boxes and links to draw.

    Args:
        graph: The graph.
        max_boxes: A graph with more nodes is folded until it has at most this many boxes, if
            possible: cuts and changed saved tensors always keep a box of their own.
    """
    linked = {each for edge in graph.edges for each in (edge.source, edge.target)}
    left_out = {node.id for node in graph.nodes if _is_plain(node)} - linked
    if not graph.edges:
        left_out = set()
    shown = [node for node in graph.nodes if node.id not in left_out]
    unconnected = tuple(node for node in graph.nodes if node.id in left_out)
    stopped = _stopped(graph)
    apart = _apart(graph)
    spared = sum(len(leaves) - 1 for leaves in apart)
    if len(shown) - spared > max_boxes:
        boxes = _Folder(graph, shown, stopped).boxes(max_boxes + spared)
    else:
        boxes = tuple(Box((node,)) for node in shown)
    together = {leaf.id for leaves in apart for leaf in leaves}
    boxes = tuple(box for box in boxes if box.nodes[0].id not in together)
    boxes += tuple(map(Box, apart))
    return View(boxes, links(boxes, graph.edges), unconnected, stopped, graph.cut_off)


def _apart(graph: Graph) -> list[tuple[Node, ...]]:
    """Find tensors of a module whose values only reach others through the same cut."""
    ways: dict[int, set[tuple[int, str]]] = defaultdict(set)
    others: set[int] = set()
    for edge in graph.edges:
        others.add(edge.target)
        if edge.cut is not None:
            ways[edge.source].add((edge.target, edge.cut.way))
        else:
            others.add(edge.source)
    groups: dict[tuple[NodeKind, str, frozenset[tuple[int, str]]], list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if node.kind != "op" and node.id in ways and node.id not in others:
            groups[node.kind, _top_module(node), frozenset(ways[node.id])].append(node)
    return [tuple(nodes) for (kind, *_), nodes in groups.items() if len(nodes) > _MOST_ALONE[kind]]


def _top_module(node: Node) -> str:
    """Return the outermost module of a parameter; its own name if it has none."""
    return node.names[0].partition(".")[0] if node.names else ""


def _is_plain(node: Node) -> bool:
    return node.kind == "constant" and node.made_in == "grad"


def _stopped(graph: Graph) -> frozenset[int]:
    """Find ops that received a gradient and passed none on, as an op whose backward raised."""
    into: dict[int, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        if edge.kind == "gradient":
            into[edge.target].append(edge)
    arrived = (node.id for node in graph.nodes if node.gradient and into[node.id])
    return frozenset(id for id in arrived if all(each.gradient is None for each in into[id]))


class _Folder:
    """Merges the ops of a large graph into groups."""

    def __init__(self, graph: Graph, shown: Sequence[Node], stopped: frozenset[int]) -> None:
        self._nodes = {node.id: node for node in shown}
        self._inputs: dict[int, list[int]] = defaultdict(list)
        self._users: dict[int, list[int]] = defaultdict(list)
        # What is before and after each node in forward, whether backward follows or not.
        self._before: dict[int, list[int]] = defaultdict(list)
        self._after: dict[int, list[int]] = defaultdict(list)
        sharing: set[int] = set()
        for edge in graph.edges:
            if edge.kind == "memory":
                sharing |= {edge.source, edge.target}
                continue
            self._before[edge.target].append(edge.source)
            self._after[edge.source].append(edge.target)
            if edge.kind != "cut":
                self._users[edge.source].append(edge.target)
            if edge.kind == "gradient":
                self._inputs[edge.target].append(edge.source)
        cuts = [edge for edge in graph.edges if edge.kind == "cut"]
        self._cut = {edge.source for edge in cuts}
        reached = {edge.target for edge in cuts}
        self._beyond = reached | {user for each in reached for user in self._uses_of(each)}
        bad = {node.id for node in shown if any(each.state in BAD for each in node.saved)}
        apart = {each for each in reached if self._nodes[each].kind != "op"}
        self._pinned = sharing | bad | stopped | apart
        self._views = self._leaf_views()
        self._order = self._forward_order()

    def _uses_of(self, node: int) -> list[int]:
        """Return what uses a constant or a leaf; nothing for an op."""
        return [] if self._nodes[node].kind == "op" else self._users[node]

    def boxes(self, max_boxes: int) -> tuple[Box, ...]:
        """Merge ops step by step, the least lossy way first, until there are few enough boxes."""
        groups = _merge_neighbours([(op,) for op in self._order], self._is_view_before)
        groups = self._merge_chains(groups)
        modules = self._modules_of_ops()
        for depth in range(max(map(len, modules.values()), default=0), 0, -1):
            if self._box_count(groups) > max_boxes:
                at_depth = {op: module[:depth] for op, module in modules.items()}
                groups = self._merge_modules(groups, at_depth)
        if self._box_count(groups) > max_boxes:
            groups = self._merge_repeats(groups)
        while self._box_count(groups) > max_boxes:
            fewer = self._merge_pairs(groups)
            if len(fewer) == len(groups):
                break
            groups = fewer
        boxes = self._make_boxes(groups, shared=False)
        return boxes if len(boxes) <= max_boxes else self._make_boxes(groups, shared=True)

    def _box_count(self, groups: Sequence[Group]) -> int:
        return len(self._make_boxes(groups, shared=True))

    def _leaf_views(self) -> set[int]:
        """Find ops that save nothing and only pass a leaf to one other op, such as transposes."""
        views: set[int] = set()
        waiting = [node.id for node in self._nodes.values() if node.kind == "leaf"]
        for each in waiting:
            for user in self._users[each]:
                node = self._nodes[user]
                is_apart = user in self._pinned | self._cut | self._beyond
                is_plain = not (node.saved or node.names or is_apart)
                if is_plain and len(self._inputs[user]) == len(self._users[user]) == 1:
                    views.add(user)
                    waiting.append(user)
        return views

    def _forward_order(self) -> list[int]:
        """Order ops topologically, views of leaves right before the op that uses them."""
        done: dict[int, None] = {}
        entered: set[int] = set()
        results = [each for each in self._nodes if not self._after[each]]
        # A constant that is changed in place may be before what it comes from.
        waiting = [(each, False) for each in (*self._nodes, *results)]
        while waiting:
            node, is_done = waiting.pop()
            if is_done:
                done[node] = None
            elif node not in entered:
                entered.add(node)
                before = sorted(self._before[node], key=self._views.__contains__)
                waiting += [(node, True), *((each, False) for each in reversed(before))]
        return [each for each in done if self._nodes[each].kind == "op"]

    def _is_view_before(self, group: Group, _: Group) -> bool:
        return self._views.issuperset(group)

    def _merge_chains(self, groups: Sequence[Group]) -> list[Group]:
        """Merge an op's only user in a module into its group if it has no other op as input."""
        tops = {op: module[:1] for op, module in self._modules_of_ops().items()}

        def follows(first: Group, second: Group) -> bool:
            inputs = {each for op in second for each in self._inputs[op]}.difference(second)
            ops = {each for each in inputs if self._nodes[each].kind == "op"}
            goes_on = set(second).issuperset(self._users[first[-1]])
            is_same = tops[first[-1]] == tops[second[-1]]
            return is_same and self._can_merge(first, second) and goes_on and ops == {first[-1]}

        return _merge_neighbours(groups, follows)

    def _modules_of_ops(self) -> dict[int, tuple[str, ...]]:
        """Return each op's module, by its leaves' names; without leaves, the last op's module."""
        modules: dict[int, tuple[str, ...]] = {}
        module: tuple[str, ...] = ()
        for op in self._order:
            for each in self._inputs[op]:
                names = self._nodes[each].names if self._nodes[each].kind == "leaf" else ()
                if names and "." in names[0]:
                    module = tuple(names[0].split(".")[:-1])
            modules[op] = module
        return modules

    def _merge_modules(
        self, groups: Sequence[Group], modules: Mapping[int, tuple[str, ...]]
    ) -> list[Group]:
        def is_same(first: Group, second: Group) -> bool:
            return (
                self._can_merge(first, second) and modules[first[-1]] == modules[second[-1]] != ()
            )

        return _merge_neighbours(groups, is_same)

    def _merge_repeats(self, groups: Sequence[Group]) -> list[Group]:
        """Merge repeated patterns, such as the steps of a loop."""
        apart = self._pinned | self._cut | self._beyond
        keys = [
            group if apart & set(group) else tuple(self._nodes[op].label for op in group)
            for group in groups
        ]
        merged: list[Group] = []
        start = 0
        for pattern, count in repeats(keys):
            end = start + len(pattern) * count
            together = tuple(op for group in groups[start:end] for op in group)
            merged += [together] if count > 1 else groups[start:end]
            start = end
        return merged

    def _merge_pairs(self, groups: Sequence[Group]) -> list[Group]:
        """Merge neighbours two by two."""
        merged: list[Group] = []
        waiting = list(reversed(groups))
        while waiting:
            group = waiting.pop()
            if waiting and self._can_merge(group, waiting[-1]):
                group += waiting.pop()
            merged.append(group)
        return merged

    def _can_merge(self, first: Group, second: Group) -> bool:
        is_free = self._pinned.isdisjoint(first) and self._pinned.isdisjoint(second)
        return is_free and self._cut.isdisjoint(first) and self._beyond.isdisjoint(second)

    def _make_boxes(self, groups: Sequence[Group], *, shared: bool) -> tuple[Box, ...]:
        """Make a box of each group and put leaves and constants into the only box that uses them.

        Args:
            groups: Ops that share a box.
            shared: Whether to include leaves and constants that several ops of a group use, and to
                let leaves of a module that the same groups use share a box.
        """
        group_of = {op: group for group in groups for op in group}
        inner: dict[Group, list[Node]] = defaultdict(list)
        alone: list[Box] = []
        together: dict[tuple[str, frozenset[Group]], list[Node]] = defaultdict(list)
        for node in self._nodes.values():
            if node.kind == "op":
                continue
            users = self._users[node.id]
            homes = {group_of[user] for user in users}
            if len(homes) == 1 and node.id not in self._pinned and (shared or len(users) == 1):
                inner[homes.pop()].append(node)
            elif shared and node.kind == "leaf" and homes and node.id not in self._pinned:
                together[_top_module(node), frozenset(homes)].append(node)
            else:
                alone.append(Box((node,)))
        boxes = []
        for group in groups:
            views = [self._nodes[op] for op in group if op in self._views and op != group[-1]]
            ops = tuple(self._nodes[op] for op in group if self._nodes[op] not in views)
            boxes.append(Box(ops, (*inner[group], *views)))
        return (*boxes, *alone, *(Box(tuple(leaves)) for leaves in together.values()))


def _merge_neighbours(
    groups: Sequence[Group], joins: Callable[[Group, Group], bool]
) -> list[Group]:
    """Merge each group into the one before it if `joins` says that they belong together."""
    merged: list[Group] = []
    for group in groups:
        if merged and joins(merged[-1], group):
            merged[-1] += group
        else:
            merged.append(group)
    return merged
