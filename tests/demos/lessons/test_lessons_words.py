"""The words of every lesson, in both languages."""

from __future__ import annotations

import msgspec
import pytest

from profiling import catalogue
from profiling.catalogue import LESSONS, TOPICS
from profiling.model import words as locales
from profiling.model.content import LOCALES
from tests.demos.lessons.traced import inputs, traced

QUOTED = (
    "element 0 of tensors does not require grad and does not have a grad_fn",
    "does not require grad and does not have a grad_fn",
    "modified by an inplace operation",
)
# What other versions of torch say and so lead to: those before an index was in the error.
OTHER_TORCH = {
    f"lesson.grad_of_unused.why.names_the_place.{verdict}" for verdict in ("holds", "wrong")
}


def words(language: str, topic: str = "*") -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (LOCALES / language).glob(f"lessons_{topic}.json"):
        found |= msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    return found


def keys_needed() -> set[str]:
    keys = set()
    for name in LESSONS:
        keys |= {f"lesson.{name}.{part}" for part in ("title", "question", "rule")}
        keys |= {entry.device_reason} if (entry := catalogue.lesson(name)).device else set()
        for each in inputs(name):
            for result in traced(name, *each).claims:
                claim = result.claim
                keys.add(f"lesson.{name}.claim.{claim}")
                keys.add(f"lesson.{name}.why.{claim}.{result.verdict.value}")
                keys |= {f"lesson.{name}.check.{claim}.{check}" for check in result.checks}
    return keys


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_text_is_there_and_used(language: str) -> None:
    found = words(language)
    assert set(found) == keys_needed() | OTHER_TORCH
    assert found.items() <= locales.table(language).items()


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_texts_keep_the_form(language: str) -> None:
    for key, text in words(language).items():
        assert text.strip() == text != ""
        assert not set(text) & set("{}\u2013\u2014\n")
        assert text.count("`") % 2 == 0
        part = key.split(".")[2]
        if part == "title":
            assert len(text) <= 50
        elif part in ("rule", "claim", "why", "device"):
            assert text.endswith("." if language == "en" else "。")
            assert "。" not in text[:-1]
        elif part == "question":
            assert text.endswith("?" if language == "en" else "？")


def test_languages_quote_the_same_code_and_errors() -> None:
    english, chinese = (words(language) for language in locales.LANGUAGES)
    for key, text in english.items():
        for quoted in QUOTED:
            assert (quoted in text) == (quoted in chinese[key])


@pytest.mark.parametrize("topic", TOPICS)
def test_texts_are_one_a_line_in_the_order_of_the_lessons(topic: str) -> None:
    for language in locales.LANGUAGES:
        path = LOCALES / language / f"lessons_{topic}.json"
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line[:1] for line in (lines[0], lines[-1])] == ["{", "}"]
        assert len(lines) - 2 == len(words(language, topic))
        order = [TOPICS[topic].index(key.split(".")[1]) for key in words(language, topic)]
        assert order == sorted(order)
    assert list(words("en", topic)) == list(words("zh", topic))
