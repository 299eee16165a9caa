"""Finds the lessons that explain an error message, or that are about some words."""

from __future__ import annotations

import functools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import takewhile
from typing import NamedTuple

from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.model import words as locales
from profiling.model.errors import InputError
from profiling.model.run import Record
from profiling.model.words import DEFAULT, LANGUAGES, table

Span = tuple[int, int]

# What `{}` may stand for, in letters and digits.
_GAP = 80
# Fewer letters than this, of a message or of a clause, do not tell one error from another.
_FEW = 20
# How alike a clause must be that was mistyped or is worded otherwise, in percent, and in how long
# a message at least.
_ALIKE_ERROR = 80
_SHORTEST_ERROR = 25
# As many letters in a row tell the error, whatever stands around them.
_MANY = 30
_CLAUSE_END = re.compile(r"[.:;]\s|\s[(\[]|(?<=\w)[)\]][.\s]|\.(?=[A-Z])|$")
_QUOTED = re.compile(r"'(\w+)'")
# A query of more letters is judged by its beginning.
_ENOUGH = 1000
# How alike two words must be: a plural, an ending, a slip of the fingers.
_ALIKE_WORD = 0.9
_SHORTEST_WORD = 4
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
MAX_LETTERS = 20_000
# A lesson found by words has at least this share of the query.
_SHARE = 0.5
# A quote of more than one word.
_QUOTE = re.compile("`([^` ]+ [^`]+)`")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_LIBRARY_FRAME = re.compile(r'^ *File "[^"\n]*(?:site|dist)-packages.*\n(?: {4}.*\n)*', re.M)
_IS_ERROR = re.compile(r"\b[A-Z]\w*(Error|Exception)\b:|\bTraceback \(most recent call last\)")


class Letters:
    """The letters and digits of a text in lower case, and where each stands.

    The rest differs between a message and its copies: blanks, line breaks, quotes, brackets.
    """

    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        """Take the letters from `start` up to `end`."""
        span = range(start, len(text) if end is None else end)
        self.places = [at for at in span if text[at].isalnum()]
        self.text = "".join(text[at].lower()[0] for at in self.places)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.text)

    @functools.cached_property
    def rows(self) -> dict[str, int]:
        """Return where each row of `_MANY` letters begins, the first time."""
        starts = range(len(self) - _MANY, -1, -1)
        return {self.text[start : start + _MANY]: start for start in starts}

    def span(self, start: int, end: int) -> Span:
        """Return where the letters from `start` up to `end` stand in the text."""
        return self.places[start], self.places[end - 1] + 1


class Match(NamedTuple):
    """A piece of a message, and the piece of a pattern that it fits.

    Attributes:
        query: Where in the message, from and up to.
        place: Where in the pattern, from and up to.
        letters: How many letters of that piece of the pattern the message has.
    """

    query: Span
    place: Span
    letters: int


class Fit(str, Enum):
    """How a lesson was found, the surest first."""

    WHOLE = "whole"
    PART = "part"
    SIMILAR = "similar"
    WORDS = "words"


class Fitting(NamedTuple):
    """How a pattern fits a message, and where: at one place at least."""

    fit: Fit
    matches: tuple[Match, ...]


