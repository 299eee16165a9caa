"""What a link to the page says, read and written: a tab, and what is set on it.

A link is anybody's text. Each part of it that cannot be used is reported and left at its default,
so that the rest of it still holds.
"""

from __future__ import annotations

from urllib.parse import quote

from demos import catalogue
from demos.advisor import Answers
from profiling.lesson_records import LessonRequest
from profiling.records import Record, Request

TABS = ("start", "lessons", "compare", "trace", "playground", "about")
FIRST_WORKLOAD = "frozen_backbone"
# Seconds that the page's own slider can be set to.
BUDGET_RANGE_S = (0.2, 20.0)
# A parameter of a workload is named with this before it, as its own name may be any.
PARAMETER = "p."
FLAGS = {"1": True, "0": False}
# Letters of a value that mean nothing in a query and are easier to read as they are.
_PLAIN = ",:"


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
        | {name: _flag(True) for name, is_set in flags.items() if is_set}
        | {f"{PARAMETER}{name}": str(value) for name, value in request.parameters.items()}
    )


def _answer_parts(answers: Answers) -> dict[str, str]:
    flags = {name: _flag(getattr(answers, name)) for name in ("only_here", "frozen", "in_place")}
    return {"gradient": answers.gradient, **flags}


def _flag(value: bool) -> str:
    return next(text for text, meant in FLAGS.items() if meant == value)
