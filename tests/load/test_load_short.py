"""The short form of ``python -m benchmarks.load``: many visitors at once on one page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import load
from benchmarks.faults import confined, own_folders
from demos.page.page import MAX_QUEUE
from tests.awaiting import finished
from tests.e2e.launching import App, running_app


@pytest.fixture(scope="module")
def busy() -> Iterator[App]:
    with confined():
        with running_app("--device", "cpu") as app:
            yield app
        assert own_folders() == []


def test_everybody_gets_their_own_in_the_order_of_asking(busy: App) -> None:
    met = finished(load.crowd(busy, 12, 8.0))
    assert met.faults == []
    assert met.busy == []
    assert set(met.answered) >= {"lesson", "compare", "trace"}
    assert max(met.most_before) > 0
    assert met.light_s


def test_too_many_are_told_to_come_back_and_the_others_are_answered(busy: App) -> None:
    answers, faults = finished(load.full_queue(busy))
    assert faults == []
    refused = [answer.refused for answer in answers if answer.refused is not None]
    assert len(refused) == load.CROWD - MAX_QUEUE
    assert all("Queue is full" in each for each in refused)
