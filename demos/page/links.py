"""The query string of a link to the page: written from the inputs of a tab, and parsed.

A link may come from anybody. A part that is invalid is reported and keeps its default; the other
parts are used.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.advisor import GRADIENTS, Answers
from profiling.engine import plan
from profiling.engine.plan import PAGE_SETTINGS
from profiling.model.errors import InputError, short
from profiling.model.lesson import LessonRequest
from profiling.model.record import Record
from profiling.model.request import AUTO, Choices, Flag, Number, Request, Setting
from profiling.output import explanation

TABS = ("start", "lessons", "compare", "explain", "trace", "playground", "about")
FIRST_WORKLOAD = "frozen_backbone"
FIRST_EXAMPLE = "weights_from_numbers"
# The name of a workload's own parameter begins with this, since it may be any name.
PARAMETER = "p."
FLAGS = {"1": True, "0": False}
MAX_LETTERS = 1000
MAX_STEP = 1_000_000

# A lesson's device is not called that, since a comparison's is.
_LESSON = ("lesson", "values", "op", "on", "part", "step")
_COMPARISON = (
    *("workload", "branches", "sizes", "twice"),
    *(setting.word for setting in PAGE_SETTINGS.values()),
)
_ANSWERS = ("gradient", "only_here", "frozen", "in_place")
_EXAMPLE = "example"
# All names of a link but those of parameters.
NAMES = ("tab", *_LESSON, *_COMPARISON, *_ANSWERS, _EXAMPLE)
# Letters of a value that mean nothing in a query and are easier to read as they are.
_PLAIN = ",:"

_T = TypeVar("_T")
_Request = TypeVar("_Request", Request, LessonRequest)


class LessonPlace(Record, frozen=True):
    """A lesson, its inputs and, optionally, one of its steps.

    Attributes:
        request: The lesson and its inputs; an input that is None keeps the lesson's own.
        part: Name of the function that the step belongs to.
        step: Step to display, counted from 1; None if the lesson is not to be run.
    """

    request: LessonRequest
    part: str = ""
    step: int | None = None


class Comparison(Record, frozen=True):
    """The inputs of the form of a comparison.

    Attributes:
        request: The comparison; if its branches are empty, the workload's usual ones are meant.
        twice: Whether the first branch is measured twice.
    """

    request: Request
    twice: bool = False


class Link(Record, frozen=True):
    """The content of a link; parts that it does not mention are None.

    Attributes:
        tab: Name of the tab to open; empty if the link names none.
        example: Name of a watched script that comes with the project.
    """

    tab: str = ""
    lesson: LessonPlace | None = None
    comparison: Comparison | None = None
    answers: Answers | None = None
    example: str | None = None


def usual_comparison(workload: str = FIRST_WORKLOAD) -> Comparison:
    """Return the default inputs of the form for a workload."""
    return Comparison(Request(workload, (), catalogue.workload(workload).sizes))


def usual_lesson(name: str = LESSONS[0]) -> LessonRequest:
    """Return a lesson with its own inputs, on the device that the page prefers."""
    return LessonRequest(name, device=AUTO)


def number_text(value: float) -> str:
    """Return the shortest text that parses to the number.

    Example:
        >>> number_text(2.0), number_text(0.1)
        ('2', '0.1')
    """
    return repr(value).removesuffix(".0")


def write_link(link: Link) -> str:
    """Return the query string of a link, with the question mark; `read_link` parses it.

    Example:
        >>> request = LessonRequest("baseline", (1.0, 2.5), device="cpu")
        >>> write_link(Link("lessons", LessonPlace(request)))
        '?tab=lessons&lesson=baseline&values=1,2.5&on=cpu'
    """
    parts = {"tab": link.tab} if link.tab else {}
    if link.lesson is not None:
        parts |= _lesson_parts(link.lesson)
    if link.comparison is not None:
        parts |= _comparison_parts(link.comparison)
    if link.answers is not None:
        parts |= _answer_parts(link.answers)
    if link.example is not None:
        parts[_EXAMPLE] = link.example
    pairs = (f"{quote(name, safe=_PLAIN)}={quote(it, safe=_PLAIN)}" for name, it in parts.items())
    return f"?{'&'.join(pairs)}"


def lesson_address(name: str) -> str:
    """Return the query string of a link to a lesson.

    Example:
        >>> lesson_address("baseline")
        '?tab=lessons&lesson=baseline'
    """
    return write_link(Link("lessons", LessonPlace(usual_lesson(name))))


def read_link(
    query: Mapping[str, str], tabs: tuple[str, ...] = TABS
) -> tuple[Link, tuple[InputError, ...]]:
    """Parse the query string of a link.

    Args:
        query: Values by name.
        tabs: Names of the tabs of the page.

    Returns:
        The link, and an error for each invalid part.
    """
    reader = _Reader(query)
    parameters = reader.parameters()
    link = Link(
        tab=reader.take("tab", functools.partial(_one_of, tabs, "tab"), ""),
        lesson=_lesson(reader) if reader.has(*_LESSON) else None,
        comparison=_comparison(reader) if reader.has(*_COMPARISON, *parameters) else None,
        answers=_answers(reader) if reader.has(*_ANSWERS) else None,
        example=_example(reader) if reader.has(_EXAMPLE) else None,
    )
    return link, tuple(reader.faults)


def _lesson_parts(place: LessonPlace) -> dict[str, str]:
    request = place.request
    parts = {"lesson": request.name}
    if request.values is not None:
        parts["values"] = ",".join(map(number_text, request.values))
    if request.op is not None:
        parts["op"] = request.op
    if request.device != AUTO:
        parts["on"] = request.device
    if place.step is not None:
        parts |= {"part": place.part, "step": str(place.step)}
    return parts


def _comparison_parts(comparison: Comparison) -> dict[str, str]:
    request = comparison.request
    parts = {
        "workload": request.workload,
        "branches": ",".join(request.branches),
        "sizes": ",".join(map(str, request.sizes)),
        **{
            setting.word: _written(setting, getattr(request, name))
            for name, setting in PAGE_SETTINGS.items()
        },
        "twice": _flag_text(True) if comparison.twice else "",
        **{f"{PARAMETER}{name}": str(value) for name, value in request.parameters.items()},
    }
    return {name: text for name, text in parts.items() if text}


def _answer_parts(answers: Answers) -> dict[str, str]:
    flags = {name: _flag_text(getattr(answers, name)) for name in _ANSWERS[1:]}
    return {"gradient": answers.gradient, **flags}


def _written(setting: Setting, value: Any) -> str:
    """Return a setting's value as text; empty for a flag that is off."""
    match setting:
        case Flag():
            return _flag_text(True) if value else ""
        case Number(whole=False):
            return number_text(float(value))
        case Choices():
            return ",".join(value)
    return str(value)


