"""Reads a link: what of it can be used, and what of it cannot."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from demos import catalogue
from demos.advisor import GRADIENTS, Answers
from demos.lessons import LESSONS
from demos.links import (
    BUDGET_RANGE_S,
    FIRST_WORKLOAD,
    FLAGS,
    PARAMETER,
    TABS,
    Comparison,
    LessonPlace,
    Link,
    usual_comparison,
)
from profiling.engine import plan
from profiling.errors import InputError, short
from profiling.lesson_records import LessonRequest
from profiling.records import Request

MAX_LETTERS = 1000
MAX_STEP = 1_000_000
_LESSON = ("lesson", "values", "op", "part", "step")
_COMPARISON = ("workload", "branches", "sizes", "dtype", "device", "budget", "twice", "force")
_ANSWERS = ("gradient", "only_here", "frozen", "in_place")

# Gives what a value changes in a request.
_Change = Callable[[Any, str], dict[str, Any]]


class _Reader:
    """Takes the parts of a link, noting what cannot be used of it."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self.faults: list[InputError] = []

    def has(self, *names: str) -> bool:
        return any(name in self._query for name in names)

    def names(self, prefix: str) -> list[str]:
        return [name for name in self._query if name.startswith(prefix)]

    def take(self, name: str, use: Callable[[str], Any], otherwise: Any) -> Any:
        """Return what a part stands for, or something else if it is not there or cannot be used."""
        if name not in self._query:
            return otherwise
        try:
            value = self._query[name]
            if len(value) > MAX_LETTERS:
                raise InputError("error.link_long", name=short(name), high=MAX_LETTERS)
            return use(value)
        except InputError as error:
            self.faults.append(error)
            return otherwise


def read_link(
    query: Mapping[str, str], tabs: tuple[str, ...] = TABS
) -> tuple[Link, tuple[InputError, ...]]:
    """Read the query of a link.

    Args:
        query: Values by name.
        tabs: The tabs that there are.

    Returns:
        What the link says, and what of it could not be used.
    """
    reader = _Reader(query)
    parameters = reader.names(PARAMETER)
    link = Link(
        tab=reader.take("tab", lambda value: _one_of(tabs, "tab", value), ""),
        lesson=_lesson(reader) if reader.has(*_LESSON) else None,
        comparison=_comparison(reader) if reader.has(*_COMPARISON) or parameters else None,
        answers=_answers(reader) if reader.has(*_ANSWERS) else None,
    )
    return link, tuple(reader.faults)


def _lesson(reader: _Reader) -> LessonPlace:
    name = reader.take("lesson", _lesson_name, LESSONS[0])
    request = LessonRequest(name)
    for each, change in _LESSON_INPUTS.items():
        use = functools.partial(_changed, request, change, plan.check_lesson)
        request = reader.take(each, use, request)
    parts = tuple(catalogue.lesson(name).parts)
    part = reader.take("part", lambda value: _one_of(parts, "part", value), parts[0])
    return LessonPlace(request, part, reader.take("step", _step, None))


def _comparison(reader: _Reader) -> Comparison:
    name = reader.take("workload", lambda value: catalogue.workload(value).name, FIRST_WORKLOAD)
    request = usual_comparison(name).request
    changes = _COMPARISON_INPUTS | {
        each: functools.partial(_parameter, each.removeprefix(PARAMETER))
        for each in reader.names(PARAMETER)
    }
    for each, change in changes.items():
        request = reader.take(each, functools.partial(_changed, request, change, _check), request)
    return Comparison(request, reader.take("twice", functools.partial(_flag, "twice"), False))


def _lesson_name(value: str) -> str:
    if value not in LESSONS:
        raise InputError("error.link_lesson", name=short(value))
    return value


def _changed(request: Any, change: _Change, check: Callable[[Any], None], value: str) -> Any:
    """Return a request with what a value changes in it, if it can be run so."""
    changed = replace(request, **change(request, value))
    check(changed)
    return changed


def _check(request: Request) -> None:
    """Check a comparison whose branches may still be the usual ones."""
    entry = catalogue.workload(request.workload)
    for branch in request.branches:
        if branch in entry.absent:
            raise InputError(entry.absent_reason(branch))
    plan.check(request if request.branches else replace(request, branches=entry.branches[:1]))


def _branches(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.split(",")))


def _budget(value: str) -> float:
    low, high = BUDGET_RANGE_S
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not low <= seconds <= high:
        raise InputError("error.budget_range", low=low, high=high)
    return seconds


def _parameter(name: str, request: Request, value: str) -> dict[str, Any]:
    if re.fullmatch(r"[0-9]{1,10}", value) is None:
        raise InputError("error.parameter_text", text=short(f"{name}={value}"))
    return {"parameters": {**request.parameters, name: int(value)}}


def _answers(reader: _Reader) -> Answers:
    usual: dict[str, Any] = msgspec.to_builtins(Answers())
    gradient = reader.take(
        "gradient", lambda value: _one_of(GRADIENTS, "gradient", value), usual["gradient"]
    )
    flags = {
        name: reader.take(name, functools.partial(_flag, name), usual[name])
        for name in _ANSWERS[1:]
    }
    return Answers(gradient, **flags)


def _one_of(allowed: tuple[str, ...], name: str, value: str) -> Any:
    if value not in allowed:
        said = ", ".join(allowed)
        raise InputError("error.link_value", name=name, value=short(value), allowed=said)
    return value


def _flag(name: str, value: str) -> bool:
    flag: bool = FLAGS[_one_of(tuple(FLAGS), name, value)]
    return flag


def _step(value: str) -> int:
    # Not int(), which reads more than digits; and what it would take long to read is too long.
    if re.fullmatch(r"[0-9]{1,7}", value) is None or not 1 <= int(value) <= MAX_STEP:
        raise InputError("error.link_step", value=short(value))
    return int(value)


# What each part of a link changes in a request.
_LESSON_INPUTS: dict[str, _Change] = {
    "values": lambda _, value: {"values": plan.parse_values(value)},
    "op": lambda _, value: {"op": value},
}
_COMPARISON_INPUTS: dict[str, _Change] = {
    "branches": lambda _, value: {"branches": _branches(value)},
    "sizes": lambda _, value: {"sizes": plan.parse_sizes(value)},
    "dtype": lambda _, value: {"dtype": value},
    "device": lambda _, value: {"device": value},
    "budget": lambda _, value: {"budget_s": _budget(value)},
    "force": lambda _, value: {"force": _flag("force", value)},
}
