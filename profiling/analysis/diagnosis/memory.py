"""Graphs that are kept alive, tensors changed after they were saved, and graphs used twice."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator

from profiling.analysis.diagnosis.facts import Exhausted, Facts, unique
from profiling.analysis.diagnosis.lessons import CARRIED
from profiling.analysis.diagnosis.model import PROBLEM, Finding, Line, SavedLine
from profiling.watch.record import Backward

# Tensors of two iterations may be two phases of one, as in PPO; a leak has those of all of them.
_FEW = 3
_SHARED = re.compile(r"(?:from_numpy|as_tensor|tensor)\s*\(\s*([A-Za-z_][\w.]*)")


def leaks(facts: Facts) -> Iterator[Finding]:
    """Yield the graphs that stay alive from iteration to iteration."""
    watch = facts.watch
    grows = [each for each in watch.growth if each.iterations >= 2 and _is_held(facts, each.held)]
    named: set[tuple[str, int]] = set()
    if grows and not any(each.error for each in watch.backward):
        lines = facts.lines([each.site for each in grows], "grows")
        named = {(each.path, each.line) for each in lines}
        # What runs after an optimizer's step counts for the iteration after it.
        span = min(max(each.span for each in grows), watch.counts.iterations)
        values: dict[str, str | int] = {"span": span}
        lesson = CARRIED if _is_carried(facts, {each.site for each in grows}) else ""
        yield Finding("memory", PROBLEM, "graph_leak", tuple(lines), (), values, lesson=lesson)
    for each in watch.held:
        made = facts.line(each.site, "made")
        if made is None or (made.path, made.line) in named or (grows and not each.forward_only):
            continue
        if not each.forward_only and each.count < min(_FEW, watch.counts.iterations):
            continue
        lines = unique([*facts.lines(each.put_sites, "put"), made])
        cause = "graph_kept" if each.forward_only else "graph_leak"
        names = ", ".join(each.holders[:3])
        values = {"count": each.count, "names": names}
        yield Finding("memory", PROBLEM, cause, tuple(lines), values=values)


def changes(facts: Facts) -> Iterator[Finding]:
    """Yield the tensors that were changed after they had been saved for backward."""
    for each in facts.watch.changes:
        writers = facts.lines(each.writer_sites, "changed")
        if each.through == "numpy":
            with contextlib.suppress(Exhausted):
                writers = unique([*_writes_to_array(facts, writers), *writers])
        saved = facts.lines([each.saver_site], "saved")
        values: dict[str, str | int] = {
            "saver": each.saver,
            "writer": each.writer,
            "saved_version": each.saved_version,
            "version": each.version,
        }
        cause = "inplace_saved" if each.raised else "silent_mutation"
        lines = unique([*writers, *saved])
        parameters = tuple(facts.trained_by(each.node)) if each.node is not None else ()
        yield Finding("in_place", PROBLEM, cause, tuple(lines), parameters, values)


def reused(facts: Facts) -> Iterator[Finding]:
    """Yield the graphs that backward reached again after it had freed them."""
    for backward in facts.watch.backward:
        if not backward.reuses:
            continue
        lines: list[Line] = []
        for reuse in backward.reuses:
            for node, role in ((reuse.node, "use"), (reuse.freed, "built")):
                operation = None if node is None else facts.operation_of(node)
                if operation is not None:
                    lines += facts.lines([operation.site], role)
        freed_by = facts.watch.backward[backward.reuses[0].freed_by]
        again = facts.lines([backward.site, freed_by.site], "backward")
        values: dict[str, str | int] = {"iteration": freed_by.iteration + 1}
        found = tuple(unique([*lines, *again]))
        lesson = CARRIED if _is_made_again(facts, backward) else ""
        yield Finding("error", PROBLEM, "backward_twice", found, (), values, lesson=lesson)
        return


def saved(facts: Facts) -> tuple[SavedLine, ...]:
    """Return the bytes that each line saves for backward in the last whole iteration."""
    finished = {each.iteration for each in facts.watch.backward if not each.error}
    if not finished:
        return ()
    last = max(finished)
    totals: dict[Line, int] = defaultdict(int)
    for operation in facts.watch.operations:
        if operation.iteration == last and operation.saved:
            line = facts.line(operation.site, "saves")
            if line is not None:
                totals[line] += operation.saved
    ordered = sorted(totals.items(), key=lambda pair: -pair[1])
    return tuple(SavedLine(line, size) for line, size in ordered)


def _is_carried(facts: Facts, sites: set[int]) -> bool:
    """Return whether a loss is computed from what a growing graph held before, as of an RNN.

    A total of losses is one number.
    """
    for number, backward in enumerate(facts.watch.backward):
        for each in facts.behind(number):
            node, operation = facts.node(each), facts.operation_of(each)
            earlier = node.iteration < backward.iteration and node.shape
            if earlier and operation is not None and operation.site in sites:
                return True
    return False


def _is_made_again(facts: Facts, backward: Backward) -> bool:
    """Return whether the line that made what was freed has run again since."""
    number = facts.watch.backward.index(backward)
    for reuse in backward.reuses:
        freed = None if reuse.freed is None else facts.operation_of(reuse.freed)
        if freed is None or reuse.freed is None or reuse.node is None:
            continue
        clock = facts.node(reuse.freed).clock
        for each in facts.behind(number):
            operation = facts.operation_of(each)
            later = facts.node(each).clock > clock
            if later and operation is not None and operation.site == freed.site:
                return True
    return False


def _is_held(facts: Facts, held: bool) -> bool:
    return held or any(each.held for each in facts.watch.growth)


def _writes_to_array(facts: Facts, shared: list[Line]) -> list[Line]:
    """Return the lines that write to an array by the name it was handed to torch with."""
    found: list[Line] = []
    for line in shared:
        match = _SHARED.search(line.text)
        assigned = re.match(r"\s*([A-Za-z_]\w*)\s*=[^=]", line.text)
        names = [match.group(1)] if match else []
        if ".numpy(" in line.text and assigned:
            names.append(assigned.group(1))
        for name in names:
            facts.spend(len(facts.texts.get(line.path, ())) // 10)
            write = re.compile(r"^\s*" + re.escape(name) + r"\s*(\[[^=]*\]\s*)?[-+*/]?=[^=]")
            for number, text in enumerate(facts.texts.get(line.path, ()), 1):
                if write.match(text) and number != line.line and ("[" in text or "=" in text):
                    if re.match(r"^\s*" + re.escape(name) + r"\s*=[^=]", text):
                        continue
                    found.append(Line(line.path, number, text.strip(), "changed"))
    return found
