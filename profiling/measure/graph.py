"""Reads the backward graph that autograd recorded, from ``grad_fn`` back to the leaves.

Nothing is hooked into how tensors are saved, so autograd's in-place check keeps working. The
gradients that backward carries are recorded by hooks on the nodes, which change none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace

from profiling.measure.cuts import Cuts
from profiling.measure.global_state import kept
from profiling.measure.nodes import key_of, leaf_of, tensor_key
from profiling.measure.snapshot import (
    ObjectNumbers,
    Snapshots,
    StorageNumbers,
    function_of,
    grad_of,
    named_tensors,
    numbers,
    storage_of,
)
from profiling.measure.step import State
from profiling.model.graph import BranchGraph, Edge, Graph, Node, Saved, SavedState
from profiling.model.run import Cell

MAX_NODES = 2_000
_SHOWN_NUMBERS = 4
# Ops save a result of their own under these names.
_RESULTS = ("result", "output")
_RAW = "_raw_saved_"

# What unpacking a saved tensor raises when backward could not use it.
_REASONS: dict[str, SavedState] = {
    "modified by an inplace operation": "changed",
    "already been freed": "freed",
}

_Gradients = Iterable[torch.Tensor | None]


def graph(tensors: torch.Tensor | Mapping[str, torch.Tensor]) -> Graph:
    """Return the backward graph of a tensor, or of tensors by name.

    Example:
        >>> a = torch.tensor([1.0], requires_grad=True)
        >>> [(node.kind, node.label) for node in graph(a.sigmoid()).nodes]
        [('op', 'SigmoidBackward0'), ('leaf', '')]
    """
    named = {"": tensors} if isinstance(tensors, torch.Tensor) else tensors
    return Graphs(Snapshots()).record(named, watch=False)


def branch_graph(cell: Cell) -> BranchGraph:
    """Run a branch's forward and backward once and return its graph, with the gradients in it.

    Of a branch that runs backward itself, what each backward ran through is in the graph.

    Args:
        cell: The cell; its first branch is run.
    """
    state = State(cell)
    step = state.step(cell.branches[0])
    snapshots = Snapshots()
    named = dict(named_tensors(state.arguments))

    def on_backward(tensors: list[torch.Tensor]) -> None:
        for tensor in tensors:
            graphs.record({**named, "": tensor}, watch=True)

    cuts = Cuts(snapshots.objects, on_backward)
    graphs = Graphs(snapshots, cuts, remember=True)
    error = None
    with kept():
        try:
            step.reset()
            with cuts:
                result = step.forward()
            named |= _named_results(result)
            graphs.record(named, watch=True)
            step.backward(result)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
        return BranchGraph(graphs.record(named, watch=False), error)


class Graphs:
    """Records the graph repeatedly; a node keeps its number from one record to the next."""

    def __init__(
        self, snapshots: Snapshots, cuts: Cuts | None = None, *, remember: bool = False
    ) -> None:
        """Start without any node.

        Args:
            snapshots: Numbers storages and tensors, and knows the mode each tensor was made in.
            cuts: Knows where values left the graph; without it, no cut is recorded.
            remember: Whether a record has what earlier ones had, although it has been freed.
        """
        self._snapshots = snapshots
        self._cuts = cuts
        self._remember = remember
        self._earlier = Graph()
        self._ids: dict[Hashable, int] = {}
        self._saved = _SavedTensors(snapshots.storages)
        self._watched: set[int] = set()
        self._arrived: dict[int, str | None] = {}
        self._carried: dict[tuple[int, int], str | None] = {}

    def record(self, named: Mapping[str, torch.Tensor], *, watch: bool) -> Graph:
        """Return the graph of all named tensors.

        Args:
            named: Tensors by name.
            watch: Whether to record from now on what backward carries.
        """
        objects = self._snapshots.objects
        found = _walk(named.values(), objects, MAX_NODES)
        keys = {name: tensor_key(tensor, objects) for name, tensor in named.items()}
        for key in (*found.functions, *keys.values()):
            self._ids.setdefault(key, len(self._ids) + 1)
        if watch:
            for key, function in found.functions.items():
                self._watch(key, function, found.inputs[key])
        nodes = {self._ids[key]: self._node(key, each) for key, each in found.functions.items()}
        tensors: dict[int, torch.Tensor] = {}
        for name, tensor in named.items():
            number = self._ids[keys[name]]
            tensors.setdefault(number, tensor)
            node = nodes.get(number) or self._tensor(number, tensor)
            names = (*node.names, name) if name else node.names
            nodes[number] = replace(node, names=names, shape=tuple(tensors[number].shape))
        edges = (
            *self._edges(found),
            *self._ties(tensors, nodes),
            *self._uses(tensors, nodes, found),
        )
        graph = Graph(tuple(nodes.values()), edges, found.cut_off)
        if self._remember:
            graph = self._earlier = _together(self._earlier, graph)
        return graph if self._cuts is None else self._with_flows(graph, self._cuts)

    def _node(self, key: Hashable, function: Any) -> Node:
        number, leaf = self._ids[key], leaf_of(function)
        if leaf is not None:
            return self._tensor(number, leaf)
        saved = self._saved.of(number, function)
        arrived = self._arrived.get(number)
        return Node(number, "op", function.name(), saved=saved, gradient=arrived)

    def _tensor(self, number: int, tensor: torch.Tensor) -> Node:
        grad = grad_of(tensor)
        return Node(
            number,
            "leaf" if tensor.requires_grad else "constant",
            "",
            shape=tuple(tensor.shape),
            made_in=self._snapshots.made_in(tensor),
            gradient=None if grad is None else _show_gradient(grad),
        )

    def _edges(self, found: _Reached) -> Iterator[Edge]:
        for key in found.inputs:
            target = self._ids[key]
            for source in self._sources(found, key):
                yield Edge(source, target, "gradient", self._carried.get((source, target)))

    def _ties(
        self, tensors: Mapping[int, torch.Tensor], nodes: Mapping[int, Node]
    ) -> Iterator[Edge]:
        """Yield an edge from each result to what only shares its storage."""
        owners: dict[int, int] = {}
        for number in sorted(tensors, key=lambda number: nodes[number].kind != "op"):
            owner = owners.setdefault(self._snapshots.storages[tensors[number]], number)
            if owner != number and nodes[number].kind != "op":
                yield Edge(owner, number, "memory")

    def _uses(
        self, tensors: Mapping[int, torch.Tensor], nodes: Mapping[int, Node], found: _Reached
    ) -> Iterator[Edge]:
        """Yield an edge from each constant to the ops that save it, unless a gradient edge does."""
        storages = {number: self._snapshots.storages[each] for number, each in tensors.items()}
        constants = {storages[each]: each for each in tensors if nodes[each].kind == "constant"}
        for key in found.inputs:
            node = nodes[self._ids[key]]
            with_gradient = {storages.get(each) for each in (*self._sources(found, key), node.id)}
            saved = {each.storage: each for each in node.saved}
            for storage in sorted(filter(None, saved.keys() & constants.keys() - with_gradient)):
                if saved[storage].name.startswith(_RESULTS):
                    yield Edge(node.id, constants[storage], "memory")
                else:
                    yield Edge(constants[storage], node.id, "constant")

    def _with_flows(self, graph: Graph, cuts: Cuts) -> Graph:
        """Add an edge along each way that values took around the graph, unless there is one."""
        ids = {node.id for node in graph.nodes}
        present = {key: number for key, number in self._ids.items() if number in ids}
        taken = {(edge.source, edge.target) for edge in graph.edges if edge.kind != "memory"}
        attached = {edge.source for edge in graph.edges if edge.kind == "gradient"}
        freed: dict[int, Node] = {}
        edges: dict[Edge, None] = {}
        for source, target, cut in cuts.flows(present):
            to = present[target]
            if cut is None:
                if (present[source], to) not in taken:
                    edges[Edge(present[source], to, "constant")] = None
                continue
            nearest = [present[key] for key in cuts.nearest(source, present)]
            if len(nearest) > 1 and not attached.isdisjoint(nearest):
                # Leaves that get a gradient elsewhere do not show what was cut.
                number = self._ids.setdefault(source, len(self._ids) + 1)
                freed[number] = Node(number, "op", _label_of(source), freed=True)
                nearest = [number]
            edges.update((Edge(each, to, "cut", cut=cut), None) for each in nearest if each != to)
        return replace(graph, nodes=(*graph.nodes, *freed.values()), edges=(*graph.edges, *edges))

    def _sources(self, found: _Reached, key: Hashable) -> list[int]:
        return list(
            dict.fromkeys(self._ids[each] for each in found.inputs[key] if each is not None)
        )

    def _watch(self, key: Hashable, function: Any, inputs: list[Hashable | None]) -> None:
        number = self._ids[key]
        if number in self._watched or leaf_of(function) is not None:
            return
        self._watched.add(number)
        sources = [None if each is None else self._ids[each] for each in inputs]

        def arrive(gradients: _Gradients) -> None:
            self._arrived[number] = _show_gradients(gradients)

        def carry(gradients: _Gradients, _: _Gradients) -> None:
            by_input = list(zip(gradients, sources, strict=False))
            for source in {each for each in sources if each is not None}:
                along = [gradient for gradient, to in by_input if to == source]
                self._carried[source, number] = _show_gradients(along)

        function.register_prehook(arrive)
        function.register_hook(carry)


def _label_of(key: Hashable) -> str:
    return str(key[0]) if isinstance(key, tuple) else ""


def _together(earlier: Graph, later: Graph) -> Graph:
    """Return two records as one, in which the later one counts."""
    nodes = {node.id: node for node in (*earlier.nodes, *later.nodes)}
    edges = {(edge.source, edge.target, edge.kind): edge for edge in (*earlier.edges, *later.edges)}
    if len(nodes) > MAX_NODES:
        return replace(later, cut_off=True)
    return Graph(tuple(nodes.values()), tuple(edges.values()), earlier.cut_off or later.cut_off)


class _Reached(NamedTuple):
    """Nodes reached from some results.

    Attributes:
        functions: Recorded ops and accumulators by key, results first.
        inputs: For each, the keys of the nodes its inputs came from; None for an input that gets no
            gradient, or whose node is beyond the limit.
        cut_off: Whether there are more nodes than the limit.
    """

    functions: dict[Hashable, Any]
    inputs: dict[Hashable, list[Hashable | None]]
    cut_off: bool


def _walk(tensors: Iterable[torch.Tensor], objects: ObjectNumbers, most: int) -> _Reached:
    """Follow the edges from tensors back to the leaves.

    Args:
        tensors: Where to start.
        objects: Numbers of tensors, which are the keys of leaves.
        most: How many nodes to keep.
    """
    functions: dict[Hashable, Any] = {}
    inputs: dict[Hashable, list[Hashable | None]] = {}
    waiting = [each for each in map(function_of, tensors) if each is not None]
    for function in waiting:
        key = key_of(function, objects)
        if key in functions or len(functions) == most:
            continue
        functions[key] = function
        following = [each for each, _ in function.next_functions]
        inputs[key] = [None if each is None else key_of(each, objects) for each in following]
        waiting += [each for each in following if each is not None]
    within = {key: [each if each in functions else None for each in inputs[key]] for key in inputs}
    cut_off = any(key_of(each, objects) not in functions for each in waiting)
    return _Reached(functions, within, cut_off)


class _SavedTensors:
    """Reads the tensors that nodes save for backward, and remembers those that were freed."""

    def __init__(self, storages: StorageNumbers) -> None:
        self._storages = storages
        self._seen: dict[tuple[int, str], Saved] = {}
        self._with_history: set[tuple[int, str]] = set()

    def of(self, number: int, function: Any) -> tuple[Saved, ...]:
        """Return what a node saves.

        Args:
            number: The node's.
            function: The node.
        """
        return tuple(self._of(number, function))

    def _of(self, number: int, function: Any) -> Iterator[Saved]:
        for attribute in dir(function):
            if not attribute.startswith(_RAW):
                continue
            name = attribute.removeprefix(_RAW)
            try:
                raw = getattr(function, attribute)
            except RuntimeError:  # A function written in Python, whose tensors are freed.
                yield from self._all_freed(number, name)
                continue
            for place, each in enumerate(raw if isinstance(raw, tuple) else (raw,)):
                label = f"{name}[{place}]" if isinstance(raw, tuple) else name
                saved = self._read((number, label), each, function) or self._freed(number, label)
                if saved is not None:
                    self._seen[number, label] = saved
                    yield saved

    def _all_freed(self, number: int, name: str) -> Iterator[Saved]:
        for node, label in self._seen:
            if node == number and label.startswith(f"{name}["):
                yield replace(self._seen[node, label], state="freed")

    def _read(self, key: tuple[int, str], raw: Any, function: Any) -> Saved | None:
        label = key[1]
        # Unpacking would run a hook, such as checkpoint's, which runs forward again.
        if getattr(raw, "unpack_hook", None) is not None:
            return Saved(label, (), None, None, "hooked")
        data = getattr(raw, "data", None)  # Older torch cannot read it.
        if data is None:
            return None
        storage = storage_of(data)
        size = None if storage is None else storage.nbytes()
        state = _saved_state(function, label.partition("[")[0])
        if function_of(data) is not None:
            self._with_history.add(key)
        elif key in self._with_history:  # Backward would raise; unpacking here does not.
            state = "detached"
        return Saved(label, tuple(data.shape), size, self._storages[data], state)

    def _freed(self, number: int, label: str) -> Saved | None:
        seen = self._seen.get((number, label))
        return seen and replace(seen, state="freed")


def _saved_state(function: Any, name: str) -> SavedState:
    """Unpack a saved tensor as backward would, and return what that says of its state."""
    try:
        getattr(function, f"_saved_{name}", None)
    except RuntimeError as error:
        return next((state for words, state in _REASONS.items() if words in str(error)), "kept")
    return "kept"


def _named_results(result: Any) -> dict[str, torch.Tensor]:
    """Name a step's loss, and what else it gives its caller to keep."""
    if not isinstance(result, tuple):
        result = (result, None)
    loss, *rest = result
    lists = {f"kept[{at}]": each for at, each in enumerate(rest) if isinstance(each, list)}
    return dict(named_tensors({"loss": loss, "kept": rest, **lists}))


def _show_gradients(gradients: _Gradients) -> str | None:
    return " + ".join(_show_gradient(each) for each in gradients if each is not None) or None


def _show_gradient(gradient: torch.Tensor) -> str:
    """Return a gradient's numbers, or its shape and norm where there are many."""
    with torch.no_grad():
        if gradient.numel() <= _SHOWN_NUMBERS:
            shown = ", ".join(f"{each:.4g}" for each in numbers(gradient))
            return f"[{shown}]" if gradient.dim() else shown
        return f"{tuple(gradient.shape)}, norm {float(gradient.norm()):.3g}"
