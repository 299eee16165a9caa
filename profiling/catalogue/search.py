"""Finds the lessons that explain an error message, or that match some words."""

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
from profiling.model.record import Record
from profiling.model.words import DEFAULT, LANGUAGES

# Start and end in a text.
Span = tuple[int, int]

# Longest query.
MAX_LETTERS = 20_000
# Least share of the query that a lesson found by words contains.
_MIN_SHARE = 0.5
# Quoted text of more than one word.
_QUOTE = re.compile("`([^` ]+ [^`]+)`")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_LIBRARY_FRAME = re.compile(r'^ *File "[^"\n]*(?:site|dist)-packages.*\n(?: {4}.*\n)*', re.M)
_IS_ERROR = re.compile(r"\b[A-Z]\w*(Error|Exception)\b:|\bTraceback \(most recent call last\)")


class Field(str, Enum):
    """The texts of a lesson."""

    TITLE = "title"
    QUESTION = "question"
    RULE = "rule"
    CLAIM = "claim"
    NAME = "name"
    ERROR = "error"
    CODE = "code"


class Fit(str, Enum):
    """How a lesson was found, the most certain first."""

    WHOLE = "whole"
    PART = "part"
    SIMILAR = "similar"
    WORDS = "words"


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
            similar clause, or words of its texts.
        letters: Number of letters of the pattern's first clause in the query; 0 for words.
        nearness: Weighted number of words around the error that name its topic, rare words weigh
            more; for words, the share of the query that its texts contain, from 0 to 1.
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
        language: The language to search by words first; the others follow if nothing is found.

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
            text = max(texts, key=lambda each: _confidence(found[each]))
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


def _confidence(match: PatternMatch) -> tuple[int, bool]:
    return match.matches[0].letters, match.fit is Fit.WHOLE


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
    found = vocabulary(language).search(query)
    hits = [
        Hit(lesson, Fit.WORDS, 0, found[lesson].share, 0.0, _word_marks(found[lesson]))
        for lesson in LESSONS
        if lesson in found and found[lesson].share >= _MIN_SHARE
    ]
    return tuple(sorted(hits, key=lambda hit: -hit.nearness))


def _word_marks(score: Score) -> tuple[Mark, ...]:
    return tuple(Mark(span, place.field, place.text, place.span) for span, place in score.places)


@functools.cache
def _patterns() -> dict[str, Pattern]:
    texts = (text for lesson in LESSONS for text in catalogue.lesson(lesson).errors)
    return {text: Pattern(text) for text in texts}


# Most letters that ``{}`` can stand for.
_MAX_PLACEHOLDER = 80
# Fewer letters of a message or a clause do not identify an error.
_MIN_LETTERS = 20
# Least similarity of a mistyped or reworded clause, in percent, and least letters of the message.
_ERROR_SIMILARITY = 80
_MIN_SIMILAR_ERROR = 25
# This many common letters in a row identify an error.
_RUN_LETTERS = 30
_CLAUSE_END = re.compile(r"[.:;]\s|\s[(\[]|(?<=\w)[)\]][.\s]|\.(?=[A-Z])|$")
_QUOTED = re.compile(r"'(\w+)'")


class Letters:
    """The letters and digits of a text in lower case, and their positions.

    Other characters, such as blanks, line breaks, quotes and brackets, differ between copies of a
    message.
    """

    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        """Take the letters between `start` and `end`."""
        span = range(start, len(text) if end is None else end)
        self.places = [at for at in span if text[at].isalnum()]
        self.text = "".join(text[at].lower()[0] for at in self.places)

    def __len__(self) -> int:
        """Return the number of letters."""
        return len(self.text)

    @functools.cached_property
    def rows(self) -> dict[str, int]:
        """First position of each run of `_RUN_LETTERS` letters."""
        starts = range(len(self) - _RUN_LETTERS, -1, -1)
        return {self.text[start : start + _RUN_LETTERS]: start for start in starts}

    def span(self, start: int, end: int) -> Span:
        """Return where the letters from `start` up to `end` are in the text."""
        return self.places[start], self.places[end - 1] + 1


