"""The plain, frozen data of a backward graph."""

from __future__ import annotations

from typing import Literal

from profiling.model.run import Record

NodeKind = Literal["op", "leaf", "constant"]
EdgeKind = Literal["gradient", "memory", "constant"]
SavedState = Literal["kept", "changed", "detached", "freed", "hooked"]


class Saved(Record, frozen=True):
    """A tensor that a node keeps for backward.

    Attributes:
        name: What the op calls it, such as ``"result"`` or ``"self"``.
        shape: Its sizes; empty where it is gone or hidden behind a hook, too.
        bytes: Size of its storage; None where that cannot be told.
        storage: Number of its memory, as in `TensorState.storage`; None likewise.
        state: ``"kept"`` if backward can use it; ``"changed"`` in place since, or its name
            ``"detached"`` in place, so that backward will raise; ``"freed"`` by a backward;
            ``"hooked"`` if a pack hook holds something in its place.
    """

    name: str
    shape: tuple[int, ...]
    bytes: int | None
    storage: int | None
    state: SavedState


class Node(Record, frozen=True):
    """A node of the graph, or a tensor that has none.

    Attributes:
        id: Its number, which stays the same from step to step.
        kind: ``"op"`` for a recorded op, ``"leaf"`` for a tensor that gradients are accumulated
            in, ``"constant"`` for a tensor that does not require grad.
        label: The node's name, such as ``"SigmoidBackward0"``; empty for a tensor.
        names: Names of the tensors that it is or that came out of it.
        shape: Sizes of the tensor; None where no name refers to one.
        made_in: ``"grad"``, ``"no_grad"`` or ``"inference"``: the mode a constant was made in.
        saved: What the op keeps for backward.
        gradient: The gradient that arrived here, short; None if none did.
    """

    id: int
    kind: NodeKind
    label: str
    names: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    made_in: str = "grad"
    saved: tuple[Saved, ...] = ()
    gradient: str | None = None


class Edge(Record, frozen=True):
    """A connection, in the direction of the forward pass.

    Attributes:
        source: Id of the node whose result is used.
        target: Id of the node that uses it.
        kind: ``"gradient"`` if backward goes along it; ``"memory"`` if both only share memory,
            as a detached tensor does with what it was detached from; ``"constant"`` if the target
            keeps the source for backward but gives it no gradient.
        gradient: What backward carried along it, short; None if nothing.
    """

    source: int
    target: int
    kind: EdgeKind
    gradient: str | None = None


class Graph(Record, frozen=True):
    """A backward graph, drawn from its results back to the leaves.

    Attributes:
        cut_off: Whether there was more than could be kept.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    cut_off: bool = False


class BranchGraph(Record, frozen=True):
    """The backward graph of a workload's branch, after its backward.

    Attributes:
        error: What the branch raised; None if nothing.
    """

    graph: Graph
    error: str | None = None
