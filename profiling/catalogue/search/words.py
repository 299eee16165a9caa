"""Ranks the lessons by the words of a question, in any language and spelling."""

from __future__ import annotations

import functools
import math
import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.search.patterns import Span
from profiling.model import words as locales
from profiling.model.words import LANGUAGES


class Field(str, Enum):
    """The texts of a lesson, those that tell most of it first."""

    TITLE = "title"
    QUESTION = "question"
    ASKED = "asked"
    RULE = "rule"
    CLAIM = "claim"
    NAME = "name"
    ERROR = "error"
    CODE = "code"


# How much a word in a text counts.
_WEIGHTS = {
    Field.TITLE: 4.0,
    Field.QUESTION: 4.0,
    Field.ASKED: 3.0,
    Field.RULE: 2.0,
    Field.CLAIM: 1.0,
    Field.NAME: 2.0,
    Field.ERROR: 1.0,
    Field.CODE: 0.5,
}
# Mean weight of the words of a query that is about a lesson's topic.
_TOPIC_WEIGHT = 2.5
_TOPIC_FIELDS = (Field.TITLE, Field.QUESTION)
# Characters of the query that are searched by words.
_MOST_LETTERS = 1000
# Least similarity of two words, for plurals, endings and typing errors, and their least length.
_WORD_SIMILARITY = 0.9
_MIN_SIMILAR_WORD = 4
# A word is rare if at most one lesson in this many contains it; only rare words name a topic.
_RARE = 8
# Words of any question, ignored.
_STOP_WORDS = re.compile(
    "an|and|any|are|as|at|be|but|by|can|could|do|does|for|from|get|got|has|have|help|how|if|in|is|it"
    "|its|just|me|my|of|on|or|out|please|pytorch|should|so|than|that|the|then|there|these|this|to"
    "|torch|use|want|was|we|what|when|where|which|while|who|why|will|with|would|you|your"
)
# Words of any script and its output, which do not name the topic of an error.
_COMMON_WORDS = re.compile(
    "call|called|compute|copy|data|fail|fails|float|inputs|labels|load|log|loop|main|module|number"
    "|object|output|return|run|running|save|step|time|update|used|user|warning|weights|worker"
)
_CHINESE_STOP_WORDS = "为什么|什么|为何|怎么|如何|请问|[的了吗呢是我]"
_CHINESE = "\u3400-\u9fff"
# A hyphen joins words: in-place is inplace.
_TOKEN = re.compile(
    rf"{_CHINESE_STOP_WORDS}"
    rf"|(?P<chinese>(?:(?!{_CHINESE_STOP_WORDS})[{_CHINESE}])+)"
    rf"|(?P<plain>[^\W{_CHINESE}]+(?:-[^\W{_CHINESE}]+)*)"
)
_SAME = "find.same."


class Word(NamedTuple):
    """A word, in the form that all words for the same thing share, and its position."""

    text: str
    span: Span


class Place(NamedTuple):
    """Position of a word in a lesson's text."""

    field: Field
    text: str
    span: Span


class Ranked(NamedTuple):
    """A lesson that contains words of a query.

    Attributes:
        value: Its rank, the higher the better: by BM25, which counts how rare a word is and how
            often it stands there, and by how telling the place of each word is.
        found: Number of the query's words that it contains.
        share: Share of the query's words that it contains, from 0 to 1; rare words count more.
        is_topic: Whether these words mostly stand where the lesson says what it is about.
        places: Position of each word in the query and in the lesson's texts of one language, where
            it stands there.
    """

    lesson: str
    value: float
    found: int
    share: float
    is_topic: bool
    places: tuple[tuple[Span, Place], ...]


