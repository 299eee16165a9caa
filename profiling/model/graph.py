"""Records of a backward graph."""

from __future__ import annotations

from typing import Literal

from profiling.model.record import Record

NodeKind = Literal["op", "leaf", "constant"]
EdgeKind = Literal["gradient", "memory", "constant", "cut"]
GradMode = Literal["grad", "no_grad", "inference"]
SavedState = Literal["kept", "changed", "detached", "freed", "hooked"]

_CUT_IN_ANY_MODE = ("detach", "detach_", ".data")


class Saved(Record, frozen=True):
    """A tensor that a node saves for backward.

    Attributes:
        name: Its name in the op, such as ``"result"`` or ``"self"``.
        shape: Its shape; also empty if it was freed or packed by a hook.
        bytes: Size of its storage; None if unknown.
        storage: Number of its storage, as in `TensorState.storage`; None if unknown.
        state: ``"kept"`` if backward can use it; ``"changed"`` if it was modified in place or
            ``"detached"`` if it was detached in place since, so that backward raises; ``"freed"``
            if backward released it; ``"hooked"`` if a pack hook replaced it.
    """

    name: str
    shape: tuple[int, ...]
    bytes: int | None
    storage: int | None
    state: SavedState


class Node(Record, frozen=True):
    """A node of the graph, or a tensor without one.

    Attributes:
        id: Its number, the same in every step.
        kind: ``"op"`` for a recorded op, ``"leaf"`` for a tensor that accumulates gradients,
            ``"constant"`` for a tensor that does not require grad.
        label: Name of the node, such as ``"SigmoidBackward0"``; empty for a tensor.
        names: Names of the tensor, or of the op's results.
        shape: Shape of the tensor; None if no name refers to one.
        made_in: Mode that a constant was created in: ``"grad"``, ``"no_grad"`` or
            ``"inference"``.
        saved: Tensors that the op saves for backward.
        gradient: The gradient that arrived here, shortened; None if none did.
        freed: Whether it was an op that had been freed when this was recorded; only the cut
            behind it is left.
    """

    id: int
    kind: NodeKind
    label: str
    names: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    made_in: str = "grad"
    saved: tuple[Saved, ...] = ()
    gradient: str | None = None
    freed: bool = False


class Cut(Record, frozen=True):
    """What took values out of the graph.

    Attributes:
        op: The call, such as ``"detach"``, ``".data"`` or ``"argmax"``; ``"requires_grad=False"``
            for what was computed from frozen parameters alone.
        mode: The mode it ran in; in another one than ``"grad"`` no call is recorded.
    """

    op: str
    mode: GradMode = "grad"

    @property
    def way(self) -> str:
        """What cut them, in the words of the code: the call if that cuts in any mode, or the mode.

        Example:
            >>> Cut("detach", "no_grad").way, Cut("relu", "inference").way
            ('detach', 'inference_mode')
        """
        if self.mode == "grad" or self.is_explicit:
            return self.op
        return "inference_mode" if self.mode == "inference" else self.mode

    @property
    def is_explicit(self) -> bool:
        """Whether the call cuts in any mode, and does nothing else."""
        return self.op in _CUT_IN_ANY_MODE


class Edge(Record, frozen=True):
    """An edge, in the direction of the forward pass.

    Attributes:
        source: Id of the node whose result is used.
        target: Id of the node that uses it.
        kind: ``"gradient"`` if backward follows it; ``"memory"`` if both nodes only share memory,
            as a detached tensor and its original do; ``"constant"`` if the target uses the source,
            a constant, but computes no gradient for it; ``"cut"`` if the source's values reached
            the target through a cut, where backward stops.
        gradient: The gradient that backward passed along it, shortened; None if none.
        cut: What cut it; None for other kinds.
    """

    source: int
    target: int
    kind: EdgeKind
    gradient: str | None = None
    cut: Cut | None = None


class Graph(Record, frozen=True):
    """A backward graph, from its results back to the leaves.

    Attributes:
        cut_off: Whether the graph has more nodes than are kept.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    cut_off: bool = False


class BranchGraph(Record, frozen=True):
    """The backward graph of a branch, after its backward.

    Attributes:
        error: The error that the branch raised; None if it raised none.
    """

    graph: Graph
    error: str | None = None
