"""A record of watched training steps → what is wrong with its gradients, where, what to do.

Standard library only, so that it also runs in a person's own environment.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from profiling.analysis.diagnosis import memory, parameters
from profiling.analysis.diagnosis.facts import Exhausted, Facts
from profiling.analysis.diagnosis.lessons import lesson_of
from profiling.analysis.diagnosis.model import (
    NOTE,
    PROBLEM,
    Diagnosis,
    Fate,
    Finding,
    Line,
    SavedLine,
)
from profiling.analysis.diagnosis.text import told
from profiling.model.words import DEFAULT
from profiling.watch.record import Watch

__all__ = [
    "NOTE",
    "PROBLEM",
    "Diagnosis",
    "Fate",
    "Finding",
    "Line",
    "SavedLine",
    "diagnose",
    "explained",
    "told",
]


def diagnose(watch: Watch) -> Diagnosis:
    """Return the diagnosis of a record."""
    facts = Facts(watch)
    gradient, fates = parameters.grouped(facts)
    error = None
    with contextlib.suppress(Exhausted):
        error = parameters.rootless(facts)
    if error is not None and not any(_same(error, each) for each in gradient):
        gradient = (*gradient, error)
    findings = [*gradient, *memory.leaks(facts), *memory.changes(facts), *memory.reused(facts)]
    order = sorted(range(len(findings)), key=lambda at: findings[at].level != PROBLEM)
    place = {old: new for new, old in enumerate(order)}
    return Diagnosis(
        watch=watch,
        findings=tuple(_with_lesson(findings[at]) for at in order),
        fates=tuple(
            Fate(each.parameter, each.state, None if each.finding is None else place[each.finding])
            for each in fates
        ),
        saved=memory.saved(facts),
    )


def explained(watch: Watch, language: str = DEFAULT) -> str:
    """Return the diagnosis of a record as text, as the shell prints it."""
    return told(diagnose(watch), language)


def _with_lesson(found: Finding) -> Finding:
    return found if found.lesson else replace(found, lesson=lesson_of(found.cause))


def _same(a: Finding, b: Finding) -> bool:
    """Return whether two findings name the same cause on the same line first."""
    return a.cause == b.cause and a.lines[:1] == b.lines[:1]