class Index:
    """The words of all lessons, in all languages."""

    def __init__(self) -> None:
        """Index all texts of all lessons."""
        # SQLite's full-text search ranks by BM25 and knows the endings of English words.
        columns = ", ".join(field.value for field in Field)
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        self._database.execute(
            f"create virtual table texts using fts5({columns}, "
            "tokenize=\"porter unicode61 tokenchars '_'\")"
        )
        self._lessons = LESSONS
        # Of each word, how telling its most telling place is.
        self._words: dict[str, dict[str, float]] = {}
        for lesson in LESSONS:
            texts: dict[Field, list[str]] = {field: [] for field in Field}
            for language in LANGUAGES:
                for field, text in lesson_texts(lesson, language):
                    texts[field] += [word.text for word in words(_spoken(field, text))]
            telling = self._words.setdefault(lesson, {})
            for field, found in texts.items():
                telling |= {word: max(telling.get(word, 0.0), _WEIGHTS[field]) for word in found}
            marks = ", ".join("?" * len(Field))
            row = [" ".join(texts[field]) for field in Field]
            self._database.execute(f"insert into texts values ({marks})", row)
        self._known = {word for found in self._words.values() for word in found}
        self._by_initial: dict[str, list[str]] = defaultdict(list)
        for each in sorted(self._known):
            if len(each) >= _MIN_SIMILAR_WORD:
                self._by_initial[each[0]].append(each)

    def search(self, query: str, language: str) -> list[Ranked]:
        """Rank the lessons that contain any word of a query, the best first.

        Args:
            query: A question or some words.
            language: The language of the texts that the positions are in.
        """
        asked = {word.text: word for word in reversed([*words(query[:_MOST_LETTERS])])}
        forms = {text: self._similar(text) for text in asked}
        wanted = {form for known in forms.values() for form in known}
        if not wanted:
            return []
        weights = {text: self._rarity(known) for text, known in forms.items()}
        total = sum(weights.values())
        stands = vocabulary(language)
        ranked = []
        for lesson, value in self._by_rank(forms):
            has = self._words[lesson]
            there = [text for text, known in forms.items() if not known.isdisjoint(has)]
            telling = sum(max(has[each] for each in forms[text] if each in has) for text in there)
            found = [(asked[text].span, stands.first(lesson, forms[text])) for text in there]
            places = tuple((span, place) for span, place in found if place is not None)
            share = sum(weights[text] for text in there) / total
            is_topic = telling > _TOPIC_WEIGHT * len(there)
            ranked.append(Ranked(lesson, value + telling, len(there), share, is_topic, places))
        return sorted(ranked, key=lambda each: -each.value)

    def _by_rank(self, forms: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, float]]:
        # A word that no lesson has is looked for by those that are like it.
        wanted = {each for text, known in forms.items() for each in ({text} & known or known)}
        match = " OR ".join(f'"{each}"' for each in sorted(wanted))
        weights = ", ".join(str(_WEIGHTS[field]) for field in Field)
        with self._lock:
            rows = self._database.execute(
                f"select rowid, -bm25(texts, {weights}) from texts where texts match ? "
                "order by rowid",
                (match,),
            ).fetchall()
        for row, value in rows:
            yield self._lessons[row - 1], value

    def _similar(self, word: str) -> frozenset[str]:
        """Return the lessons' words that are a word, or are like it."""
        if len(word) < _MIN_SIMILAR_WORD:
            return frozenset({word} & self._known)
        found = process.extract(
            word,
            self._by_initial.get(word[0], []),
            scorer=JaroWinkler.similarity,
            score_cutoff=_WORD_SIMILARITY,
            limit=None,
        )
        return frozenset(known for known, *_ in found)

    def _rarity(self, known: frozenset[str]) -> float:
        count = sum(not known.isdisjoint(found) for found in self._words.values())
        # A word that no lesson has says little: people tell of much else.
        return 1.0 if not count else math.log(1 + len(self._lessons) / count)


