"""The verdicts on claims, topic by topic, as the files of the topics expect them."""

from __future__ import annotations

import pytest

from demos.lessons import copying, in_place, modes
from tests.demos.lessons import (
    test_lessons_copying,
    test_lessons_freezing,
    test_lessons_in_place,
    test_lessons_modes,
)
from tests.demos.lessons.traced import all_verdicts, traced, verdicts

IN_FULL = [
    (copying, test_lessons_copying),
    (in_place, test_lessons_in_place),
    (modes, test_lessons_modes),
]
VERDICTS = [row for _, expected in IN_FULL for row in expected.VERDICTS]
FAILED = [row for _, expected in IN_FULL for row in expected.FAILED]


@pytest.mark.parametrize(("name", "claim", "verdict"), [*VERDICTS, *test_lessons_freezing.VERDICTS])
def test_verdict(name: str, claim: str, verdict: str) -> None:
    assert all_verdicts(name)[claim] == {verdict}


def test_every_claim_has_an_expected_verdict() -> None:
    lessons = [name for topic, _ in IN_FULL for name in topic.LESSONS]
    found = {(name, claim) for name in lessons for claim in verdicts(traced(name))}
    assert {(name, claim) for name, claim, _ in VERDICTS} == found


@pytest.mark.parametrize(("name", "claim", "failed"), FAILED)
def test_which_checks_fail(name: str, claim: str, failed: set[str]) -> None:
    checks = next(each.checks for each in traced(name).claims if each.claim == claim)
    assert {check for check, held in checks.items() if not held} == failed


def test_partly_held_claims_are_all_looked_into() -> None:
    partly = {(name, claim) for name, claim, verdict in VERDICTS if verdict == "holds_partly"}
    assert {(name, claim) for name, claim, _ in FAILED} == partly
