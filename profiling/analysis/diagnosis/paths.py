"""The way from a parameter to the loss with the fewest cuts, and what each cut is.

A cut is a step from one tensor to the next that the values took and autograd's graph did not. The
way with the fewest of them tells an intended cut, which has a way around it, from the one that
matters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from profiling.analysis.diagnosis.facts import Facts, unique
from profiling.analysis.diagnosis.model import Line

_DETACH = {"detach", "detach_", "torch.detach", "torch.detach_"}
_BUILD = {"torch.tensor", "torch.as_tensor", "torch.asarray", "new_tensor"}
_DATA = "data.__get__"
DERIVATIVE = "autograd.grad"
_SET_DATA = "data.__set__"
_COPIES = {_DATA, "clone", "nn.Parameter", *_DETACH}
_ALWAYS_CUT = {_DATA, "nn.Parameter", DERIVATIVE, *_DETACH, *_BUILD}
# Cuts that are often meant, such as a target network's: named after the others.
_OFTEN_MEANT = {"no_grad", "inference_mode"}


class Cut(NamedTuple):
    """A step that autograd's graph does not have.

    Attributes:
        node: The tensor after it.
        source: The tensor before it.
        cause: Its name.
        lines: Where it is.
        name: Name of the operation.
    """

    node: int
    source: int
    cause: str
    lines: tuple[Line, ...]
    name: str


class Way(NamedTuple):
    """A way from a parameter to the loss.

    Attributes:
        cuts: Its cuts, in the order of the computation.
        nodes: The tensors on it.
    """

    cuts: tuple[Cut, ...]
    nodes: tuple[int, ...]


def fewest_cuts(facts: Facts, starts: Iterable[int], backward: int) -> Way | None:
    """Return the way with the fewest cuts to a backward pass; None if the values took none.

    Args:
        facts: The record.
        starts: The nodes of the parameter.
        backward: Index of the pass.
    """
    left = cuts_left(facts, backward)
    starts = [each for each in starts if each in left]
    if not starts:
        return None
    least = min(left[each] for each in starts)
    best = [each for each in starts if left[each] == least]
    steps, path = _ways(facts, best, left)
    around = _first_cuts(facts, starts, left)
    found = [cut(facts, node, source) for node, source in _different(facts, steps)]
    if least == 1:
        # Each of them cuts a way of its own.
        found.sort(key=lambda each: each.cause in _OFTEN_MEANT)
    rest = {node: source for node, source in around.items() if node not in steps}
    if rest:
        # What the parameter's own value was made of is no use of it, as where FSDP flattens it.
        behind = facts.sources(starts)
        facts.spend(len(behind))
        rest = {node: source for node, source in rest.items() if node not in behind}
    others = [cut(facts, node, source) for node, source in _different(facts, rest)]
    others.sort(key=lambda each: each.cause in _OFTEN_MEANT)
    return Way(tuple(_once([*found, *others])), path)


def cuts_left(facts: Facts, backward: int) -> dict[int, int]:
    """Return the fewest cuts between each tensor behind a loss and that loss.

    Args:
        facts: The record.
        backward: Index of the pass.
    """
    known = facts.cuts_left.get(backward)
    if known is not None:
        return known
    facts.spend(len(facts.behind(backward)))
    left = dict.fromkeys(facts.watch.backward[backward].roots, 0)
    queue = deque(left)
    while queue:
        node = queue.popleft()
        for source in facts.node(node).sources:
            cost = left[node] + _cost(facts, source, node)
            if cost < left.get(source, cost + 1):
                left[source] = cost
                if cost > left[node]:
                    queue.append(source)
                else:
                    queue.appendleft(source)
    facts.cuts_left[backward] = left
    return left


def cut(facts: Facts, node: int, source: int) -> Cut:
    """Return what the step from one tensor to another is cut by."""
    cause, lines, name = _named(facts, node, source)
    return Cut(node, source, cause, tuple(unique(lines)), name)


def _cost(facts: Facts, source: int, node: int) -> int:
    """Return 1 for a step that has to be repaired before a gradient can pass, else 0."""
    before, after = facts.node(source), facts.node(node)
    if source in after.kept:
        return 0
    operation, earlier = facts.operation_of(node), facts.operation_of(source)
    if operation is not None and operation.name == DERIVATIVE and operation.grad:
        # Its graph goes on to what it depends on, and not to what was derived.
        return 0
    if before.requires_grad or operation is None:
        return 1
    if operation.inference:
        return 0 if earlier is not None and earlier.inference else 1
    if not operation.grad and operation.name not in _ALWAYS_CUT:
        same = earlier is not None and not earlier.grad and earlier.off_site == operation.off_site
        return 0 if same else 1
    if operation.name in _ALWAYS_CUT or after.kind == "numbers":
        return 1
    return 1 if before.differentiable and not after.differentiable else 0


def _ways(
    facts: Facts, starts: list[int], left: dict[int, int]
) -> tuple[dict[int, int], tuple[int, ...]]:
    """Return the cuts on all best ways, node by source, and the nodes of one of them."""
    cuts: dict[int, int] = {}
    came_from: dict[int, int] = {}
    seen = set(starts)
    stack = list(starts)
    end = None
    while stack:
        node = stack.pop()
        ends = True
        for user in facts.users[node]:
            if user not in left:
                continue
            cost = _cost(facts, node, user)
            if left[user] + cost != left[node]:
                continue
            ends = False
            if cost:
                cuts.setdefault(user, node)
            if user not in seen:
                seen.add(user)
                came_from[user] = node
                stack.append(user)
        if ends and end is None:
            end = node
    facts.spend(len(seen))
    path = [] if end is None else [end]
    while path and path[-1] in came_from:
        path.append(came_from[path[-1]])
    return cuts, tuple(reversed(path))


def _first_cuts(facts: Facts, starts: list[int], left: dict[int, int]) -> dict[int, int]:
    """Return the first cut of every use of a parameter on its way to the loss."""
    cuts: dict[int, int] = {}
    seen = set(starts)
    stack = list(starts)
    while stack:
        node = stack.pop()
        for user in facts.users[node]:
            if user not in left:
                continue
            if _cost(facts, node, user):
                if facts.node(user).parameter is None:
                    cuts.setdefault(user, node)
            elif user not in seen:
                seen.add(user)
                stack.append(user)
    facts.spend(len(seen))
    return cuts


def _different(facts: Facts, steps: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield steps without those of the same lines, as in another iteration of a loop."""
    seen = set()
    for node, source in sorted(steps.items()):
        key = facts.node(node).dtype, _at(facts, node), _at(facts, source)
        if key not in seen:
            seen.add(key)
            yield node, source


