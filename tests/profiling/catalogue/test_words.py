"""Words of lessons: what counts as one, what it is like, and how much it tells."""

from __future__ import annotations

import pytest

from profiling import catalogue
from profiling.catalogue import LessonEntry, Source
from profiling.catalogue.search import words as search
from profiling.catalogue.search.words import Field, Index, Ranked, Vocabulary
from profiling.model import words as locales

TEXTS = {
    "en": {
        "lesson.first_one.title": "In-place writes to a leaf",
        "lesson.first_one.question": "Why is the gradient missing in a step?",
        "lesson.first_one.asked": "manual updates",
        "lesson.first_one.rule": "Detach the tensor.",
        "lesson.first_one.claim.any": "An inplace write to the gradient is noticed.",
        "lesson.other.title": "The graph of a view",
        "lesson.other.question": "Does clone() help?",
        "lesson.other.asked": "more memory every day",
        "lesson.other.rule": "Detached tensors have no gradients.",
        "lesson.other.claim.any": "retain_graph",
        "find.same.memory": "memory; gpu memory; vram",
        "find.same.inplace": "inplace; in-place; in place",
    },
    "zh": {
        "lesson.first_one.title": "原地修改叶子",
        "lesson.first_one.question": "为什么梯度没有了？",
        "lesson.first_one.asked": "手动更新",
        "lesson.first_one.rule": "断开。",
        "lesson.first_one.claim.any": "会被发现。",
        "lesson.other.title": "计算图里的视图，detach",
        "lesson.other.question": "克隆有用吗？",
        "lesson.other.asked": "每天更多显存",
        "lesson.other.rule": "没有梯度。",
        "lesson.other.claim.any": "retain_graph",
        "find.same.memory": "显存; 内存",
        "find.same.inplace": "原地",
    },
}


@pytest.fixture(autouse=True)
def _two_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(name: str) -> LessonEntry:
        code = Source(f"def lesson():\n    {name}_called()", 1, "lesson.py")
        return LessonEntry(name, "topic", {"lesson": code}, None, None, ("no {} here",))

    monkeypatch.setattr(search, "LESSONS", ("first_one", "other"))
    monkeypatch.setattr(locales, "table", TEXTS.__getitem__)
    monkeypatch.setattr(catalogue, "lesson", entry)
    # What is made of the real lessons stands aside, and is not replaced.
    monkeypatch.setattr(search, "_same", search._same.__wrapped__)
    monkeypatch.setattr(search, "vocabulary", Vocabulary)


def ranked(query: str, language: str = "en") -> dict[str, Ranked]:
    return {each.lesson: each for each in Index().search(query, language)}


def places(query: str, language: str = "en") -> dict[str, list[tuple[str, str, Field]]]:
    """Return what of a query stands where, by lesson."""
    return {
        lesson: [
            (query[slice(*span)], place.text[slice(*place.span)], place.field)
            for span, place in each.places
        ]
        for lesson, each in ranked(query, language).items()
    }


@pytest.mark.parametrize("query", ["INPLACE", "in-place", "In place"])
def test_words_for_the_same_are_one_in_any_spelling(query: str) -> None:
    assert places(query) == {"first_one": [(query, "In-place", Field.TITLE)]}


def test_words_for_the_same_are_one_in_any_language() -> None:
    assert places("VRAM") == {"other": [("VRAM", "memory", Field.ASKED)]}
    assert places("gpu memory", "zh") == {"other": [("gpu memory", "显存", Field.ASKED)]}
    assert places("显存") == {"other": [("显存", "memory", Field.ASKED)]}


def test_the_most_telling_place_is_marked() -> None:
    assert places("writes") == {"first_one": [("writes", "writes", Field.TITLE)]}
    assert places("gradient") == {
        "first_one": [("gradient", "gradient", Field.QUESTION)],
        "other": [("gradient", "gradients", Field.RULE)],
    }


def test_endings_and_slips_are_forgiven() -> None:
    assert places("detatch")["first_one"] == [("detatch", "Detach", Field.RULE)]
    assert places("leafs") == {"first_one": [("leafs", "leaf", Field.TITLE)]}
    assert places("lean") == {}


def test_names_errors_and_code_have_words() -> None:
    assert places("first") == {"first_one": [("first", "first", Field.NAME)]}
    assert places("here")["other"] == [("here", "here", Field.ERROR)]
    assert places("other_called")["other"] == [("other_called", "other_called", Field.CODE)]


def test_chinese_is_matched_by_pairs_of_characters() -> None:
    assert places("计算", "zh") == {"other": [("计算", "计算", Field.TITLE)]}
    assert places("叶子的视图", "zh") == {
        "first_one": [("叶子", "叶子", Field.TITLE)],
        "other": [("视图", "视图", Field.TITLE)],
    }
    assert places("图片", "zh") == {}


def test_a_lesson_is_found_by_the_words_of_another_language() -> None:
    found = ranked("视图", "en")["other"]
    assert (found.found, found.share, found.places) == (1, 1.0, ())


@pytest.mark.parametrize("query", ["why is the", "为什么", "怎么", "x", "3 14", "", "¿?", '"'])
def test_words_of_every_question_are_none(query: str) -> None:
    assert ranked(query) == {}


def test_a_share_counts_rare_words_more() -> None:
    def share(query: str) -> float:
        return ranked(query)["first_one"].share

    assert share("leaf") == share("leaf leaf leaf") == 1.0
    assert share("leaf retain_graph") == 0.5
    assert share("gradient retain_graph") < 0.5
    assert 0.5 < share("leaf cake") < 1.0  # What no lesson knows tells least.


def test_where_most_of_the_words_stand_says_what_a_lesson_is_about() -> None:
    assert ranked("leaf gradient")["first_one"].is_topic
    assert not ranked("noticed tensor")["first_one"].is_topic


def test_more_telling_places_rank_higher() -> None:
    assert list(ranked("graph gradients")) == ["other", "first_one"]
    assert list(ranked("gradient retain leaf")) == ["first_one", "other"]


def test_nearness_counts_rare_words_of_titles_and_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Vocabulary("en").nearness("leaf gradient") == {}
    vocabulary = Vocabulary("en")
    monkeypatch.setattr(search, "LESSONS", ("first_one", "other", *map(str, range(14))))
    # Two lessons of sixteen have a gradient: one in its question, one in its rule.
    near = vocabulary.nearness("leaf gradients retain_graph")
    assert list(near) == ["first_one"]
    assert near["first_one"] == vocabulary.nearness("leaf")["first_one"]
    # It stands in the question, but in every script as well.
    assert vocabulary.nearness("step") == {}