class Match(NamedTuple):
    """A part of a message, and the part of a pattern that it matches.

    Attributes:
        query: Start and end in the message.
        place: Start and end in the pattern.
        letters: Number of letters of the pattern's part in the message.
    """

    query: Span
    place: Span
    letters: int


class PatternMatch(NamedTuple):
    """How a pattern matches a message, and at which places, at least one."""

    fit: Fit
    matches: tuple[Match, ...]


class Pattern:
    """An error message with ``{}`` for parts that vary."""

    def __init__(self, text: str) -> None:
        """Split a pattern into its clauses."""
        self.text = text
        self._whole = Clause(text, 0, len(text))
        self._quoted = [Letters(name).text for name in _QUOTED.findall(text)]
        clauses = [Clause(text, *span) for span in _clauses(text)]
        self._clauses = [each for each in clauses if len(each.letters) >= _MIN_LETTERS] or [
            self._whole
        ]

    def verbatim(self, query: Letters) -> PatternMatch | None:
        """Match the whole pattern verbatim, or else its clauses, as in a truncated message."""
        whole = self._whole.find_verbatim(query)
        if whole is None:
            return _pattern_match(
                Fit.PART,
                (each.find_verbatim(query) or each.find_truncated(query) for each in self._clauses),
            )
        # The length of a pattern after its first clause does not make the match any better.
        return PatternMatch(Fit.WHOLE, (whole._replace(letters=len(self._clauses[0].letters)),))

    def similar(self, query: Letters) -> PatternMatch | None:
        """Match clauses that were mistyped, or are worded differently in another version.

        Quoted names must be the same: another name makes another error.
        """
        if not all(name in query.text for name in self._quoted):
            return None
        return _pattern_match(Fit.SIMILAR, (each.find_similar(query) for each in self._clauses))


class Clause:
    """A pattern or a part of it, matched by itself."""

    def __init__(self, pattern: str, start: int, end: int) -> None:
        """Take the part of a pattern between `start` and `end`."""
        self.letters = Letters(pattern, start, end)
        pieces = (Letters(piece).text for piece in pattern[start:end].split("{}"))
        self._pieces = tuple(piece for piece in pieces if piece)

    def find_verbatim(self, query: Letters) -> Match | None:
        """Find the first place where a message contains the whole clause verbatim."""
        first, *others = self._pieces
        start = query.text.find(first)
        while start >= 0:
            end = start + len(first)
            for piece in others:
                at = query.text.find(piece, end, end + _MAX_PLACEHOLDER + len(piece))
                if at < 0:
                    break
                end = at + len(piece)
            else:
                return self._match(query, (start, end), (0, len(self.letters)))
            start = query.text.find(first, start + 1)
        return None

    def find_truncated(self, query: Letters) -> Match | None:
        """Match a message that starts or ends inside the clause, or is a part of it."""
        own, text = self.letters.text, query.text
        at = own.find(text)
        if at >= 0 and len(text) >= _MIN_LETTERS:
            return self._match(query, (0, len(text)), (at, at + len(text)))
        for size in range(min(len(own), len(text)) - 1, _MIN_LETTERS - 1, -1):
            if text.endswith(own[:size]):
                return self._match(query, (len(text) - size, len(text)), (0, size))
            if text.startswith(own[-size:]):
                return self._match(query, (0, size), (len(own) - size, len(own)))
        return None

    def find_similar(self, query: Letters) -> Match | None:
        """Find where a message contains most of the clause, or the clause most of the message."""
        if len(query) < _MIN_SIMILAR_ERROR:
            return None
        found = fuzz.partial_ratio_alignment(
            self.letters.text, query.text, score_cutoff=_ERROR_SIMILARITY
        )
        if found is None:
            return self._find_common_run(query)
        span, place = (found.dest_start, found.dest_end), (found.src_start, found.src_end)
        return self._match(query, span, place, found.score / 100)

    def _find_common_run(self, query: Letters) -> Match | None:
        own = self.letters.text
        for start in range(len(own) - _RUN_LETTERS + 1):
            at = query.rows.get(own[start : start + _RUN_LETTERS])
            if at is not None:
                pairs = zip(own[start:], query.text[at:], strict=False)
                size = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                return self._match(query, (at, at + size), (start, start + size))
        return None

    def _match(self, query: Letters, span: Span, place: Span, share: float = 1) -> Match:
        letters = round(share * (place[1] - place[0]))
        return Match(query.span(*span), self.letters.span(*place), letters)


