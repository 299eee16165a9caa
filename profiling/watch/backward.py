"""Backward passes: where they start, which leaves they can reach, where a gradient becomes zero."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .flow import LAST_ITERATIONS, LEAF, Flow, Node, Operation, graph
from .memory import Memory
from .saved import Saved, Write
from .sites import Site
from .training import Parameter, Parameters, has_values

# Values of gradients are looked at in the first iterations, and after one that brought zeros.
_LOOK_ITERATIONS = 4
# A larger graph is not kept in the record.
_MOST_GRAPH = 20_000
# Backward passes that are kept: the first and the last ones.
_FIRST_PASSES = 40
_LAST_PASSES = 40


class GraphNode:
    """A node of autograd's graph in one backward pass; see `record.GraphNode`."""

    __slots__ = ("custom", "hook_sites", "key", "leaves", "name", "node", "received", "sent", "to")

    def __init__(self, key: int, above: Any, node: Node | None) -> None:
        """Describe a node that the engine has not reached yet."""
        self.key = key
        self.name = type(above).__name__
        self.custom = isinstance(above, torch.autograd.function.BackwardCFunction)
        self.node = node
        self.to: list[int | None] = []
        self.leaves: list[Parameter | None] = []
        self.received: Any = None
        self.sent: list[Any] = []
        self.hook_sites: list[Site] = []


class Pass:
    """A call of ``backward`` or ``autograd.grad``; see `record.Backward`."""

    def __init__(self, kind: str, site: Site, clock: int, iteration: int) -> None:
        """Describe a call that has not run yet."""
        self.kind = kind
        self.site = site
        self.clock = clock
        self.iteration = iteration
        self.roots: list[int] = []
        self.leaves: dict[int, Parameter] = {}
        # Those that are no leaves themselves, but pieces of one.
        self.pieces: set[Parameter] = set()
        self.inputs: list[Parameter] | None = None
        self.create_graph = False
        self.stepped: set[int] = set()
        self.error = ""
        self.reuses: list[tuple[Node | None, Node | None, Pass]] = []
        self.graph: dict[int, GraphNode] = {}
        # Whether a leaf got zeros or nothing, so that the graph is worth keeping.
        self.zeros = False


class Change:
    """A saved tensor that was changed; see `record.Change`."""

    def __init__(self, saver: Node, write: Write | None, at: Pass, raised: bool) -> None:
        """Describe a change.

        Args:
            saver: The tensor whose operation saved it.
            write: What changed it; None if NumPy did.
            at: The backward pass that needed it.
            raised: Whether that raised because of it.
        """
        self.saver = saver
        self.name = "" if write is None else write.name
        self.sites: list[Site] = [] if write is None else [write.site]
        self.through = "version" if raised else "data"
        self.saved_version = 0 if write is None else write.save.version
        self.version = 0 if write is None else write.version
        self.at = at
        self.raised = raised

    @property
    def lines(self) -> tuple[Site | None, str, Site | None]:
        """What tells it from other changes, whatever the iteration."""
        operation = self.saver.operation
        site = self.sites[0] if self.sites else None
        return None if operation is None else operation.site, self.name, site


