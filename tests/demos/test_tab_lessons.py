"""The choice of lessons, whose offer may change while a choice is on its way."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from demos.lessons import LESSONS, TOPICS
from demos.tabs.lessons import _LessonChoice


@pytest.fixture
def choice() -> _LessonChoice:
    """What the second topic offers."""
    return _LessonChoice(choices=[*list(TOPICS.values())[1]])


def test_a_lesson_that_is_no_longer_offered_is_taken(choice: _LessonChoice) -> None:
    first = LESSONS[0]
    assert first not in [value for _, value in choice.choices]
    assert choice.preprocess(first) == first


@pytest.mark.parametrize("payload", ["no_lesson", 5, [LESSONS[0]], {}, ["x"] * 3])
def test_what_is_no_lesson_is_refused(choice: _LessonChoice, payload: Any) -> None:
    with pytest.raises(gr.Error):
        choice.preprocess(payload)


def test_nothing_may_be_chosen(choice: _LessonChoice) -> None:
    assert choice.preprocess(None) is None


def test_a_browser_shows_it_as_any_radio(choice: _LessonChoice) -> None:
    assert choice.get_block_name() == "radio"
