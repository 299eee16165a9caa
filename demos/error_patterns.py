"""Error texts with `{}` for what differs from case to case, and how a message fits them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import takewhile
from typing import NamedTuple

from rapidfuzz import fuzz

Span = tuple[int, int]

# What `{}` may stand for, in letters and digits.
_GAP = 80
# Fewer letters than this, of a message or of a clause, do not tell one error from another.
_FEW = 20
# How alike a clause must be that was mistyped or is worded otherwise, in percent, and in how long
# a message at least.
_ALIKE = 80
_ALIKE_FROM = 25
# As many letters in a row tell the error, whatever stands around them.
_MANY = 30
_CLAUSE_END = re.compile(r"[.:;]\s|\s[(\[]|(?<=\w)[)\]][.\s]|\.(?=[A-Z])|$")
_QUOTED = re.compile(r"'(\w+)'")


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
        if len(query) < _ALIKE_FROM:
            return None
        found = fuzz.partial_ratio_alignment(self.letters.text, query.text, score_cutoff=_ALIKE)
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
