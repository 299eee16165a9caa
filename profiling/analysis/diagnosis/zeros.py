"""Where a gradient becomes zero: the first node that receives something and sends zeros."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

from profiling.analysis.diagnosis.facts import Facts
from profiling.analysis.diagnosis.model import Line
from profiling.watch.record import Backward, GraphNode

# Names of autograd's nodes, without "Backward0".
_ZERO_EVERYWHERE = (
    "Round", "Floor", "Ceil", "Sign", "Trunc", "FloorDivide", "Sgn", "Bernoulli", "Poisson",
    "Multinomial", "Heaviside", "Geometric", "Binomial", "Random",
)  # fmt: skip
_DEAD = (
    "Relu", "Threshold", "Hardtanh", "Clamp", "LeakyRelu", "Elu", "Gelu", "Silu", "Hardswish",
    "Hardsigmoid", "Prelu", "Softplus", "Maximum", "Minimum", "Relu6", "Mish",
)  # fmt: skip
_SATURATED = ("Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Erf", "LogSigmoid")


# The nodes that send a gradient to each node, with the place they do it at.
_Above = dict[int, list[tuple[int, int]]]


class Zero(NamedTuple):
    """Where and why a gradient is zero or missing.

    Attributes:
        cause: Its name.
        lines: Where.
        name: Name of autograd's node.
        is_none: Whether nothing was sent, rather than zeros.
        by_parameter: Whether the factor that is zero comes from a parameter which gets a gradient
            itself, as LoRA's matrix does that begins with zeros.
    """

    cause: str
    lines: tuple[Line, ...]
    name: str = ""
    is_none: bool = False
    by_parameter: bool = False


class _Front(NamedTuple):
    """A node at which a gradient ends.

    Attributes:
        number: Its index in the graph.
        at: The input that gets zeros; None if the node itself received zeros.
        contributions: How many nodes sent it something.
    """

    number: int
    at: int | None
    contributions: int = 0


def zero_of(facts: Facts, parameter: int) -> Zero | None:
    """Return where a parameter's gradient becomes zero; None if no pass tells."""
    for each in facts.watch.backward:
        if parameter in each.leaves and each.graph:
            found = _in_pass(facts, each, parameter)
            if found is not None:
                return found
    return None


def _in_pass(facts: Facts, backward: Backward, parameter: int) -> Zero | None:
    graph = backward.graph
    facts.spend(len(graph))
    above = _consumers(graph)
    into_leaf: list[tuple[int, int]] = []
    for number, node in enumerate(graph):
        for at, (to, leaf) in enumerate(zip(node.to, node.leaves, strict=True)):
            if to is None and leaf == parameter:
                into_leaf.append((number, at))
    reached = _ancestors(into_leaf, above)
    sends = [each for each in into_leaf if _sends(graph, each)]
    if sends:
        # It was sent to the leaf, and did not arrive.
        return _at_leaf(facts, graph, parameter, sends)
    fronts = list(_fronts(graph, reached, above, parameter))
    if not fronts:
        return None
    last = max(fronts, key=lambda each: _order(facts, graph, each))
    if last.at is not None:
        last = _below(fronts, last, above)
    return _explain(facts, backward, last, above)


def _ancestors(into_leaf: list[tuple[int, int]], above: _Above) -> set[int]:
    found = {number for number, _ in into_leaf}
    stack = list(found)
    while stack:
        for number, _ in above[stack.pop()]:
            if number not in found:
                found.add(number)
                stack.append(number)
    return found


def _fronts(
    graph: tuple[GraphNode, ...],
    reached: set[int],
    above: _Above,
    parameter: int,
) -> list[_Front]:
    found = []
    for number in reached:
        node = graph[number]
        if not node.received:
            given = sum(1 for each in above[number] if _sends(graph, each))
            if given:
                found.append(_Front(number, None, given))
            continue
        for at, (to, leaf) in enumerate(zip(node.to, node.leaves, strict=True)):
            leads = leaf == parameter if to is None else to in reached
            if leads and at < len(node.sent) and not node.sent[at]:
                found.append(_Front(number, at))
    return found


def _order(facts: Facts, graph: tuple[GraphNode, ...], front: _Front) -> tuple[bool, int]:
    """Return what the likeliest front is greatest in: a hook or a meeting, then the latest."""
    node = graph[front.number].node
    return front.at is None, -1 if node is None else facts.node(node).clock


