"""The words of the lessons in one language, and which lessons are about the words of a query."""

from __future__ import annotations

import functools
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from demos import catalogue, locales
from demos.lessons import LESSONS

Span = tuple[int, int]

# A query of more letters is judged by its beginning.
_ENOUGH = 1000
# How alike two words must be: a plural, an ending, a slip of the fingers.
_ALIKE = 0.9
_SHORTEST_ALIKE = 4
# A word that more lessons have than one in so many tells nothing of the topic of an error.
_TELLING = 8
# Words of every question, which tell nothing of what it is about.
_FILLER = re.compile(
    "an|and|any|are|as|at|be|but|by|can|could|do|does|for|from|get|got|has|have|help|how|if|in|is|it"
    "|its|just|me|my|of|on|or|out|please|should|so|than|that|the|then|there|these|this|to|use|vs|want"
    "|was|we|what|when|where|which|while|who|why|will|with|would|you|your"
)
# Words of every script and of what it prints, which tell nothing of the topic of an error in it.
_COMMON = re.compile(
    "call|called|compute|copy|data|fail|fails|float|inputs|labels|load|log|loop|main|module|number"
    "|object|return|run|running|save|step|time|update|used|user|warning|worker"
)
_CHINESE_FILLERS = "为什么|什么|为何|怎么|如何|请问|[的了吗呢是我]"
_CHINESE = "\u3400-\u9fff"
# A hyphen joins: in-place is the word inplace.
_RUN = re.compile(
    rf"{_CHINESE_FILLERS}"
    rf"|(?P<chinese>(?:(?!{_CHINESE_FILLERS})[{_CHINESE}])+)"
    rf"|(?P<plain>[^\W{_CHINESE}]+(?:-[^\W{_CHINESE}]+)*)"
)


class Field(str, Enum):
    """The texts of a lesson."""

    TITLE = "title"
    QUESTION = "question"
    RULE = "rule"
    CLAIM = "claim"
    NAME = "name"
    ERROR = "error"
    CODE = "code"


# How much a word tells of a lesson's topic where it stands.
_WEIGHTS = {
    Field.TITLE: 1.0,
    Field.QUESTION: 0.95,
    Field.RULE: 0.85,
    Field.CLAIM: 0.7,
    Field.NAME: 0.7,
    Field.ERROR: 0.6,
    Field.CODE: 0.5,
}
_TOPICAL = (Field.TITLE, Field.QUESTION)


class Word(NamedTuple):
    """A word, and where it stands."""

    text: str
    span: Span


class Place(NamedTuple):
    """Where a word stands in a lesson's text."""

    field: Field
    text: str
    span: Span


class Score(NamedTuple):
    """How much of a query a lesson has.

    Attributes:
        share: From 0, nothing, to 1, every word and each in the title; rare words count more.
        places: Where in the query its words stand, and where in the lesson's texts.
    """

    share: float
    places: tuple[tuple[Span, Place], ...]


