"""Finds the lessons that explain an error message, or that are about the words of a question."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable

from demos import catalogue
from demos.error_patterns import Fit, Fitting, Letters, Pattern
from demos.lessons import LESSONS
from demos.locales import DEFAULT, LANGUAGES, table
from demos.words import Field, Score, Span, vocabulary
from profiling.errors import InputError
from profiling.records import Record

MAX_LETTERS = 20_000
# A lesson found by words has at least this share of the query.
_SHARE = 0.5
# A quote of more than one word.
_QUOTE = re.compile("`([^` ]+ [^`]+)`")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_LIBRARY_FRAME = re.compile(r'^ *File "[^"\n]*(?:site|dist)-packages.*\n(?: {4}.*\n)*', re.M)
_IS_ERROR = re.compile(r"\b[A-Z]\w*(Error|Exception)\b:|\bTraceback \(most recent call last\)")


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