def _pattern_match(fit: Fit, matches: Iterable[Match | None]) -> PatternMatch | None:
    found = tuple(each for each in matches if each is not None)
    return PatternMatch(fit, found) if found else None


def _clauses(text: str) -> Iterator[Span]:
    start = 0
    for end in _CLAUSE_END.finditer(text):
        yield start, end.start()
        start = end.end()


# Weight of a word, by the text that contains it.
_WEIGHTS = {
    Field.TITLE: 1.0,
    Field.QUESTION: 0.95,
    Field.RULE: 0.85,
    Field.CLAIM: 0.7,
    Field.NAME: 0.7,
    Field.ERROR: 0.6,
    Field.CODE: 0.5,
}
_TOPIC_FIELDS = (Field.TITLE, Field.QUESTION)
# Characters of the query that are searched by words.
_SCORED_LETTERS = 1000
# Least similarity of two words, for plurals, endings and typing errors, and their least length.
_WORD_SIMILARITY = 0.9
_MIN_SIMILAR_WORD = 4
# A word is rare if at most one lesson in this many contains it; only rare words name a topic.
_RARE = 8
# Words of any question, ignored.
_STOP_WORDS = re.compile(
    "an|and|any|are|as|at|be|but|by|can|could|do|does|for|from|get|got|has|have|help|how|if|in|is|it"
    "|its|just|me|my|of|on|or|out|please|should|so|than|that|the|then|there|these|this|to|use|vs|want"
    "|was|we|what|when|where|which|while|who|why|will|with|would|you|your"
)
# Words of any script and its output, which do not name the topic of an error.
_COMMON_WORDS = re.compile(
    "call|called|compute|copy|data|fail|fails|float|inputs|labels|load|log|loop|main|module|number"
    "|object|return|run|running|save|step|time|update|used|user|warning|worker"
)
_CHINESE_STOP_WORDS = "为什么|什么|为何|怎么|如何|请问|[的了吗呢是我]"
_CHINESE = "\u3400-\u9fff"
# A hyphen joins words: in-place is inplace.
_TOKEN = re.compile(
    rf"{_CHINESE_STOP_WORDS}"
    rf"|(?P<chinese>(?:(?!{_CHINESE_STOP_WORDS})[{_CHINESE}])+)"
    rf"|(?P<plain>[^\W{_CHINESE}]+(?:-[^\W{_CHINESE}]+)*)"
)


class Word(NamedTuple):
    """A word and its position."""

    text: str
    span: Span


class Place(NamedTuple):
    """Position of a word in a lesson's text."""

    field: Field
    text: str
    span: Span


class Score(NamedTuple):
    """How much of a query a lesson contains.

    Attributes:
        share: From 0, no word, to 1, every word in its title; rare words weigh more.
        places: Position of each word in the query and in the lesson's texts.
    """

    share: float
    places: tuple[tuple[Span, Place], ...]