class Vocabulary:
    """Where the words of all lessons stand in the texts of one language."""

    def __init__(self, language: str) -> None:
        """Index all texts of all lessons, with the most telling place of each word."""
        self._places: dict[str, dict[str, Place]] = defaultdict(dict)
        for lesson in LESSONS:
            for field, text in lesson_texts(lesson, language):
                for word in words(_spoken(field, text)):
                    self._places[word.text].setdefault(lesson, Place(field, text, word.span))

    def first(self, lesson: str, known: frozenset[str]) -> Place | None:
        """Return the most telling place of any of some words in a lesson; None without any."""
        stands = (self._places.get(word, {}).get(lesson) for word in known)
        found = [place for place in stands if place is not None]
        order = list(Field)
        return min(found, key=lambda place: (order.index(place.field), place.span), default=None)

    def nearness(self, query: str) -> dict[str, float]:
        """Return the weight of the words in a text, such as a traceback, that name lessons' topics.

        Only rare words count, and rarer ones weigh more.
        """
        near: dict[str, float] = defaultdict(float)
        # Sorted, because a sum of floats depends on the order.
        for word in sorted({word.text for word in words(query)} & self._places.keys()):
            places = self._places[word]
            if len(places) * _RARE <= len(LESSONS) and not _COMMON_WORDS.fullmatch(word):
                for lesson, place in places.items():
                    if place.field in _TOPIC_FIELDS:
                        near[lesson] += math.log(1 + len(LESSONS) / len(places))
        return near


@functools.cache
def index() -> Index:
    """Return the index of all lessons."""
    return Index()


@functools.cache
def vocabulary(language: str) -> Vocabulary:
    """Return the vocabulary of a language."""
    return Vocabulary(language)


def lesson_texts(lesson: str, language: str) -> Iterator[tuple[Field, str]]:
    """Yield the texts of a lesson, those that tell most of it first."""
    said = locales.table(language)
    for field in (Field.TITLE, Field.QUESTION, Field.ASKED, Field.RULE):
        yield field, said[f"lesson.{lesson}.{field.value}"]
    start = f"lesson.{lesson}.claim."
    yield from ((Field.CLAIM, text) for key, text in said.items() if key.startswith(start))
    entry = catalogue.lesson(lesson)
    yield Field.NAME, lesson
    yield from ((Field.ERROR, error) for error in entry.errors)
    yield from ((Field.CODE, part.text) for part in entry.parts.values())


def words(text: str) -> Iterator[Word]:
    """Yield the words of a text; for Chinese, pairs of characters and a character that is alone.

    Words for the same thing, in any language, become one word.
    """
    at = 0
    for same in _same()[0].finditer(text.lower()):
        yield from _plain_words(text, at, same.start())
        yield Word(_same()[1][same[0]], same.span())
        at = same.end()
    yield from _plain_words(text, at, len(text))


def _plain_words(text: str, start: int, end: int) -> Iterator[Word]:
    for run in _TOKEN.finditer(text, start, end):
        if run["chinese"]:
            size = min(len(run[0]), 2)
            for at in range(run.start(), run.end() - size + 1):
                yield Word(text[at : at + size], (at, at + size))
        elif run["plain"]:
            word = run[0].lower().replace("-", "")
            # Single letters are names of tensors, and numbers are sizes.
            if len(word) > 1 and not word.isdigit() and not _STOP_WORDS.fullmatch(word):
                yield Word(word, run.span())


@functools.cache
def _same() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return what finds the words that mean the same, and the one that stands for each."""
    stands_for: dict[str, str] = {}
    for language in LANGUAGES:
        for key, text in locales.table(language).items():
            if key.startswith(_SAME):
                for each in text.split("; "):
                    stands_for.setdefault(each, key.removeprefix(_SAME))
    longest = sorted(stands_for, key=len, reverse=True)
    pattern = "|".join(
        rf"(?<![\w-]){re.escape(each)}(?![\w-])" if each.isascii() else re.escape(each)
        for each in longest
    )
    return re.compile(pattern), stands_for


def _spoken(field: Field, text: str) -> str:
    """Return a name as words, which are joined by underscores; any other text as it is."""
    return text.replace("_", " ") if field is Field.NAME else text