def _flag_text(value: bool) -> str:
    return next(text for text, meant in FLAGS.items() if meant == value)


class _Reader:
    """Parses the parts of a link and collects an error for each invalid one."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self.faults: list[InputError] = []

    def has(self, *names: str) -> bool:
        return any(name in self._query for name in names)

    def parameters(self) -> list[str]:
        return [name for name in self._query if name.startswith(PARAMETER)]

    def take(self, name: str, read: Callable[[str], _T], otherwise: _T) -> _T:
        """Return the parsed value of a part, or `otherwise` if it is missing or invalid."""
        if name not in self._query:
            return otherwise
        try:
            text = self._query[name]
            if len(text) > MAX_LETTERS:
                raise InputError("error.link_long", name=short(name), high=MAX_LETTERS)
            return read(text)
        except InputError as error:
            self.faults.append(error)
            return otherwise


def _lesson(reader: _Reader) -> LessonPlace:
    name = reader.take("lesson", _lesson_name, LESSONS[0])
    request = usual_lesson(name)
    # The field that each part of the link sets, and what reads its value.
    inputs: dict[str, tuple[str, Callable[[str], Any]]] = {
        "values": ("values", plan.parse_values),
        "op": ("op", str),
        "on": ("device", str),
    }
    for word, (field, read) in inputs.items():
        use = functools.partial(_changed, request, field, read, plan.check_lesson)
        request = reader.take(word, use, request)
    parts = tuple(catalogue.lesson(name).parts)
    part = reader.take("part", functools.partial(_one_of, parts, "part"), parts[0])
    step: int | None = reader.take("step", _step, None)
    return LessonPlace(request, part, step)


def _comparison(reader: _Reader) -> Comparison:
    name = reader.take("workload", lambda text: catalogue.workload(text).name, FIRST_WORKLOAD)
    request = usual_comparison(name).request
    # The field that each part of the link sets, and what reads its value.
    inputs: dict[str, tuple[str, Callable[[str], Any]]] = {
        "branches": ("branches", lambda text: tuple(dict.fromkeys(text.split(",")))),
        "sizes": ("sizes", plan.parse_sizes),
        **{
            setting.word: (field, functools.partial(_read, setting))
            for field, setting in PAGE_SETTINGS.items()
        },
    }
    for word, (field, read) in inputs.items():
        use = functools.partial(_changed, request, field, read, _check)
        request = reader.take(word, use, request)
    for word in reader.parameters():
        read = functools.partial(_parameters, request, word.removeprefix(PARAMETER))
        use = functools.partial(_changed, request, "parameters", read, _check)
        request = reader.take(word, use, request)
    return Comparison(request, reader.take("twice", functools.partial(_flag, "twice"), False))


def _answers(reader: _Reader) -> Answers:
    usual: dict[str, Any] = msgspec.to_builtins(Answers())
    one_of = functools.partial(_one_of, GRADIENTS, "gradient")
    gradient = reader.take("gradient", one_of, usual["gradient"])
    flags = {
        name: reader.take(name, functools.partial(_flag, name), usual[name])
        for name in _ANSWERS[1:]
    }
    return Answers(gradient, **flags)


def _example(reader: _Reader) -> str:
    allowed = tuple(explanation.examples())
    name: str = reader.take(_EXAMPLE, functools.partial(_one_of, allowed, _EXAMPLE), FIRST_EXAMPLE)
    return name


def _changed(
    request: _Request,
    field: str,
    read: Callable[[str], Any],
    check: Callable[[_Request], None],
    text: str,
) -> _Request:
    """Return a copy of a request with one field set.

    Raises:
        InputError: The text cannot be parsed, or the request cannot be run with this value.
    """
    changed = replace(request, **{field: read(text)})
    check(changed)
    return changed


def _check(request: Request) -> None:
    """Check a comparison; empty branches stand for the usual ones.

    Raises:
        InputError: It cannot be run.
    """
    entry = catalogue.workload(request.workload)
    for branch in request.branches:
        if branch in entry.absent:
            raise InputError(entry.absent_reason(branch))
    plan.check(request if request.branches else replace(request, branches=entry.branches[:1]))


def _read(setting: Setting, text: str) -> Any:
    """Parse a setting's value.

    Raises:
        InputError: It is not a value that the form allows.
    """
    match setting:
        case Flag():
            return _flag(setting.word, text)
        case Number():
            value: float = float("nan")
            with contextlib.suppress(ValueError):
                value = int(text) if setting.whole else float(text)
            setting.check(value)
            return value
        case Choices():
            names = setting.read(text)
            setting.check(names)
            return names
    setting.check(text)
    return text


def _parameters(request: Request, name: str, text: str) -> dict[str, int]:
    if re.fullmatch(r"[0-9]{1,10}", text) is None:
        raise InputError("error.parameter_text", text=short(f"{name}={text}"))
    return {**request.parameters, name: int(text)}


def _lesson_name(text: str) -> str:
    if text not in LESSONS:
        raise InputError("error.link_lesson", name=short(text))
    return text


def _one_of(allowed: tuple[str, ...], name: str, text: str) -> Any:
    if text not in allowed:
        said = ", ".join(allowed)
        raise InputError("error.link_value", name=name, value=short(text), allowed=said)
    return text


def _flag(name: str, text: str) -> bool:
    return FLAGS[_one_of(tuple(FLAGS), name, text)]


def _step(text: str) -> int:
    # Not int(), which reads more than digits; and what it would take long to read is too long.
    if re.fullmatch(r"[0-9]{1,7}", text) is None or not 1 <= int(text) <= MAX_STEP:
        raise InputError("error.link_step", value=short(text))
    return int(text)
