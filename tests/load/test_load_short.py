"""The short form of ``python -m benchmarks.load``: many visitors at once on one page."""

from __future__ import annotations

from demos.page.page import MAX_QUEUE
from tests.awaiting import finished
from tests.harness import crowding
from tests.harness.launching import App


def test_everybody_gets_their_own(app: App) -> None:
    met = finished(crowding.crowd(app, 8, requests=3))
    assert met.faults == []
    assert met.busy == []
    assert set(met.answered) >= {"lesson", "compare", "trace"}
    assert met.light_s


def test_too_many_are_told_to_come_back_and_the_others_are_answered(app: App) -> None:
    answers, faults = finished(crowding.full_queue(app))
    assert faults == []
    refused = [answer for answer in answers if "Queue is full" in (answer.refused or "")]
    assert len(refused) == crowding.CROWD - MAX_QUEUE
    # How many are before whoever waits: fewer and fewer.
    places = [answer.places for answer in answers]
    assert all(each == sorted(each, reverse=True) for each in places)
    assert max(map(max, filter(None, places))) > 0
