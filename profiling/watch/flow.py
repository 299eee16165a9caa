"""Which tensor was computed from which, and which of these ways autograd's own graph has.

A tensor is known by its id and a weak reference, its memory by a weak reference to the storage.
Nothing is attached to it, and nothing of it is kept alive.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .sites import Site

# The sequence number of nodes that accumulate gradients in leaves.
LEAF = (1 << 64) - 1
# Nodes beyond this number are forgotten, the oldest first.
MOST_NODES = 150_000
# Iterations that are kept: the first, which holds how everything was built, and the last ones.
LAST_ITERATIONS = 3

_is_tracing: Any = vars(torch.jit)["is_tracing"]

# The key of an output of one of autograd's nodes.
Edge = tuple[int, int]


class CustomFunction(NamedTuple):
    """A custom ``autograd.Function`` that is running.

    Attributes:
        name: Its full name.
        site: Where it was applied.
        backward: The code of its ``backward``; None if it has none of its own.
    """

    name: str
    site: Site
    backward: CodeType | None


class Operation:
    """A call that took or made tensors; see `record.Operation`."""

    __slots__ = (
        "backward",
        "copying",
        "function",
        "function_site",
        "grad",
        "in_place",
        "inference",
        "iteration",
        "name",
        "off_site",
        "saved",
        "site",
        "takes_numbers",
    )

    def __init__(self, name: str, site: Site, iteration: int) -> None:
        """Note the call as one outside of any mode."""
        self.name = name
        self.site = site
        self.iteration = iteration
        self.grad = True
        self.inference = False
        self.off_site: Site | None = None
        self.function = ""
        self.function_site: Site | None = None
        self.backward: CodeType | None = None
        self.in_place = False
        self.copying = site.copying
        self.takes_numbers = False
        self.saved = 0


class Node:
    """A tensor after an operation, or the Python numbers made of one; see `record.Node`."""

    __slots__ = (
        "differentiable",
        "dtype",
        "id",
        "iteration",
        "kept",
        "kind",
        "oldest",
        "operation",
        "parameter",
        "requires_grad",
        "shape",
        "sources",
    )

    def __init__(
        self,
        id: int,
        kind: str,
        operation: Operation | None,
        sources: Iterable[int],
        iteration: int,
    ) -> None:
        """Note a tensor that autograd connects to nothing."""
        self.id = id
        self.kind = kind
        self.operation = operation
        self.sources = tuple(sources)
        self.kept: tuple[int, ...] = ()
        self.iteration = iteration
        # The earliest iteration that its graph reaches back to.
        self.oldest = iteration
        self.parameter: Any = None
        self.dtype = ""
        self.shape: tuple[int, ...] = ()
        self.requires_grad = False
        self.differentiable = True


class _Reference(weakref.ref[Tensor]):
    """A weak reference to a tensor, with its node and its storage's key."""

    __slots__ = ("key", "node", "storage")
    key: int
    node: Node
    storage: int | None


