"""Reads the backward graph of tensors, from their ``grad_fn`` back to the leaves.

Nothing is hooked into how tensors are saved, so that autograd's in-place check goes on working.
What backward carries is noted by hooks on the nodes, which see gradients and change none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import torch
from msgspec.structs import replace

from profiling.measure.nodes import Found, SavedTensors, leaf_of, tensor_key, walk
from profiling.measure.states import States, grad_of, numbers
from profiling.model.graph import Edge, Graph, Node

MAX_NODES = 2_000
_SHOWN_NUMBERS = 4
# What ops call a result of their own that they keep.
_RESULTS = ("result", "output")

_Gradients = Iterable[torch.Tensor | None]


def graph(tensors: torch.Tensor | Mapping[str, torch.Tensor]) -> Graph:
    """Return the backward graph of a tensor, or of tensors by name.

    Example:
        >>> a = torch.tensor([1.0], requires_grad=True)
        >>> [(node.kind, node.label) for node in graph(a.sigmoid()).nodes]
        [('op', 'SigmoidBackward0'), ('leaf', '')]
    """
    named = {"": tensors} if isinstance(tensors, torch.Tensor) else tensors
    return Graphs(States()).record(named, watch=False)


class Graphs:
    """Records the graph again and again, with node numbers that stay the same."""

    def __init__(self, states: States) -> None:
        """Start without any node.

        Args:
            states: Numbers of memory and of tensors, and the modes that these were made in.
        """
        self._states = states
        self._ids: dict[Hashable, int] = {}
        self._saved = SavedTensors(states.memory)
        self._watched: set[int] = set()
        self._arrived: dict[int, str | None] = {}
        self._carried: dict[tuple[int, int], str | None] = {}

    def record(self, named: Mapping[str, torch.Tensor], *, watch: bool) -> Graph:
        """Return the graph of everything that has a name.

        Args:
            named: Tensors by name.
            watch: Whether to note from now on what backward carries.
        """
        identities = self._states.identities
        found = walk(named.values(), identities, MAX_NODES)
        keys = {name: tensor_key(tensor, identities) for name, tensor in named.items()}
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
        return Graph(tuple(nodes.values()), edges, found.cut_off)

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
            made_in=self._states.made_in(tensor),
            gradient=None if grad is None else _short(grad),
        )

    def _edges(self, found: Found) -> Iterator[Edge]:
        for key in found.inputs:
            target = self._ids[key]
            for source in self._sources(found, key):
                yield Edge(source, target, "gradient", self._carried.get((source, target)))

    def _ties(
        self, tensors: Mapping[int, torch.Tensor], nodes: Mapping[int, Node]
    ) -> Iterator[Edge]:
        """Tie to a result what only shares its memory."""
        owners: dict[int, int] = {}
        for number in sorted(tensors, key=lambda number: nodes[number].kind != "op"):
            owner = owners.setdefault(self._states.memory[tensors[number]], number)
            if owner != number and nodes[number].kind != "op":
                yield Edge(owner, number, "memory")

    def _uses(
        self, tensors: Mapping[int, torch.Tensor], nodes: Mapping[int, Node], found: Found
    ) -> Iterator[Edge]:
        """Lead from constants to the ops that keep them, but for what comes with a gradient."""
        memory = {number: self._states.memory[each] for number, each in tensors.items()}
        constants = {memory[each]: each for each in tensors if nodes[each].kind == "constant"}
        for key in found.inputs:
            node = nodes[self._ids[key]]
            with_gradient = {memory.get(each) for each in (*self._sources(found, key), node.id)}
            kept = {each.storage: each for each in node.saved}
            for storage in sorted(filter(None, kept.keys() & constants.keys() - with_gradient)):
                if kept[storage].name.startswith(_RESULTS):
                    yield Edge(node.id, constants[storage], "memory")
                else:
                    yield Edge(constants[storage], node.id, "constant")

    def _sources(self, found: Found, key: Hashable) -> list[int]:
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
            self._arrived[number] = _join(gradients)

        def carry(gradients: _Gradients, _: _Gradients) -> None:
            by_input = list(zip(gradients, sources, strict=False))
            for source in {each for each in sources if each is not None}:
                along = [gradient for gradient, to in by_input if to == source]
                self._carried[source, number] = _join(along)

        function.register_prehook(arrive)
        function.register_hook(carry)


def _join(gradients: _Gradients) -> str | None:
    return " + ".join(_short(each) for each in gradients if each is not None) or None


def _short(gradient: torch.Tensor) -> str:
    """Return a gradient's numbers, or its shape and norm where they are many."""
    with torch.no_grad():
        if gradient.numel() <= _SHOWN_NUMBERS:
            shown = ", ".join(f"{each:.4g}" for each in numbers(gradient))
            return f"[{shown}]" if gradient.dim() else shown
        return f"{tuple(gradient.shape)}, norm {float(gradient.norm()):.3g}"