class Clause:
    """A pattern or a part of it, looked for on its own."""

    def __init__(self, pattern: str, start: int, end: int) -> None:
        """Take the pattern from `start` up to `end`."""
        self.letters = Letters(pattern, start, end)
        pieces = (Letters(piece).text for piece in pattern[start:end].split("{}"))
        self._pieces = tuple(piece for piece in pieces if piece)

    def inside(self, query: Letters) -> Match | None:
        """Find the first place where a message has all of this, word for word."""
        first, *others = self._pieces
        start = query.text.find(first)
        while start >= 0:
            end = start + len(first)
            for piece in others:
                at = query.text.find(piece, end, end + _GAP + len(piece))
                if at < 0:
                    break
                end = at + len(piece)
            else:
                return self._match(query, (start, end), (0, len(self.letters)))
            start = query.text.find(first, start + 1)
        return None

    def cut_off(self, query: Letters) -> Match | None:
        """Find where a message ends or begins in the midst of this, or is a piece of it."""
        own, text = self.letters.text, query.text
        at = own.find(text)
        if at >= 0 and len(text) >= _FEW:
            return self._match(query, (0, len(text)), (at, at + len(text)))
        for size in range(min(len(own), len(text)) - 1, _FEW - 1, -1):
            if text.endswith(own[:size]):
                return self._match(query, (len(text) - size, len(text)), (0, size))
            if text.startswith(own[-size:]):
                return self._match(query, (0, size), (len(own) - size, len(own)))
        return None

    def alike(self, query: Letters) -> Match | None:
        """Find where a message has most of this, or this most of a message."""
        if len(query) < _SHORTEST_ERROR:
            return None
        found = fuzz.partial_ratio_alignment(
            self.letters.text, query.text, score_cutoff=_ALIKE_ERROR
        )
        if found is None:
            return self._in_a_row(query)
        span, place = (found.dest_start, found.dest_end), (found.src_start, found.src_end)
        return self._match(query, span, place, found.score / 100)

    def _in_a_row(self, query: Letters) -> Match | None:
        own = self.letters.text
        for start in range(len(own) - _MANY + 1):
            at = query.rows.get(own[start : start + _MANY])
            if at is not None:
                pairs = zip(own[start:], query.text[at:], strict=False)
                size = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                return self._match(query, (at, at + size), (start, start + size))
        return None

    def _match(self, query: Letters, span: Span, place: Span, share: float = 1) -> Match:
        letters = round(share * (place[1] - place[0]))
        return Match(query.span(*span), self.letters.span(*place), letters)


class Pattern:
    """An error text with `{}` for what differs from case to case."""

    def __init__(self, text: str) -> None:
        """Take a pattern apart into its clauses."""
        self.text = text
        self._whole = Clause(text, 0, len(text))
        self._quoted = [Letters(name).text for name in _QUOTED.findall(text)]
        clauses = [Clause(text, *span) for span in _clauses(text)]
        self._clauses = [each for each in clauses if len(each.letters) >= _FEW] or [self._whole]

    def verbatim(self, query: Letters) -> Fitting | None:
        """Match all of this word for word, or else clauses, as in a message that was cut off."""
        whole = self._whole.inside(query)
        if whole is None:
            return _fitting(
                Fit.PART, (each.inside(query) or each.cut_off(query) for each in self._clauses)
            )
        # How far a pattern goes on after its first clause does not make it fit any better.
        return Fitting(Fit.WHOLE, (whole._replace(letters=len(self._clauses[0].letters)),))

    def similar(self, query: Letters) -> Fitting | None:
        """Match clauses that were mistyped, or are worded otherwise in another version.

        What stands in quotes is a name, and another name makes another error.
        """
        if not all(name in query.text for name in self._quoted):
            return None
        return _fitting(Fit.SIMILAR, (each.alike(query) for each in self._clauses))


def _fitting(fit: Fit, matches: Iterable[Match | None]) -> Fitting | None:
    found = tuple(each for each in matches if each is not None)
    return Fitting(fit, found) if found else None


