"""Words of lessons: what counts as one, what it is like, and how much it tells."""

from __future__ import annotations

import pytest

from profiling import catalogue
from profiling.catalogue import LessonEntry, Source, search
from profiling.catalogue.search import Field, Vocabulary
from profiling.model import words as locales

TEXTS = {
    "lesson.first_one.title": "In-place changes of a leaf",
    "lesson.first_one.question": "Why is the gradient missing in a step?",
    "lesson.first_one.rule": "Detach the tensor.",
    "lesson.first_one.claim.any": "An inplace change of the gradient is noticed.",
    "lesson.other.title": "计算图里的梯度，detach",
    "lesson.other.question": "为什么叶子张量没有梯度？",
    "lesson.other.rule": "Detached tensors have no gradients.",
    "lesson.other.claim.any": "retain_graph",
}


@pytest.fixture
def vocabulary(monkeypatch: pytest.MonkeyPatch) -> Vocabulary:
    def entry(name: str) -> LessonEntry:
        code = Source(f"def lesson():\n    {name}_called()", 1, "lesson.py")
        return LessonEntry(name, "topic", {"lesson": code}, None, None, ("no {} here",))

    monkeypatch.setattr(search, "LESSONS", ("first_one", "other"))
    monkeypatch.setattr(locales, "table", {"en": TEXTS}.__getitem__)
    monkeypatch.setattr(catalogue, "lesson", entry)
    return Vocabulary("en")


def found(vocabulary: Vocabulary, query: str) -> dict[str, list[tuple[str, str, Field]]]:
    """Return what of a query stands where, by lesson."""
    return {
        lesson: [
            (query[slice(*span)], place.text[slice(*place.span)], place.field)
            for span, place in score.places
        ]
        for lesson, score in vocabulary.search(query).items()
    }


def test_a_hyphen_joins_and_case_does_not_matter(vocabulary: Vocabulary) -> None:
    for query in ("INPLACE", "in-place"):
        assert found(vocabulary, query) == {"first_one": [(query, "In-place", Field.TITLE)]}


def test_the_most_telling_place_is_marked(vocabulary: Vocabulary) -> None:
    assert found(vocabulary, "changes") == {"first_one": [("changes", "changes", Field.TITLE)]}
    assert found(vocabulary, "gradient") == {
        "first_one": [("gradient", "gradient", Field.QUESTION)],
        "other": [("gradient", "gradients", Field.RULE)],
    }


def test_endings_and_slips_are_forgiven(vocabulary: Vocabulary) -> None:
    assert found(vocabulary, "detatch")["first_one"] == [("detatch", "Detach", Field.RULE)]
    assert found(vocabulary, "leafs") == {"first_one": [("leafs", "leaf", Field.TITLE)]}
    assert found(vocabulary, "lean") == {}


def test_a_word_nearly_alike_in_the_title_tells_more_than_the_same_in_the_rule(
    vocabulary: Vocabulary,
) -> None:
    assert found(vocabulary, "detached")["other"] == [("detached", "detach", Field.TITLE)]


def test_names_errors_and_code_have_words(vocabulary: Vocabulary) -> None:
    assert found(vocabulary, "first") == {"first_one": [("first", "first", Field.NAME)]}
    assert found(vocabulary, "here")["other"] == [("here", "here", Field.ERROR)]
    called = ("other_called", "other_called", Field.CODE)
    assert found(vocabulary, "other_called")["other"] == [called]


def test_chinese_is_matched_by_characters(vocabulary: Vocabulary) -> None:
    assert found(vocabulary, "梯度") == {"other": [("梯度", "梯度", Field.TITLE)]}
    assert found(vocabulary, "叶子的梯度") == {
        "other": [("叶子", "叶子", Field.QUESTION), ("梯度", "梯度", Field.TITLE)]
    }
    # A single character is a word only if it stands alone.
    assert found(vocabulary, "图") == {"other": [("图", "图", Field.TITLE)]}
    assert found(vocabulary, "图片") == {}


@pytest.mark.parametrize("query", ["why is the", "为什么", "怎么了", "x", "3 14", "", "¿?"])
def test_words_of_every_question_are_none(vocabulary: Vocabulary, query: str) -> None:
    assert vocabulary.search(query) == {}


def test_a_share_counts_rare_and_unknown_words_more(vocabulary: Vocabulary) -> None:
    def share(query: str) -> float:
        return vocabulary.search(query)["first_one"].share

    assert share("leaf") == 1.0
    assert share("leaf leaf leaf") == 1.0
    assert share("leaf cake") == 0.5
    assert share("gradient cake") < share("leaf cake")
    assert share("missing") < share("leaf")


def test_nearness_counts_rare_words_of_titles_and_questions(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vocabulary.nearness("leaf gradient") == {}
    monkeypatch.setattr(search, "LESSONS", ("first_one", "other", *map(str, range(14))))
    # Two lessons of sixteen have a gradient: one in its question, one in its rule.
    assert list(vocabulary.nearness("gradient")) == ["first_one"]
    near = vocabulary.nearness("leaf gradient retain_graph")
    assert list(near) == ["first_one"]
    assert near["first_one"] > vocabulary.nearness("leaf")["first_one"]
    # It stands in the question, but in every script as well.
    assert found(vocabulary, "step") == {"first_one": [("step", "step", Field.QUESTION)]}
    assert vocabulary.nearness("step") == {}