def _below(fronts: list[_Front], front: _Front, above: _Above) -> _Front:
    """Return the front nearest to the parameter of those that lie below one.

    Whatever ends above it: what still reaches that one ends there.
    """
    left = [each for each in fronts if each.at is not None]
    while left:
        each = left.pop()
        if each.number != front.number and front.number in _ancestors([(each.number, 0)], above):
            front = each
            left = [other for other in fronts if other.at is not None and other in left]
    return front


def _sends(graph: tuple[GraphNode, ...], edge: tuple[int, int]) -> bool:
    number, at = edge
    sent = graph[number].sent
    return at < len(sent) and bool(sent[at])


def _at_leaf(
    facts: Facts, graph: tuple[GraphNode, ...], parameter: int, sends: list[tuple[int, int]]
) -> Zero:
    hooks = facts.lines(facts.parameter(parameter).hook_sites, "hook")
    if hooks or len(sends) == 1:
        return Zero("hook", tuple(hooks))
    lines = _parting(facts, graph, sends)
    for number, _ in sends:
        lines += _lines(facts, graph[number])
    return Zero("cancelled", tuple(lines))


def _explain(facts: Facts, backward: Backward, front: _Front, above: _Above) -> Zero:
    graph = backward.graph
    node = graph[front.number]
    lines = tuple(_lines(facts, node))
    if front.at is None:
        hooks = tuple(facts.lines(node.hook_sites, "hook"))
        if hooks or front.contributions < 2:
            return Zero("hook", (*hooks, *lines), node.name)
        givers = [each for each in above[front.number] if _sends(graph, each)]
        return Zero("cancelled", (*_parting(facts, graph, givers), *lines), node.name)
    base = re.sub(r"Backward\d*$", "", node.name)
    is_none = node.sent[front.at] is None
    if base == "BackwardHookFunction":
        hooks = tuple(facts.lines(facts.watch.module_hook_sites, "hook"))
        return Zero("hook", (*hooks, *lines), base)
    if node.custom:
        return Zero("custom_function", lines, base, is_none)
    if base in _ZERO_EVERYWHERE:
        return Zero("zero_grad_op", lines, base.lower())
    if base.startswith(_SATURATED):
        return Zero("saturated", lines, base.lower())
    if base.startswith(_DEAD):
        return Zero("dead_unit", lines, base.lower())
    by_parameter = _has_learning_factor(backward, front)
    return Zero("zero_factor", lines, base.lower(), is_none, by_parameter)


def _lines(facts: Facts, node: GraphNode) -> list[Line]:
    operation = None if node.node is None else facts.operation_of(node.node)
    if operation is None:
        return []
    site = operation.site if operation.function_site is None else operation.function_site
    lines = facts.lines([site], "zero")
    return [*lines, *facts.lines([operation.backward_site], "backward_of")]


def _parting(
    facts: Facts, graph: tuple[GraphNode, ...], givers: list[tuple[int, int]]
) -> list[Line]:
    """Return the line at which contributions that cancel each other began to differ."""
    above = _consumers(graph)
    shared: set[int] | None = None
    for number, _ in givers:
        found = _ancestors([(number, 0)], above)
        shared = found if shared is None else shared & found
    clocks = {
        number: facts.node(node).clock
        for number in shared or ()
        if (node := graph[number].node) is not None
    }
    return _lines(facts, graph[min(clocks, key=clocks.__getitem__)]) if clocks else []


def _consumers(graph: tuple[GraphNode, ...]) -> _Above:
    """Return the nodes that send a gradient to each node, with the place they do it at."""
    above: _Above = defaultdict(list)
    for number, node in enumerate(graph):
        for at, to in enumerate(node.to):
            if to is not None:
                above[to].append((number, at))
    return above


def _has_learning_factor(backward: Backward, front: _Front) -> bool:
    """Return whether the other factor of a product is a parameter that gets a gradient here."""
    graph = backward.graph
    node = graph[front.number]
    for at, (to, leaf) in enumerate(zip(node.to, node.leaves, strict=True)):
        if at == front.at or at >= len(node.sent) or not node.sent[at]:
            continue
        hops = 0
        while leaf is None and to is not None and hops < 4:
            inner = graph[to]
            onward = [
                pair for pair in zip(inner.to, inner.leaves, strict=True) if pair != (None, None)
            ]
            if len(onward) != 1:
                break
            to, leaf = onward[0]
            hops += 1
        if leaf is not None:
            return True
    return False
