"""A verdict that no lesson was seen with, as another torch or device may lead to, has words too."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from demos.page.lessons import _result_view
from demos.page.links import LessonPlace
from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.cli.terminal import print_lesson
from profiling.model.lesson import ClaimResult, LessonTrace, Verdict
from profiling.model.words import LANGUAGES, table, translator
from profiling.output import json_data
from profiling.output.report import lesson_part
from tests.demos.lessons.traced import traced

# For each verdict it has claims without words of their own for it.
SEVERAL = "grad_of_unused"


def outcomes(claim: ClaimResult) -> list[ClaimResult]:
    """Return what a claim's checks can end with: all true, all false, and both if there are two."""
    names = list(claim.checks)
    held = [range(len(names)), range(0), range(1)]
    found = [
        ClaimResult(claim.claim, {name: at in each for at, name in enumerate(names)})
        for each in held
    ]
    return found if len(names) > 1 else found[:2]


def printed(trace: LessonTrace, language: str) -> str:
    written = io.StringIO()
    print_lesson(trace, Console(file=written, width=80), translator(language))
    return written.getvalue()


@pytest.mark.parametrize("name", LESSONS)
def test_every_outcome_of_every_claim_has_its_words(name: str) -> None:
    entry = catalogue.lesson(name)
    for claim in traced(name).claims:
        own = f"lesson.{name}.why.{claim.claim}."
        assert entry.verdict_reason(claim) == own + claim.verdict.value
        for each in outcomes(claim):
            verdict = each.verdict.value
            for language in LANGUAGES:
                words = table(language)
                keys = [own + verdict, f"lesson.unexpected.{verdict}"]
                assert entry.verdict_reason(each) == next(key for key in keys if key in words)


def test_the_outcomes_are_all_there_are() -> None:
    of_one, of_two = ClaimResult("a", {"b": True}), ClaimResult("a", {"b": True, "c": True})
    assert {each.verdict for each in outcomes(of_one)} == {Verdict.HOLDS, Verdict.WRONG}
    assert {each.verdict for each in outcomes(of_two)} == {*Verdict}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("verdict", list(Verdict))
def test_page_shell_report_and_api_say_it(verdict: Verdict, language: str) -> None:
    trace, say = traced(SEVERAL), translator(language)
    claims = tuple(
        each for claim in trace.claims for each in outcomes(claim) if each.verdict is verdict
    )
    assert len(claims) > 1
    entry, other = catalogue.lesson(SEVERAL), replace(trace, claims=claims)
    keys = [entry.verdict_reason(each) for each in claims]
    unexpected = say(f"lesson.unexpected.{verdict.value}")
    times = keys.count(f"lesson.unexpected.{verdict.value}")
    assert times > 0
    data = json_data.lesson(other, say)
    assert [each["why"] for each in data["claims"]] == [say(key) for key in keys]
    assert set(data["verdicts"].values()) == {verdict.value}
    assert printed(other, language).count(unexpected) == times
    assert lesson_part(other, say).html.count(unexpected) == times
    page = _result_view(LessonPlace(trace.request), other, say, tells_device=False)
    assert page.count(unexpected) == times
