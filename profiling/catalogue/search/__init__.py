"""Finds the lessons that explain an error message, or that match some words."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.search.patterns import Fit, Letters, Pattern, PatternMatch, Span
from profiling.catalogue.search.words import Field, Ranked, index, vocabulary
from profiling.model import words as locales
from profiling.model.errors import InputError
from profiling.model.record import Record
from profiling.model.words import DEFAULT, LANGUAGES

__all__ = ["MAX_LETTERS", "Field", "Fit", "Hit", "Mark", "Span", "find", "warm_up"]

# Longest query.
MAX_LETTERS = 20_000
# Least share of a question's words that a lesson contains which is about it, and which may be.
_SURE_SHARE, _MAYBE_SHARE = 0.5, 0.2
# Least share if it is a single word.
_WORD_SHARE = 0.9
# Lessons that are found by words, and how far they may lie behind the first.
_MOST_FOUND = 8
_LEAST_OF_BEST = 0.4
# Quoted text of more than one word.
_QUOTE = re.compile("`([^` ]+ [^`]+)`")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_LIBRARY_FRAME = re.compile(r'^ *File "[^"\n]*(?:site|dist)-packages.*\n(?: {4}.*\n)*', re.M)
_IS_ERROR = re.compile(r"\b[A-Z]\w*(Error|Exception)\b:|\bTraceback \(most recent call last\)")


class Mark(Record, frozen=True):
    """A part of the query, and the part of a lesson's text that it matches.

    Attributes:
        query: Start and end in the query.
        field: Kind of the text.
        text: The lesson's text; an error pattern has ``{}`` for parts that vary.
        place: Start and end in that text.
    """

    query: Span
    field: Field
    text: str
    place: Span


class Hit(Record, frozen=True):
    """A lesson that was found, and what its rank depends on.

    Attributes:
        lesson: Its name.
        fit: Whether the query contains one of its error patterns as a whole, a clause of one, a
            similar clause, or words of its texts: enough of them to be about the same, or some.
        letters: Number of letters of the pattern's first clause in the query; 0 for words.
        nearness: Weighted number of words around the error that name its topic, rare words weigh
            more; for words, their rank.
        quoted: Share of its question that quotes the error, from 0 to 1; 0 for words.
        marks: The matched parts: the pattern or its clauses, or each word.
    """

    lesson: str
    fit: Fit
    letters: int
    nearness: float
    quoted: float
    marks: tuple[Mark, ...]


def find(query: str, language: str) -> tuple[Hit, ...]:
    """Find the lessons that explain an error or match some words, the best first.

    Error patterns are matched verbatim; if none matches, by similarity; and if none is similar,
    lessons are searched by words. An error that matches no pattern is not searched by words,
    because a lesson that only shares words with it does not explain it.

    Args:
        query: An error message, with or without the output around it, or words.
        language: The language of the texts that the marks are in.

    Raises:
        InputError: The query is too long.
    """
    if len(query) > MAX_LETTERS:
        raise InputError("error.find_too_long", high=MAX_LETTERS)
    hits = _by_errors(query, Pattern.verbatim) or _by_errors(query, Pattern.similar)
    if hits or _IS_ERROR.search(query):
        return hits
    return _by_words(query, language)


def warm_up(language: str) -> None:
    """Index the lessons, which the first question by words would wait for."""
    index()
    vocabulary(language)


def _by_errors(
    query: str, way: Callable[[Pattern, Letters], PatternMatch | None]
) -> tuple[Hit, ...]:
    """Find the lessons with a matching pattern; the longest match of a lesson counts."""
    letters = Letters(query)
    found = {text: match for text, each in _patterns().items() if (match := way(each, letters))}
    near = {text: _nearness(_context(query, each.matches[0].query)) for text, each in found.items()}
    hits = []
    for lesson in LESSONS:
        texts = [text for text in catalogue.lesson(lesson).errors if text in found]
        if texts:
            text = max(texts, key=lambda each: _confidence(each, found[each]))
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


def _confidence(text: str, match: PatternMatch) -> tuple[int, int]:
    """Return how sure a match is; of patterns that match whole, the one with the most letters."""
    return match.matches[0].letters, len(Letters(text)) if match.fit is Fit.WHOLE else 0


def _context(query: str, error: Span) -> str:
    """Return the text around an error, without the rest of its paragraph and library frames."""
    start, end = error
    _, *after = _PARAGRAPH_END.split(query[end:], maxsplit=1)
    return "\n".join((_LIBRARY_FRAME.sub("", query[:start]), *after))


def _nearness(text: str) -> dict[str, float]:
    """Sum the nearness to a text over all languages, so that the order is the same in each."""
    near: dict[str, float] = defaultdict(float)
    for language in LANGUAGES:
        for lesson, value in vocabulary(language).nearness(text).items():
            near[lesson] += value
    return near


def _quoted(lesson: str, pattern: str) -> float:
    """Return the share of a lesson's question that quotes an error."""
    question = locales.table(DEFAULT)[f"lesson.{lesson}.question"]
    quotes = (Letters(quote).text for quote in _QUOTE.findall(question))
    letters = Letters(pattern).text
    return sum(len(quote) for quote in quotes if quote in letters) / len(Letters(question))


def _by_words(query: str, language: str) -> tuple[Hit, ...]:
    ranked = index().search(query, language)
    least = _LEAST_OF_BEST * ranked[0].value if ranked else 0.0
    found = ((each, _fit(each)) for each in ranked[:_MOST_FOUND] if each.value >= least)
    return tuple(
        Hit(each.lesson, fit, 0, each.value, 0.0, _word_marks(each))
        for each, fit in found
        if fit is not None
    )


def _fit(ranked: Ranked) -> Fit | None:
    least = _WORD_SHARE if ranked.found == 1 else _SURE_SHARE
    if ranked.is_topic and ranked.share >= least:
        return Fit.WORDS
    return Fit.MAYBE if ranked.found > 1 and ranked.share >= _MAYBE_SHARE else None


def _word_marks(ranked: Ranked) -> tuple[Mark, ...]:
    return tuple(Mark(span, place.field, place.text, place.span) for span, place in ranked.places)


@functools.cache
def _patterns() -> dict[str, Pattern]:
    texts = (text for lesson in LESSONS for text in catalogue.lesson(lesson).errors)
    return {text: Pattern(text) for text in texts}