class Vocabulary:
    """The words of all lessons in one language."""

    def __init__(self, language: str) -> None:
        """Read every text of every lesson; of each word, the most telling place is kept."""
        self._places: dict[str, dict[str, Place]] = defaultdict(dict)
        for lesson in LESSONS:
            for field, text in _texts(lesson, language):
                # The words of a name are joined by underscores.
                for word in _words(text.replace("_", " ") if field is Field.NAME else text):
                    self._places[word.text].setdefault(lesson, Place(field, text, word.span))
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for each in self._places:
            if len(each) >= _SHORTEST_ALIKE:
                self._by_letter[each[0]].append(each)

    def nearness(self, query: str) -> dict[str, float]:
        """Return how many words of a text, such as a traceback, name the topic of each lesson.

        Only rare words count, and the rarer the more.
        """
        near: dict[str, float] = defaultdict(float)
        # In order, as the sum of fractions depends on it.
        for word in sorted({word.text for word in _words(query)} & self._places.keys()):
            places = self._places[word]
            if len(places) * _TELLING <= len(LESSONS) and not _COMMON.fullmatch(word):
                for lesson, place in places.items():
                    if place.field in _TOPICAL:
                        near[lesson] += _rarity(len(places)) * _WEIGHTS[place.field]
        return near

    def search(self, query: str) -> dict[str, Score]:
        """Return how much of a query each lesson has, for those that have any of it."""
        total = 0.0
        shares: dict[str, float] = defaultdict(float)
        places: dict[str, dict[Span, Place]] = defaultdict(dict)
        for forms in _asked(query):
            found = self._find(forms)
            rarity = _rarity(len(found))
            total += rarity
            for lesson, (value, span, place) in found.items():
                shares[lesson] += rarity * value
                places[lesson][span] = place
        return {
            lesson: Score(share / total, tuple(places[lesson].items()))
            for lesson, share in shares.items()
        }

    def _find(self, forms: tuple[Word, ...]) -> dict[str, tuple[float, Span, Place]]:
        """Find the best place of any form of a word, or of a word like it, in each lesson."""
        best: dict[str, tuple[float, Span, Place]] = {}
        for text, span in forms:
            for known, alike in self._alike(text):
                for lesson, place in self._places[known].items():
                    value = alike * _WEIGHTS[place.field]
                    if lesson not in best or value > best[lesson][0]:
                        best[lesson] = value, span, place
        return best

    def _alike(self, word: str) -> list[tuple[str, float]]:
        if len(word) < _SHORTEST_ALIKE:
            return [(word, 1.0)] if word in self._places else []
        others = self._by_letter.get(word[0], [])
        found = process.extract(
            word, others, scorer=JaroWinkler.similarity, score_cutoff=_ALIKE, limit=None
        )
        return [(known, alike) for known, alike, _ in found]


@functools.cache
def vocabulary(language: str) -> Vocabulary:
    """Return the words of all lessons in a language."""
    return Vocabulary(language)


def _texts(lesson: str, language: str) -> Iterator[tuple[Field, str]]:
    """Yield the texts of a lesson, those first that tell most of its topic."""
    words = locales.table(language)
    for field in (Field.TITLE, Field.QUESTION, Field.RULE):
        yield field, words[f"lesson.{lesson}.{field.value}"]
    start = f"lesson.{lesson}.claim."
    yield from ((Field.CLAIM, text) for key, text in words.items() if key.startswith(start))
    entry = catalogue.lesson(lesson)
    yield Field.NAME, lesson
    yield from ((Field.ERROR, error) for error in entry.errors)
    yield from ((Field.CODE, part.text) for part in entry.parts.values())


def _words(text: str) -> Iterator[Word]:
    """Yield the words of a text; of Chinese, the pairs of neighbours and the characters."""
    for run in _RUN.finditer(text):
        if run["chinese"]:
            yield from _pieces(run, 2)
            yield from _pieces(run, 1)
        elif run["plain"]:
            yield from _plain(run)


def _asked(query: str) -> list[tuple[Word, ...]]:
    """Return the different words of a query, each in its forms.

    A Chinese word is not known to be one: every character counts, in each of its pairs.
    """
    words: dict[tuple[str, ...], tuple[Word, ...]] = {}
    for run in _RUN.finditer(query, 0, _ENOUGH):
        every: list[tuple[Word, ...]] = []
        if run["chinese"]:
            pairs = tuple(_pieces(run, 2)) or tuple(_pieces(run, 1))
            every = [pairs[max(at - 1, 0) : at + 1] for at in range(len(run[0]))]
        elif run["plain"]:
            every = [(word,) for word in _plain(run)]
        for forms in every:
            words.setdefault(tuple(word.text for word in forms), forms)
    return list(words.values())


def _plain(run: re.Match[str]) -> Iterator[Word]:
    word = run[0].lower().replace("-", "")
    # A single letter is the name of some tensor, and a number the size of one.
    if len(word) > 1 and not word.isdigit() and not _FILLER.fullmatch(word):
        yield Word(word, run.span())


def _pieces(run: re.Match[str], size: int) -> Iterator[Word]:
    for at in range(len(run[0]) - size + 1):
        yield Word(run[0][at : at + size], (run.start() + at, run.start() + at + size))


def _rarity(lessons: int) -> float:
    """Return how much a word tells that so many lessons have."""
    return math.log(1 + len(LESSONS) / max(lessons, 1))