class Passes:
    """All backward passes seen.

    Attributes:
        kept: The first and the last passes.
        count: How many there were.
        changes: Saved tensors that were changed.
        looking: Whether values are looked at at all.
        guarded: Keeps a fault of the watcher from becoming the script's.
    """

    def __init__(
        self, flow: Flow, saved: Saved, memory: Memory, parameters: Parameters, looking: bool
    ) -> None:
        """Start with no pass seen."""
        self.kept: list[Pass] = []
        self.count = 0
        self.changes: list[Change] = []
        self.looking = looking
        self.guarded: Callable[[str], contextlib.AbstractContextManager[None]]
        self.guarded = contextlib.nullcontext  # type: ignore[assignment]
        self._flow = flow
        self._saved = saved
        self._memory = memory
        self._parameters = parameters
        self._freed: dict[int, Pass] = {}
        self._hooks: dict[int, list[Site]] = {}
        self._zeros = False

    @property
    def looks(self) -> bool:
        """Whether values are looked at now."""
        first = self._flow.iteration < _LOOK_ITERATIONS
        return self.looking and (first or self._zeros)

    def hook(self, tensor: Tensor, site: Site) -> None:
        """Note that a hook was registered on a tensor's gradient."""
        above = graph(tensor)
        if above is not None:
            self._hooks.setdefault(self._flow.key(above), []).append(site)
        else:
            self._parameters.of(tensor).hook_sites.append(site)

    def run(
        self,
        run: Callable[[], Any],
        outputs: Sequence[Any],
        inputs: Sequence[Any],
        at: Pass,
        keep: bool,
    ) -> Any:
        """Run a backward pass and note what it does.

        Args:
            run: Runs it.
            outputs: What it starts from.
            inputs: What it is asked for; empty for all leaves.
            at: The pass, to be completed.
            keep: Whether its graph can be used again.

        Returns:
            What it returned.
        """
        parameters = self._parameters
        before: dict[int, tuple[int, int] | None] = {}
        look = False
        silent: list[Change] = []
        handles: list[Any] = []
        with self.guarded("before backward"):
            at.roots = [self._flow.node_of(t).id for t in outputs if isinstance(t, Tensor)]
            if inputs:
                leaves = [t for t in inputs if isinstance(t, Tensor) and t.is_leaf]
                at.inputs = [parameters.of(each) for each in leaves]
            before = parameters.gradients()
            look = self.looks and not _transformed()
            self._walk(outputs, at, look, silent, handles)
        self.count += 1
        self._keep(at)
        try:
            result = run()
        except RuntimeError as error:
            at.error = str(error)
            with self.guarded("error of backward"):
                self._explain(at)
            raise
        finally:
            for handle in handles:
                handle.remove()
        with self.guarded("after backward"):
            self.changes += silent
            self._resolve(at)
            if at.kind == "backward":
                came = parameters.arrived(before, at.clock, look)
                for each in at.pieces:
                    parameters.reach(each, at.clock)
            else:
                came = self._arrived_by_grad(inputs, result, at)
            self._judge(at, came, look)
            if not keep:
                for number in at.graph:
                    self._freed[number] = at
                self._saved.free(set(at.graph))
            self._memory.backward(at.graph)
            if not at.zeros:
                at.graph = {}
        return result

    def step(self, optimizer: int) -> None:
        """Note that an optimizer has stepped: it was the last pass that was meant for it."""
        if self.kept:
            self.kept[-1].stepped.add(optimizer)

    def next_iteration(self) -> None:
        """Drop the graphs of earlier passes, which nothing asks about any more."""
        oldest = self._flow.iteration - LAST_ITERATIONS
        for each in self.kept:
            if 1 < each.iteration < oldest:
                each.graph = {}
        if len(self._freed) > 100_000:
            self._freed = dict(list(self._freed.items())[50_000:])
        if len(self._hooks) > 10_000:
            self._hooks = dict(list(self._hooks.items())[5_000:])

    def _keep(self, at: Pass) -> None:
        self.kept.append(at)
        if len(self.kept) > _FIRST_PASSES + _LAST_PASSES:
            self.kept.pop(_FIRST_PASSES).graph = {}

    def _walk(
        self,
        outputs: Sequence[Any],
        at: Pass,
        look: bool,
        silent: list[Change],
        handles: list[Any],
    ) -> None:
        """Go through autograd's graph before the engine does, and add hooks to be removed."""
        flow = self._flow
        stack = [above for each in outputs if (above := _above(each)) is not None]
        while stack:
            above = stack.pop()
            number = flow.key(above)
            if number in at.graph:
                continue
            found = GraphNode(number, above, flow.at_edge((number, 0)))
            found.hook_sites = self._hooks.get(number, [])
            at.graph[number] = found
            for below, output in above.next_functions:
                to, leaf = None, None
                if below is not None and below._sequence_nr() == LEAF:
                    variable = getattr(below, "variable", None)
                    if variable is not None:
                        flow.node_of(variable)
                        leaf = self._parameters.of(variable)
                        at.leaves[leaf.number] = leaf
                elif below is not None:
                    to = flow.key(below)
                    stack.append(below)
                    passed = flow.at_edge((to, output))
                    if passed is not None and getattr(passed.parameter, "flat", None) is not None:
                        at.pieces.add(passed.parameter)
                found.to.append(to)
                found.leaves.append(leaf)
            for save, name, site in self._saved.changed_by_numpy(above):
                change = Change(save.node, None, at, raised=False)
                change.name, change.sites, change.through = name, [site], "numpy"
                self._add_change(self.changes, change)
            for write in self._saved.silent(above):
                self._add_change(silent, Change(write.save.node, write, at, raised=False))
            if look and len(at.graph) < _MOST_GRAPH:
                handles.append(above.register_hook(_values_into(found)))

    def _add_change(self, to: list[Change], change: Change) -> None:
        known = {each.lines for each in (*self.changes, *to)}
        if change.lines not in known:
            to.append(change)

    def _resolve(self, at: Pass) -> None:
        """Make plain truth values of what the hooks saw."""
        for each in at.graph.values():
            each.received = _truth(each.received)
            each.sent = [_truth(value) for value in each.sent]

    def _arrived_by_grad(
        self, inputs: Sequence[Any], result: Sequence[Any], at: Pass
    ) -> list[Parameter]:
        """Note the gradients that ``autograd.grad`` returned, and the tensors they are."""
        came = []
        for tensor, gradient in zip(inputs, result, strict=False):
            if isinstance(tensor, Tensor) and isinstance(gradient, Tensor) and tensor.is_leaf:
                parameter = self._parameters.of(tensor)
                self._parameters.ask(parameter)
                came.append(parameter)
        operation = Operation("autograd.grad", at.site, at.iteration)
        operation.grad = at.create_graph
        sources = [*at.roots, *(self._flow.node_of(t).id for t in inputs if isinstance(t, Tensor))]
        for gradient in result:
            if isinstance(gradient, Tensor):
                node = self._flow.add("operation", operation, sources, gradient)
                self._flow.register(gradient, node)
                self._flow.connect(gradient, node)
        return came

    def _judge(self, at: Pass, came: list[Parameter], look: bool) -> None:
        """Keep the graph only where a leaf that it reaches got zeros or nothing."""
        arrived = {each.number for each in came}
        self._zeros = False
        if look:
            wanted = at.leaves if at.inputs is None else {each.number: each for each in at.inputs}
            for number, leaf in at.leaves.items():
                if number not in wanted:
                    continue
                is_missing, by_backward = number not in arrived, at.kind == "backward"
                # Another pass may have brought values: that of a generator to its critic.
                at.zeros |= is_missing or (by_backward and not leaf.brought)
                self._zeros |= is_missing or (by_backward and not leaf.arrived_nonzero)

    def _explain(self, at: Pass) -> None:
        """Find what an error of the engine is about."""
        if "modified by an inplace operation" in at.error:
            for number in at.graph:
                for write in self._saved.writes_to(number):
                    self._add_change(self.changes, Change(write.save.node, write, at, raised=True))
        elif "second time" in at.error or "after they have already been freed" in at.error:
            for number, each in at.graph.items():
                if number in self._freed:
                    continue
                for to in each.to:
                    if to in self._freed:
                        freed = self._flow.at_edge((to, 0))
                        at.reuses.append((each.node, freed, self._freed[to]))
            if not at.reuses:
                # The whole graph was freed: the same result is used again.
                for number, each in at.graph.items():
                    if number in self._freed:
                        at.reuses.append((None, each.node, self._freed[number]))
                        break


def _transformed() -> bool:
    """Return whether this runs inside of a transform of ``torch.func``, whose values have none."""
    functorch = getattr(torch._C, "_functorch", None)
    peek = getattr(functorch, "peek_interpreter_stack", None)
    return peek is not None and peek() is not None


def _above(output: Any) -> Any:
    """Return the node of autograd that a backward pass starts from."""
    if isinstance(output, Tensor):
        return graph(output)
    # A GradientEdge.
    return getattr(output, "node", None)


def _values_into(found: GraphNode) -> Callable[[Any, Any], None]:
    """Return a hook that notes whether gradients are all zeros."""

    def look(sent: Sequence[Tensor | None], received: Sequence[Tensor | None]) -> None:
        found.sent = [None if each is None else has_values(each) for each in sent]
        found.received = [has_values(each) for each in received if each is not None]

    return look


def _truth(value: Any) -> Any:
    if isinstance(value, list):
        return any(_truth(each) for each in value)
    return bool(value) if isinstance(value, Tensor) else value
