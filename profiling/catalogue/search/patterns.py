"""Matches error messages: whole, truncated, mistyped, or worded as in another version."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import takewhile
from typing import NamedTuple

from rapidfuzz import fuzz

# Start and end in a text.
Span = tuple[int, int]


class Fit(str, Enum):
    """How a lesson was found, the most certain first."""

    WHOLE = "whole"
    PART = "part"
    SIMILAR = "similar"
    WORDS = "words"
    MAYBE = "maybe"


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
