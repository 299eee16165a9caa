"""What a link to the page says, read and written: a tab, and what is set on it.

A link is anybody's text. Each part of it that cannot be used is reported and left at its default,
so that the rest of it still holds.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.advisor import GRADIENTS, Answers
from profiling.engine import plan
from profiling.model.errors import InputError, short
from profiling.model.lesson import LessonRequest
from profiling.model.run import Record, Request

TABS = ("start", "lessons", "compare", "trace", "playground", "about")
FIRST_WORKLOAD = "frozen_backbone"
# Seconds that the page's own slider can be set to.
BUDGET_RANGE_S = (0.2, 20.0)
# A parameter of a workload is named with this before it, as its own name may be any.
PARAMETER = "p."
FLAGS = {"1": True, "0": False}
# Letters of a value that mean nothing in a query and are easier to read as they are.
_PLAIN = ",:"
MAX_LETTERS = 1000
MAX_STEP = 1_000_000
_LESSON = ("lesson", "values", "op", "part", "step")
_COMPARISON = ("workload", "branches", "sizes", "dtype", "device", "budget", "twice", "force")
_ANSWERS = ("gradient", "only_here", "frozen", "in_place")

# Gives what a value changes in a request.
_Change = Callable[[Any, str], dict[str, Any]]


class LessonPlace(Record, frozen=True):
    """A lesson, its inputs and perhaps a step of it.

    Attributes:
        request: What is run; inputs that were not given keep the lesson's own.
        part: The function that the step is of.
        step: The step to go to, counted from 1; None if the lesson is not to be run.
    """

    request: LessonRequest
    part: str = ""
    step: int | None = None


class Comparison(Record, frozen=True):
    """The form of a comparison, filled in.

    Attributes:
        request: What would be measured; its branches are empty where the usual ones are meant.
        twice: Whether the first branch is asked for twice.
    """

    request: Request
    twice: bool = False


class Link(Record, frozen=True):
    """What a link says; what it does not speak of is None.

    Attributes:
        tab: The tab to open; empty for the first one.
    """

    tab: str = ""
    lesson: LessonPlace | None = None
    comparison: Comparison | None = None
    answers: Answers | None = None


def write_link(link: Link) -> str:
    """Return the query of a link, from its question mark on; `read_link` reads the same of it.

    Example:
        >>> write_link(Link("lessons", LessonPlace(LessonRequest("baseline", (1.0, 2.5)))))
        '?tab=lessons&lesson=baseline&values=1,2.5'
    """
    parts = {"tab": link.tab} if link.tab else {}
    if link.lesson is not None:
        parts |= _lesson_parts(link.lesson)
    if link.comparison is not None:
        parts |= _comparison_parts(link.comparison)
    if link.answers is not None:
        parts |= _answer_parts(link.answers)
    pairs = (f"{quote(name, safe=_PLAIN)}={quote(it, safe=_PLAIN)}" for name, it in parts.items())
    return f"?{'&'.join(pairs)}"


def usual_comparison(workload: str = FIRST_WORKLOAD) -> Comparison:
    """Return what the form is set to when a workload is chosen."""
    return Comparison(Request(workload, (), catalogue.workload(workload).sizes))


def number_text(value: float) -> str:
    """Write a number as shortly as it can be read back.

    Example:
        >>> number_text(2.0), number_text(0.1)
        ('2', '0.1')
    """
    return repr(value).removesuffix(".0")


def _lesson_parts(place: LessonPlace) -> dict[str, str]:
    request = place.request
    parts = {"lesson": request.name}
    if request.values is not None:
        parts["values"] = ",".join(map(number_text, request.values))
    if request.op is not None:
        parts["op"] = request.op
    if place.step is not None:
        parts |= {"part": place.part, "step": str(place.step)}
    return parts


def _comparison_parts(comparison: Comparison) -> dict[str, str]:
    request = comparison.request
    flags = {"twice": comparison.twice, "force": request.force}
    parts = {"workload": request.workload}
    if request.branches:
        parts["branches"] = ",".join(request.branches)
    return (
        parts
        | {
            "sizes": ",".join(map(str, request.sizes)),
            "dtype": request.dtype,
            "device": request.device,
            "budget": number_text(float(request.budget_s)),
        }
        | {name: _flag_text(True) for name, is_set in flags.items() if is_set}
        | {f"{PARAMETER}{name}": str(value) for name, value in request.parameters.items()}
    )


def _answer_parts(answers: Answers) -> dict[str, str]:
    flags = {
        name: _flag_text(getattr(answers, name)) for name in ("only_here", "frozen", "in_place")
    }
    return {"gradient": answers.gradient, **flags}


def _flag_text(value: bool) -> str:
    return next(text for text, meant in FLAGS.items() if meant == value)


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