class Vocabulary:
    """The words of all lessons in one language."""

    def __init__(self, language: str) -> None:
        """Index all texts of all lessons, with the place of highest weight of each word."""
        self._places: dict[str, dict[str, Place]] = defaultdict(dict)
        for lesson in LESSONS:
            for field, text in _texts(lesson, language):
                # The words of a name are joined by underscores.
                for word in _words(text.replace("_", " ") if field is Field.NAME else text):
                    self._places[word.text].setdefault(lesson, Place(field, text, word.span))
        self._by_initial: dict[str, list[str]] = defaultdict(list)
        for each in self._places:
            if len(each) >= _MIN_SIMILAR_WORD:
                self._by_initial[each[0]].append(each)

    def nearness(self, query: str) -> dict[str, float]:
        """Return the weight of the words in a text, such as a traceback, that name lessons' topics.

        Only rare words count, and rarer ones weigh more.
        """
        near: dict[str, float] = defaultdict(float)
        # Sorted, because a sum of floats depends on the order.
        for word in sorted({word.text for word in _words(query)} & self._places.keys()):
            places = self._places[word]
            if len(places) * _RARE <= len(LESSONS) and not _COMMON_WORDS.fullmatch(word):
                for lesson, place in places.items():
                    if place.field in _TOPIC_FIELDS:
                        near[lesson] += _inverse_frequency(len(places)) * _WEIGHTS[place.field]
        return near

    def search(self, query: str) -> dict[str, Score]:
        """Return how much of a query each lesson contains, for lessons that contain any of it."""
        total = 0.0
        shares: dict[str, float] = defaultdict(float)
        places: dict[str, dict[Span, Place]] = defaultdict(dict)
        for forms in _query_words(query):
            found = self._find(forms)
            rarity = _inverse_frequency(len(found))
            total += rarity
            for lesson, (value, span, place) in found.items():
                shares[lesson] += rarity * value
                places[lesson][span] = place
        return {
            lesson: Score(share / total, tuple(places[lesson].items()))
            for lesson, share in shares.items()
        }

    def _find(self, forms: tuple[Word, ...]) -> dict[str, tuple[float, Span, Place]]:
        """Find the best place of any form of a word, or of a similar word, in each lesson."""
        best: dict[str, tuple[float, Span, Place]] = {}
        for text, span in forms:
            for known, similarity in self._similar_words(text):
                for lesson, place in self._places[known].items():
                    value = similarity * _WEIGHTS[place.field]
                    if lesson not in best or value > best[lesson][0]:
                        best[lesson] = value, span, place
        return best

    def _similar_words(self, word: str) -> list[tuple[str, float]]:
        if len(word) < _MIN_SIMILAR_WORD:
            return [(word, 1.0)] if word in self._places else []
        others = self._by_initial.get(word[0], [])
        found = process.extract(
            word, others, scorer=JaroWinkler.similarity, score_cutoff=_WORD_SIMILARITY, limit=None
        )
        return [(known, similarity) for known, similarity, _ in found]


@functools.cache
def vocabulary(language: str) -> Vocabulary:
    """Return the vocabulary of a language."""
    return Vocabulary(language)


def _texts(lesson: str, language: str) -> Iterator[tuple[Field, str]]:
    """Yield the texts of a lesson, those with the highest weight first."""
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
    """Yield the words of a text; for Chinese, its bigrams and characters."""
    for run in _TOKEN.finditer(text):
        if run["chinese"]:
            yield from _ngrams(run, 2)
            yield from _ngrams(run, 1)
        elif run["plain"]:
            yield from _single_words(run)


def _query_words(query: str) -> list[tuple[Word, ...]]:
    """Return the distinct words of a query, each with its alternative forms.

    Chinese text is not split into words: each character counts, with the bigrams that contain it.
    """
    words: dict[tuple[str, ...], tuple[Word, ...]] = {}
    for run in _TOKEN.finditer(query, 0, _SCORED_LETTERS):
        every: list[tuple[Word, ...]] = []
        if run["chinese"]:
            pairs = tuple(_ngrams(run, 2)) or tuple(_ngrams(run, 1))
            every = [pairs[max(at - 1, 0) : at + 1] for at in range(len(run[0]))]
        elif run["plain"]:
            every = [(word,) for word in _single_words(run)]
        for forms in every:
            words.setdefault(tuple(word.text for word in forms), forms)
    return list(words.values())


def _single_words(run: re.Match[str]) -> Iterator[Word]:
    word = run[0].lower().replace("-", "")
    # Single letters are names of tensors, and numbers are sizes.
    if len(word) > 1 and not word.isdigit() and not _STOP_WORDS.fullmatch(word):
        yield Word(word, run.span())


def _ngrams(run: re.Match[str], size: int) -> Iterator[Word]:
    for at in range(len(run[0]) - size + 1):
        yield Word(run[0][at : at + size], (run.start() + at, run.start() + at + size))


def _inverse_frequency(lessons: int) -> float:
    """Return the weight of a word that this many lessons contain."""
    return math.log(1 + len(LESSONS) / max(lessons, 1))