def _clauses(text: str) -> Iterator[Span]:
    start = 0
    for end in _CLAUSE_END.finditer(text):
        yield start, end.start()
        start = end.end()


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
            if len(each) >= _SHORTEST_WORD:
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
        if len(word) < _SHORTEST_WORD:
            return [(word, 1.0)] if word in self._places else []
        others = self._by_letter.get(word[0], [])
        found = process.extract(
            word, others, scorer=JaroWinkler.similarity, score_cutoff=_ALIKE_WORD, limit=None
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


class Mark(Record, frozen=True):
    """A piece of the query, and the piece of a lesson's text that it was found in.

    Attributes:
        query: Where in the query, from and up to.
        field: What the text is.
        text: The lesson's text; an error pattern has ``{}`` for what differs.
        place: Where in that text, from and up to.
    """

    query: Span
    field: Field
    text: str
    place: Span


class Hit(Record, frozen=True):
    """A lesson that was found, and why it stands where it does.

    Attributes:
        lesson: Its name.
        fit: Whether the query has an error pattern of it as a whole, a clause of one word for
            word, a clause that is similar, or words of its texts.
        letters: How many letters of the pattern's first clause the query has; 0 for words.
        nearness: How many words around the error name its topic, rare words counting more; for
            words alone the share of the query that its texts have, from 0 to 1.
        quoted: How much of its question is a quote of the error, from 0 to 1; 0 for words.
        marks: What was found and where: the pattern or its clauses, or each word.
    """

    lesson: str
    fit: Fit
    letters: int
    nearness: float
    quoted: float
    marks: tuple[Mark, ...]


def find(query: str, language: str) -> tuple[Hit, ...]:
    """Find the lessons that explain an error or are about a question, the best first.

    An error pattern that fits word for word comes first; only if there is none are similar ones
    looked for, and only if there is none of these either are words. An error that is none of ours
    is not looked for by its words, as no lesson that has some of them would explain it.

    Args:
        query: An error message, also with what was printed around it, or words.
        language: Whose texts to look for words in; if nothing is found there, in the others.

    Raises:
        InputError: The query is too long.
    """
    if len(query) > MAX_LETTERS:
        raise InputError("error.find_too_long", high=MAX_LETTERS)
    hits = _by_errors(query, Pattern.verbatim) or _by_errors(query, Pattern.similar)
    if hits or _IS_ERROR.search(query):
        return hits
    languages = sorted(LANGUAGES, key=lambda each: each != language)
    return next(filter(None, (_by_words(query, each) for each in languages)), ())


def _by_errors(query: str, way: Callable[[Pattern, Letters], Fitting | None]) -> tuple[Hit, ...]:
    """Find the lessons with a pattern that fits; of several of one lesson, the longest counts."""
    letters = Letters(query)
    found = {text: fitting for text, each in _patterns().items() if (fitting := way(each, letters))}
    near = {text: _nearness(_around(query, each.matches[0].query)) for text, each in found.items()}
    hits = []
    for lesson in LESSONS:
        texts = [text for text in catalogue.lesson(lesson).errors if text in found]
        if texts:
            text = max(texts, key=lambda each: _sureness(found[each]))
            fit, matches = found[text]
            hits.append(
                Hit(
                    lesson=lesson,
                    fit=fit,
                    letters=matches[0].letters,
                    nearness=near[text].get(lesson, 0.0),
                    quoted=_quoted(lesson, text),
                    marks=tuple(
                        Mark(each.query, Field.ERROR, text, each.place) for each in matches
                    ),
                )
            )
    return tuple(sorted(hits, key=lambda hit: (-hit.letters, -hit.nearness, -hit.quoted)))


def _sureness(fitting: Fitting) -> tuple[int, bool]:
    return fitting.matches[0].letters, fitting.fit is Fit.WHOLE


def _around(query: str, error: Span) -> str:
    """Return what stands around an error: neither the rest of it nor frames of libraries."""
    start, end = error
    _, *after = _PARAGRAPH_END.split(query[end:], maxsplit=1)
    return "\n".join((_LIBRARY_FRAME.sub("", query[:start]), *after))


def _nearness(text: str) -> dict[str, float]:
    """Sum up how near lessons are to a text over the languages: their order is the same in all."""
    near: dict[str, float] = defaultdict(float)
    for language in LANGUAGES:
        for lesson, value in vocabulary(language).nearness(text).items():
            near[lesson] += value
    return near


def _quoted(lesson: str, pattern: str) -> float:
    """Return how much of a lesson's question is a quote of an error."""
    question = table(DEFAULT)[f"lesson.{lesson}.question"]
    quotes = (Letters(quote).text for quote in _QUOTE.findall(question))
    letters = Letters(pattern).text
    return sum(len(quote) for quote in quotes if quote in letters) / len(Letters(question))


def _by_words(query: str, language: str) -> tuple[Hit, ...]:
    found = vocabulary(language).search(query)
    hits = [
        Hit(lesson, Fit.WORDS, 0, found[lesson].share, 0.0, _word_marks(found[lesson]))
        for lesson in LESSONS
        if lesson in found and found[lesson].share >= _SHARE
    ]
    return tuple(sorted(hits, key=lambda hit: -hit.nearness))


def _word_marks(score: Score) -> tuple[Mark, ...]:
    return tuple(Mark(span, place.field, place.text, place.span) for span, place in score.places)


@functools.cache
def _patterns() -> dict[str, Pattern]:
    texts = (text for lesson in LESSONS for text in catalogue.lesson(lesson).errors)
    return {text: Pattern(text) for text in texts}