def _at(facts: Facts, node: int) -> tuple[object, ...]:
    """Return what an operation has in common with those of the same line."""
    made = facts.operation_of(node)
    if made is None or made.copying:
        return (node,)
    return made.name, made.site, made.grad, made.inference, made.off_site, made.function_site


def _once(cuts: list[Cut]) -> list[Cut]:
    """Return cuts without those that say the same of the same lines, as in another iteration."""
    found: dict[tuple[str, tuple[tuple[str, int], ...]], Cut] = {}
    for each in cuts:
        key = each.cause, tuple((line.path, line.line) for line in each.lines)
        found.setdefault(key, each)
    return list(found.values())


def _named(facts: Facts, node: int, source: int) -> tuple[str, list[Line], str]:
    operation = facts.operation_of(node)
    after = facts.node(node)
    if operation is None:
        earlier = facts.operation_of(source)
        lines = [] if earlier is None else facts.lines([earlier.site], "cut")
        return "unknown", lines, ""
    name = operation.name
    here = facts.lines([operation.site], "cut")
    if operation.copying and name in _COPIES:
        return "other_copy", [*here, *_uses_of_copy(facts, node)], name
    if after.kind == "numbers":
        return after.dtype, here, name
    origin = _origin_in_place(facts, node)
    if origin is not None:
        return origin[0], [*origin[1], *here], name
    if name in _DETACH:
        return "detach", here, name
    if name in (_DATA, _SET_DATA):
        return "data", here, name
    if name == "nn.Parameter":
        return "parameter_rebuild", here, name
    if name in _BUILD:
        return "rebuild", here, name
    if name == DERIVATIVE:
        return "no_create_graph", here, name
    if operation.function:
        cause = "checkpoint" if "checkpoint" in operation.function.lower() else "custom_function"
        return cause, facts.lines([operation.function_site], "cut"), operation.function
    if operation.inference:
        return "inference_mode", _off(facts, operation.site, operation.off_site), name
    if not operation.grad:
        return "no_grad", _off(facts, operation.site, operation.off_site), name
    return "nondiff_op", here, name


def _origin_in_place(facts: Facts, node: int) -> tuple[str, list[Line]] | None:
    """Return what made the tensor that an operation in place has changed, if that is cut off."""
    operation = facts.operation_of(node)
    if operation is None or not operation.in_place:
        return None
    for source in facts.node(node).sources[:1]:
        earlier = facts.operation_of(source)
        if earlier is not None and earlier.name == _DATA:
            return "data", facts.lines([earlier.site], "cut")
        if earlier is not None and earlier.name in _DETACH:
            return "detach", facts.lines([earlier.site], "cut")
    return None


def _off(facts: Facts, site: int, off_site: int | None) -> list[Line]:
    """Return where gradients were turned off, and the call that ran so."""
    off = facts.line(off_site, "off")
    definition = facts.definition(site, "off") or facts.definition(off_site, "off")
    here = facts.line(site, "cut")
    return [each for each in (definition, off, here) if each is not None]


def _uses_of_copy(facts: Facts, node: int) -> list[Line]:
    """Return where a copy of a parameter is first used with gradients."""
    queue, seen = deque([node]), {node}
    while queue:
        for user in facts.users[queue.popleft()]:
            if user in seen:
                continue
            seen.add(user)
            operation = facts.operation_of(user)
            if facts.node(user).kind == "parameter" or operation is None or operation.copying:
                queue.append(user)
            elif operation.grad:
                return facts.lines([operation.site], "use")
    return []
