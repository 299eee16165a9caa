"""The box at the door."""

from __future__ import annotations

import re

import pytest

from demos.page.door import reply
from profiling.catalogue.search import MAX_LETTERS
from profiling.model.words import LANGUAGES, translator


def lessons(html: str) -> list[str]:
    return re.findall(r"lesson=(\w+)", html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("asked", "first", "key"),
    [
        ("RuntimeError: Can't detach views in-place.", "detach_inplace_on_view", "door.found"),
        ("the optimizer still updates my frozen weights", "frozen_parameter_moves", "door.found"),
        ("显存一直增长", "total_loss_grows", "door.found"),
        ("difference between CrossEntropyLoss and NLLLoss", "", "door.maybe"),
        ("how to bake a cake", "", "door.none"),
    ],
)
def test_an_error_or_a_question_leads_to_lessons(
    asked: str, first: str, key: str, language: str
) -> None:
    text = translator(language)
    html = reply(asked, language, text)
    found = lessons(html)
    assert text(key) in html
    assert len(found) <= 3
    if first:
        assert found[0] == first


def test_code_is_shown_with_what_is_in_it() -> None:
    text = translator("en")
    html = reply("h = f(x).detach()\nh.add_(1)\nprint(1 < 2)", "en", text)
    assert "Read, not run. 2 places" in html
    assert lessons(html) == ["detach_untouched", "changed_after_saved"]
    notes = re.findall(r'lab-door-note (\w+)"><code>(.*?)</code>', html)
    assert notes == [("cuts", "f(x).detach()"), ("changes", "h.add_(1)")]
    assert "&lt;" in html


def test_code_without_any_sign_is_said_to_have_none() -> None:
    text = translator("zh")
    html = reply("y = model(x)", "zh", text)
    assert text("door.clean") in html
    assert lessons(html) == []


@pytest.mark.parametrize(
    "hostile", ["<img src=x onerror=hit=1>", "x = '<script>hit()</script>'\ny=f(x)"]
)
def test_what_is_pasted_is_text(hostile: str) -> None:
    html = reply(hostile, "en", translator("en"))
    assert "<img" not in html
    assert "<script" not in html


def test_nothing_gets_no_answer_and_too_much_a_sentence() -> None:
    text = translator("en")
    assert reply(" \n", "en", text) == ""
    assert "too long" in reply("a " * MAX_LETTERS, "en", text)