class Flow:
    """The tensors seen so far.

    Attributes:
        nodes: By id, which is their place in the order of events; those of iterations in the middle
            are dropped.
        written: The last node that wrote to a storage.
        iteration: The iteration at hand.
        dropped: How many nodes were dropped.
        tensors: How many tensors were seen.
        on_connect: Called with a node, its tensor's node of autograd and the nodes of autograd that
            are new with it.
        on_leaf: Called with a leaf that requires a gradient and its new node.
    """

    def __init__(
        self,
        on_connect: Callable[[Node, list[Any]], None],
        on_leaf: Callable[[Tensor, Node], None],
    ) -> None:
        """Start without any tensor."""
        self.nodes: dict[int, Node] = {}
        self.written: dict[int, Node] = {}
        self.iteration = 0
        self.dropped = 0
        self.tensors = 0
        self.on_connect = on_connect
        self.on_leaf = on_leaf
        # Whether tensors are made in several threads: each numbers autograd's nodes for itself.
        self.threaded = False
        self._next = 0
        self._next_tag = 0
        self._live: dict[int, _Reference] = {}
        self._dead: deque[Any] = deque()
        self._edges: dict[Edge, Node] = {}
        self._storages: dict[int, Any] = {}
        self._first: dict[int, Node] = {}
        self._last: dict[int, Node] = {}

    # Nodes

    def add(
        self, kind: str, operation: Operation | None, sources: Iterable[int], tensor: Tensor | None
    ) -> Node:
        """Add a node.

        Args:
            kind: Its kind; see `record.Node`.
            operation: What made it.
            sources: Ids of the nodes it was computed from.
            tensor: The tensor that it describes; None for numbers.
        """
        node = Node(self._next, kind, operation, sources, self.iteration)
        self._next += 1
        if tensor is not None:
            dtype = tensor.dtype
            node.dtype = str(dtype)[6:]
            with contextlib.suppress(RuntimeError):
                # A lazy parameter has none yet.
                node.shape = tuple(tensor.shape)
            node.requires_grad = tensor.requires_grad
            node.differentiable = dtype.is_floating_point or dtype.is_complex
        self.nodes[node.id] = node
        if len(self.nodes) > MOST_NODES:
            self._drop(set(list(self.nodes)[: MOST_NODES // 4]))
        return node

    @property
    def clock(self) -> int:
        """The id of the next node."""
        return self._next

    def register(self, tensor: Tensor, node: Node) -> None:
        """Make a node the one of a tensor as it is now."""
        key = id(tensor)
        found = self._live.get(key)
        if found is not None and found() is tensor:
            found.node = node
            if found.storage is not None:
                self._last[found.storage] = node
            return
        self._bury()
        reference = _Reference(tensor, self._dead.append)
        reference.key = key
        reference.node = node
        reference.storage = self.storage(tensor)
        self._live[key] = reference
        self.tensors += 1
        if reference.storage is not None:
            self._first.setdefault(reference.storage, node)
            self._last[reference.storage] = node

    def forget(self, tensor: Tensor) -> None:
        """Forget a tensor, whose memory is another from now on."""
        self._live.pop(id(tensor), None)

    def known(self, tensor: Tensor) -> Node | None:
        """Return the node of a tensor that was seen; else None."""
        found = self._live.get(id(tensor))
        return found.node if found is not None and found() is tensor else None

    def node_of(self, tensor: Tensor) -> Node:
        """Return the node of a tensor as it is now, which may be one that was never seen."""
        found = self._live.get(id(tensor))
        if found is not None and found() is tensor:
            return self._current(tensor, found)
        storage = self.storage(tensor)
        leaf = is_trained(tensor)
        sources: tuple[int, ...] = ()
        kind = "leaf"
        # A parameter shares memory with others where it is a part of them, as in FSDP.
        if storage in self._first and not isinstance(tensor, nn.Parameter):
            before = self.written.get(storage) or (self._last if leaf else self._first)[storage]
            sources, kind = (before.id,), "alias"
        node = self.add(kind, None, sources, tensor)
        if leaf:
            self._become_parameter(tensor, node)
        elif graph(tensor) is not None:
            node.kind = "unseen"
            self.connect(tensor, node)
        self.register(tensor, node)
        return node

    def live(self) -> Iterator[tuple[Node, Tensor]]:
        """Yield the nodes of the tensors that are alive, with these."""
        self._bury()
        for reference in list(self._live.values()):
            tensor = reference()
            if tensor is not None:
                fix = getattr(tensor, "_fix_weakref", None)
                if fix is not None:
                    # The reference may have brought back an object that only C++ held.
                    fix()
                yield reference.node, tensor

    def _current(self, tensor: Tensor, found: _Reference) -> Node:
        node = found.node
        if is_trained(tensor):
            if node.kind != "parameter":
                node.kind = "parameter" if not node.sources else node.kind
                self._become_parameter(tensor, node)
        elif node.kind == "operation":
            above = graph(tensor)
            if above is not None and (self.key(above), tensor.output_nr) not in self._edges:
                # A custom Function has wrapped it later, or the base of this view was changed.
                self.connect(tensor, node)
        written = None if found.storage is None else self.written.get(found.storage)
        if written is not None and written.id > node.id:
            alias = self.add("alias", written.operation, (node.id, written.id), tensor)
            if graph(tensor) is not None:
                self.connect(tensor, alias)
            if node.parameter is not None:
                alias.parameter = node.parameter
            found.node = node = alias
        return node

    def _become_parameter(self, tensor: Tensor, node: Node) -> None:
        if node.kind in ("leaf", "alias"):
            node.kind = "parameter"
        self.on_leaf(tensor, node)

    def _bury(self) -> None:
        """Forget the tensors that have died.

        A function of ours as the callback of the reference would be called at any time, and a
        Ctrl-C that arrives while it runs would be lost.
        """
        while self._dead:
            gone: _Reference = self._dead.popleft()
            found = self._live.get(gone.key)
            if found is gone:
                del self._live[gone.key]

    # Memory

    def storage(self, tensor: Tensor) -> int | None:
        """Return a key of the tensor's memory, which no other memory gets while it is known."""
        try:
            storage = tensor.untyped_storage()
            key: int = storage._cdata
            if key not in self._storages:
                # The weak reference keeps the address taken, so that the key is not used again.
                self._storages[key] = storage._weak_ref()
        except (RuntimeError, NotImplementedError, AttributeError, TypeError, ValueError):
            # A tensor without memory; a lazy one says so with a ValueError.
            return None
        return key

    def was_seen(self, storage: int) -> bool:
        """Return whether a tensor with this memory was seen."""
        return storage in self._first

    def expired(self) -> list[int]:
        """Forget memory that was freed, and return its keys."""
        if not self._storages:
            return []
        is_expired: Any = torch.UntypedStorage._expired
        free: Any = torch.UntypedStorage._free_weak_ref
        gone = [key for key, weak in self._storages.items() if is_expired(weak)]
        for key in gone:
            free(self._storages.pop(key))
            for each in (self._first, self._last, self.written):
                each.pop(key, None)
        return gone

    # Autograd's graph

    def key(self, above: Any) -> int:
        """Return a number of a node of autograd that no other has."""
        number: int = above._sequence_nr()
        if self.threaded and number != LEAF:
            tag = above.metadata.get(_TAG)
            if tag is not None:
                return int(tag)
        return number

    def at_edge(self, edge: Edge) -> Node | None:
        """Return the tensor at an output of a node of autograd, or the first one at that node."""
        return self._edges.get(edge) or self._edges.get((edge[0], 0))

    def connect(self, tensor: Tensor, node: Node, below: Iterable[Any] | None = None) -> None:
        """Note which known tensors autograd connects a tensor to.

        Args:
            tensor: The tensor.
            node: Its node.
            below: What the inputs of its operation had as nodes of autograd; needed in threads.
        """
        above = graph(tensor)
        if above is None:
            return
        if below is not None and self.threaded:
            self._tag(above, below)
        edge = (self.key(above), tensor.output_nr)
        known = self._edges.get(edge)
        if known is not None and known is not node:
            node.kept = (known.id,)
            node.oldest = known.oldest
            node.requires_grad = True
            return
        self._edges[edge] = node
        kept, new = set(node.kept), []
        seen: set[int] = set()
        stack = [above]
        while stack:
            each = stack.pop()
            number = self.key(each)
            if number in seen:
                continue
            seen.add(number)
            new.append(each)
            for lower, output in each.next_functions:
                if lower is None:
                    continue
                if lower._sequence_nr() == LEAF:
                    variable = getattr(lower, "variable", None)
                    if variable is not None:
                        kept.add(self.node_of(variable).id)
                    continue
                known = self._edges.get((self.key(lower), output))
                if known is None or known is node:
                    stack.append(lower)
                else:
                    kept.add(known.id)
                    node.oldest = min(node.oldest, known.oldest)
        node.kept = tuple(kept)
        node.requires_grad = True
        for each in new[1:]:
            self._edges.setdefault((self.key(each), 0), node)
        self.on_connect(node, new)

    def succeed(self, tensor: Tensor, node: Node) -> None:
        """Let a node stand for a tensor in autograd's graph, which has got other values."""
        above = graph(tensor)
        if above is None:
            return
        edge = (self.key(above), tensor.output_nr)
        known = self._edges.get(edge)
        self._edges[edge] = node
        node.requires_grad = True
        if known is not None:
            node.kept = (known.id,)
            node.oldest = known.oldest

    def _tag(self, above: Any, below: Iterable[Any]) -> None:
        """Number the nodes of autograd that a thread has just made.

        Each thread counts from 0, so the numbers of two threads collide.
        """
        known = {id(each) for each in below}
        stack = [above]
        while stack:
            each = stack.pop()
            if id(each) in known or each._sequence_nr() == LEAF or _TAG in each.metadata:
                continue
            self._next_tag -= 1
            each.metadata[_TAG] = self._next_tag
            stack += [lower for lower, _ in each.next_functions if lower is not None]

    # What is kept

    def next_iteration(self) -> None:
        """Begin another iteration, and drop what lies between the first and the last ones."""
        self.iteration += 1
        middle = self.iteration - LAST_ITERATIONS
        if middle > 0:
            self._drop({i for i, node in self.nodes.items() if 0 < node.iteration < middle})

    def _drop(self, ids: set[int]) -> None:
        if not ids:
            return
        alive = {node.id for node, _ in self.live()}
        gone = ids - alive
        for each in gone:
            del self.nodes[each]
        self.dropped += len(gone)
        self._edges = {edge: node for edge, node in self._edges.items() if node.id in self.nodes}


_TAG = "detach_lab_watch"


def tracing() -> bool:
    """Return whether a model is being traced or exported, where a question is an operation, too."""
    return bool(_is_tracing()) or torch.compiler.is_exporting()


def graph(tensor: Tensor) -> Any:
    """Return the node of autograd above a tensor; None for a leaf, or if it may not be asked."""
    with contextlib.suppress(RuntimeError):
        return tensor.grad_fn
    return None


def is_trained(tensor: Tensor) -> bool:
    """Return whether a tensor is a parameter or another leaf that requires a gradient."""
    if isinstance(tensor, nn.Parameter):
        return True
    with contextlib.suppress(RuntimeError):
        return tensor.is_leaf and tensor.requires_grad
    return False


def tensors_in(values: Iterable[Any], found: list[Tensor], depth: int = 0) -> list[Tensor]:
    """Add the tensors among values, three containers deep, to a list, and return it."""
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif depth < 3:
            if isinstance(value, (tuple, list)) and len(value) < 5000:
                tensors_in(value, found, depth + 1)
            elif isinstance(value, dict):
                tensors_in(value.values(), found, depth + 1)
    return found
