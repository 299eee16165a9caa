"""Why a parameter got no gradient, or one of zeros: the first of these verdicts that is true.

Frozen; arrived, but cleared, zero or held by no optimizer; backward raised; never used; not among
the inputs; a custom Function returned None; the way to the loss is cut; its numbers come back
through Python; nothing computed from it reaches a loss.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from profiling.analysis.diagnosis.facts import Exhausted, Facts, unique
from profiling.analysis.diagnosis.model import NOTE, PROBLEM, Fate, Finding, Line
from profiling.analysis.diagnosis.numbers import bridge, feeds_unseen_constructor, only_steers
from profiling.analysis.diagnosis.paths import DERIVATIVE, Cut, Way, cut, fewest_cuts
from profiling.analysis.diagnosis.zeros import Zero, zero_of
from profiling.watch.record import Backward, has_arrived

# Lines of one finding; the rest is counted.
_MOST_LINES = 6
_NO_GRAPH = re.compile("does not require grad")


def verdict(facts: Facts, number: int) -> tuple[str, Finding | None]:
    """Return the state of a parameter and what is to be said of it, if anything.

    Args:
        facts: The record.
        number: Index of the parameter.
    """
    parameter = facts.parameter(number)
    if not parameter.requires_grad:
        return "frozen", _frozen(facts, number)
    if has_arrived(parameter):
        return _arrived(facts, number)
    if _is_judged_too_early(facts, number):
        return "unknown", _inference(facts, number)
    level = PROBLEM if _matters(facts, number) else NOTE
    return "none", _missing(facts, number, level)


def grouped(facts: Facts) -> tuple[tuple[Finding, ...], tuple[Fate, ...]]:
    """Return the findings about all named parameters, those of one cause and line together."""
    findings: dict[object, Finding] = {}
    states: list[tuple[int, str, object]] = []
    for number, parameter in enumerate(facts.watch.parameters):
        if not parameter.names:
            continue
        try:
            state, found = verdict(facts, number)
        except Exhausted:
            state, found = "unknown", None
        key: object = None
        if found is not None:
            places = tuple((each.path, each.line) for each in found.lines)
            key = (found.level, found.cause, places)
            known = findings.get(key)
            if known is None:
                findings[key] = _with(found, (number,))
            else:
                findings[key] = _with(known, (*known.parameters, number))
        states.append((number, state, key))
    order = {key: at for at, key in enumerate(findings)}
    fates = tuple(
        Fate(number, state, None if key is None else order[key]) for number, state, key in states
    )
    return tuple(findings.values()), fates


def _with(found: Finding, parameters: tuple[int, ...]) -> Finding:
    return Finding(
        found.kind,
        found.level,
        found.cause,
        found.lines,
        parameters,
        found.values,
        found.likely,
        found.path,
        found.lesson,
    )


def _say(
    level: str,
    cause: str,
    lines: Iterable[Line] = (),
    *,
    likely: bool = False,
    path: tuple[int, ...] = (),
    **values: str | int,
) -> Finding:
    kept = tuple(unique(lines))[:_MOST_LINES]
    return Finding("gradient", level, cause, kept, (), values, likely, path)


def _matters(facts: Facts, number: int) -> bool:
    """Return whether a parameter without a gradient is a problem rather than a note."""
    parameter = facts.parameter(number)
    if facts.has_optimizer:
        return bool(parameter.optimizers)
    if not parameter.alive and not parameter.is_parameter:
        return False
    return _takes_part(facts, number)


def _takes_part(facts: Facts, number: int) -> bool:
    """Return whether a parameter takes part in training rather than only in an evaluation."""
    parameter = facts.parameter(number)
    if parameter.used_after_backward:
        return False
    if parameter.uses_with_grad:
        return True
    # Used without gradients only: in training, if its values reach a loss.
    starts = set(facts.made[number])
    return any(
        starts & facts.behind(each) and fewest_cuts(facts, starts, each) is not None
        for each in range(len(facts.watch.backward))
    ) or not (parameter.uses_with_grad or parameter.uses_without_grad)


def _frozen(facts: Facts, number: int) -> Finding:
    """Frozen: a problem only where an optimizer steps that holds nothing else."""
    parameter = facts.parameter(number)
    lines = facts.lines([parameter.frozen_site], "frozen")
    trains = not parameter.steps or any(each in facts.training for each in parameter.optimizers)
    level = NOTE if trains else PROBLEM
    return _say(level, "frozen", lines)


def _arrived(facts: Facts, number: int) -> tuple[str, Finding | None]:
    parameter = facts.parameter(number)
    if (
        parameter.steps
        and not parameter.steps_with_gradient
        and parameter.cleared_site is not None
        and parameter.arrived_nonzero is not False
    ):
        lines = facts.lines([parameter.cleared_site], "cleared")
        return "none", _say(PROBLEM, "grad_zeroed", lines)
    if parameter.arrived_nonzero is False:
        return "zero", _zero(facts, number)
    if parameter.arrived_zero and parameter.steps and not parameter.steps_with_gradient:
        return "zero", _zero(facts, number)
    stepped = any(each.steps for each in facts.watch.optimizers)
    by_hand = parameter.used_by_hand or parameter.asked
    if facts.has_optimizer and stepped and not parameter.optimizers and not by_hand:
        lines = facts.lines([each.site for each in facts.watch.optimizers], "optimizer")
        meant = not parameter.is_parameter or parameter.only_evaluated
        level = NOTE if meant else PROBLEM
        return "arrives", _say(level, "optimizer_missing", lines)
    return "arrives", None


def _zero(facts: Facts, number: int) -> Finding:
    zero = zero_of(facts, number)
    if zero is None and not any(number in each.leaves for each in facts.watch.backward):
        # No pass reached it: FSDP has filled in zeros.
        way = _way(facts, number)
        if way is not None:
            return _cut(PROBLEM if _matters(facts, number) else NOTE, way)
    found = zero or Zero("zero_factor", ())
    intended = found.by_parameter or not _matters(facts, number)
    if found.cause == "cancelled" and _has_learning_sibling(facts, number):
        # The last bias of a critic: what it adds to both scores is the same.
        intended = True
    return _say(NOTE if intended else PROBLEM, found.cause, found.lines, name=found.name)


def _has_learning_sibling(facts: Facts, number: int) -> bool:
    """Return whether another parameter of the same module gets a gradient."""
    owners = {each.rpartition(".")[0] for each in facts.parameter(number).names if "." in each}
    return any(
        bool(each.arrived_nonzero)
        for at, each in enumerate(facts.watch.parameters)
        if at != number and owners & {name.rpartition(".")[0] for name in each.names}
    )


def _is_judged_too_early(facts: Facts, number: int) -> bool:
    """Return whether an error ended the steps before this parameter could get its gradient."""
    failure = facts.watch.failure
    if failure is None:
        return False
    reached = [each for each in facts.watch.backward if number in each.leaves]
    if any(each.error for each in reached):
        return True
    whole = any(not each.error for each in facts.watch.backward)
    return not whole and failure.where in ("forward", "elsewhere") and not reached


def _inference(facts: Facts, number: int) -> Finding | None:
    """Return the finding about a parameter that made an inference tensor which autograd refused."""
    failure = facts.watch.failure
    if failure is None or failure.inference_site is None:
        return None
    for node in facts.is_used(number):
        operation = facts.operation_of(node)
        if operation is not None and operation.inference:
            lines = [
                facts.definition(operation.site, "off"),
                *facts.lines([operation.off_site], "off"),
                *facts.lines([operation.site], "cut"),
                *facts.lines([failure.site], "raised"),
            ]
            kept = [each for each in lines if each is not None]
            return _say(PROBLEM, "inference_mode", kept, name=operation.name)
    return None


def _missing(facts: Facts, number: int, level: str) -> Finding:
    """Return why no gradient arrived at all."""
    parameter = facts.parameter(number)
    if not facts.is_used(number) and not (parameter.uses_with_grad or parameter.uses_without_grad):
        return _say(level, "unused", facts.lines([_made_at(facts, number)], "constructed"))
    left_out = _left_out(facts, number)
    if left_out is not None and left_out.kind == "backward":
        return _say(level, "not_requested", facts.lines([left_out.site], "backward"))
    if any(number in each.leaves for each in facts.watch.backward):
        zero = zero_of(facts, number)
        if zero is not None:
            return _say(level, zero.cause, zero.lines, name=zero.name)
    way = _way(facts, number)
    if way is not None and way.cuts:
        return _cut(level, way)
    derivative = _derivative(facts, number)
    if derivative is not None:
        # The last bias of an energy whose forces are trained.
        intended = _has_learning_sibling(facts, number)
        return _say(NOTE if intended else level, "not_in_derivative", derivative)
    if level == NOTE and _is_only_evaluated(facts, number):
        return _say(NOTE, "only_evaluated")
    if left_out is not None:
        return _say(level, "not_requested", facts.lines([left_out.site], "backward"))
    return _lost(facts, number, level)


def _made_at(facts: Facts, number: int) -> int | None:
    """Return the site that made a parameter, which is where the person's own code made its module.

    A copy is made elsewhere than what it is a copy of.
    """
    made = min(facts.made[number], key=lambda each: facts.node(each).clock, default=None)
    operation = None if made is None else facts.operation_of(made)
    return None if operation is None else operation.site


def _is_only_evaluated(facts: Facts, number: int) -> bool:
    """Return whether a parameter was used for results only, as that of a reloaded model is."""
    parameter = facts.parameter(number)
    return parameter.used_after_backward or not parameter.uses_with_grad


def _left_out(facts: Facts, number: int) -> Backward | None:
    """Return the pass that reaches a parameter and does not name it among its inputs."""
    reached = [each for each in facts.watch.backward if number in each.leaves]
    if reached and all(each.inputs is not None and number not in each.inputs for each in reached):
        return reached[0]
    return None


def _way(facts: Facts, number: int) -> Way | None:
    """Return the way with the fewest cuts over all backward passes.

    Those to a pass that an optimizer of the parameter has stepped after come first: the loss of a
    critic is not meant for its actor.
    """
    starts = set(facts.made[number])
    own = set(facts.parameter(number).optimizers)
    ways = []
    for each in range(len(facts.watch.backward)):
        if starts & facts.behind(each):
            found = fewest_cuts(facts, starts, each)
            if found is not None and found.cuts:
                meant = bool(own & set(facts.watch.backward[each].stepped))
                ways.append((not meant, len(found.cuts), each, found))
    return min(ways)[-1] if ways else None


def _derivative(facts: Facts, number: int) -> list[Line] | None:
    """Return the line of a derivative through which all values go from a parameter to a loss."""
    starts = set(facts.made[number])
    for each in range(len(facts.watch.backward)):
        way = fewest_cuts(facts, starts, each) if starts & facts.behind(each) else None
        for node in () if way is None else way.nodes:
            operation = facts.operation_of(node)
            if operation is not None and operation.name == DERIVATIVE:
                return facts.lines([operation.site], "cut")
    return None


def _cut(level: str, way: Way) -> Finding:
    first = way.cuts[0]
    lines = [line for each in way.cuts for line in each.lines]
    return _say(level, first.cause, lines, path=way.nodes, name=first.name)


def _lost(facts: Facts, number: int, level: str) -> Finding:
    """The values reach no loss inside torch: they may come back through Python, or end."""
    ends = _ends(facts, number)
    numbers = [each for each in ends if facts.node(each).kind == "numbers"]
    found = bridge(facts, numbers)
    if found is not None:
        left = _cut_at(facts, found.left)
        rebuilt = facts.operation_of(found.rebuilt)
        lines = [*left.lines]
        if rebuilt is not None:
            lines += facts.lines([rebuilt.site], "rebuilt")
        return _say(level, left.cause, lines, likely=True, name=left.name)
    if not facts.watch.backward:
        # Without an optimizer it is an evaluation.
        return _say(level if facts.has_optimizer else NOTE, "no_backward")
    if only_steers(facts, numbers) and len(numbers) == len(ends):
        left = _cut_at(facts, numbers[0])
        return _say(level, left.cause, left.lines, name=left.name, steers=1)
    made = [each for each in ends if facts.operation_of(each) is not None]
    tensors = [each for each in made if facts.node(each).kind != "numbers"]
    last = sorted(tensors or made, key=lambda each: facts.node(each).clock)
    if not last:
        return _say(level, "not_in_loss")
    of_first = [
        each for each in last if facts.node(each).iteration == facts.node(last[0]).iteration
    ]
    end = of_first[-1]
    operation = facts.operation_of(end)
    assert operation is not None
    lines = facts.lines([operation.site], "last")
    if feeds_unseen_constructor(facts, end) and _unseen_leaf_after(facts, end):
        return _say(level, "rebuild", lines, likely=True, name="")
    return _say(level, "not_in_loss", lines)


def _ends(facts: Facts, number: int) -> list[int]:
    """Return the last tensors that were computed from a parameter, and its numbers."""
    starts = set(facts.made[number])
    seen, stack, ends = set(starts), list(starts), []
    while stack:
        node = stack.pop()
        users = facts.users[node]
        if node not in starts and (not users or facts.node(node).kind == "numbers"):
            ends.append(node)
        for each in users:
            if each not in seen:
                seen.add(each)
                stack.append(each)
    facts.spend(len(seen))
    return sorted(ends, key=lambda each: facts.node(each).clock)


def _cut_at(facts: Facts, node: int) -> Cut:
    sources = facts.node(node).sources
    return cut(facts, node, sources[0] if sources else node)


def _unseen_leaf_after(facts: Facts, end: int) -> bool:
    """Return whether a loss has a leaf that nothing was seen to make, later in the iteration."""
    start = facts.node(end)
    return any(
        facts.node(each).operation is None
        and facts.node(each).kind == "leaf"
        and facts.node(each).clock > start.clock
        and facts.node(each).iteration == start.iteration
        for number in range(len(facts.watch.backward))
        for each in facts.behind(number)
    )


def _without_trained(facts: Facts, number: int, at: list[Line]) -> Finding:
    """Return why nothing that a loss was computed from requires a gradient."""
    frozen = [
        each
        for each, parameter in enumerate(facts.watch.parameters)
        if parameter.names
        and not parameter.requires_grad
        and parameter.optimizers
        and set(facts.made[each]) & facts.behind(number)
    ]
    if not frozen:
        return _say(PROBLEM, "no_graph", at)
    sites = [facts.parameter(each).frozen_site for each in frozen]
    found = _say(PROBLEM, "frozen", [*facts.lines(sites, "frozen"), *at])
    return _with(found, tuple(frozen))


def rootless(facts: Facts) -> Finding | None:
    """Return why a loss had no graph, where backward raised because of that."""
    for number, backward in enumerate(facts.watch.backward):
        if not _NO_GRAPH.search(backward.error):
            continue
        ways = []
        for each, parameter in enumerate(facts.watch.parameters):
            starts = set(facts.made[each])
            if parameter.names and parameter.requires_grad and starts & facts.behind(number):
                way = fewest_cuts(facts, starts, number)
                if way is not None and way.cuts:
                    ways.append(way)
        at = facts.lines([backward.site], "backward")
        if ways:
            best = min(ways, key=lambda way: len(way.cuts))
            cause = best.cuts[0].cause
            lines = [line for each in best.cuts for line in each.lines]
            found = _say(PROBLEM, cause, [*lines, *at], path=best.nodes, name=best.cuts[0].name)
        else:
            found = _without_trained(facts, number, at)
        return Finding(
            "error",
            PROBLEM,
            found.cause,
            found.lines,
            found.parameters,
            found.values,
            path=found.path,
        )
    return None
