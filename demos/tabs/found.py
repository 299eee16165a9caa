"""What the page shows of lessons that were found: the matched places, in the query and in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup, escape

from demos.finding import Hit, Mark
from demos.locales import Text
from demos.tabs import views
from demos.words import Field

_SHOWN_HITS = 5
# Letters of the query that are shown around what was matched.
_AROUND = 60

Span = tuple[int, int]


class _Line(NamedTuple):
    field: str
    text: Markup
    is_code: bool


class _Found(NamedTuple):
    title: str
    fit: str
    query: Markup
    lines: list[_Line]


def found_view(query: str, hits: tuple[Hit, ...], text: Text) -> str:
    """Say which lessons were found, and by what."""
    found = [
        _Found(
            title=text(f"lesson.{hit.lesson}.title"),
            fit=text(f"find.fit.{hit.fit.value}"),
            query=_excerpt(query, [mark.query for mark in hit.marks]),
            lines=list(_lines(hit.marks, text)),
        )
        for hit in hits[:_SHOWN_HITS]
    ]
    return views.render("found.html", text, found=found, more=len(hits) - len(found))


def marked(text: str, spans: Iterable[Span]) -> Markup:
    """Escape a text and mark pieces of it.

    Example:
        >>> marked("a < b", [(0, 1)])
        Markup('<mark>a</mark> &lt; b')
    """
    parts, at = [], 0
    for start, end in sorted(spans):
        start = max(start, at)
        if start < end:
            parts += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
            at = end
    return Markup().join([*parts, escape(text[at:])])


def _lines(marks: tuple[Mark, ...], text: Text) -> Iterable[_Line]:
    for field, words in dict.fromkeys((mark.field, mark.text) for mark in marks):
        places = [mark.place for mark in marks if (mark.field, mark.text) == (field, words)]
        is_code = field in (Field.ERROR, Field.NAME, Field.CODE)
        yield _Line(text(f"find.field.{field.value}"), marked(words, places), is_code)


def _excerpt(query: str, spans: list[Span]) -> Markup:
    """Return the part of a long query that was matched."""
    first = max(0, min(start for start, _ in spans) - _AROUND)
    last = min(len(query), max(end for _, end in spans) + _AROUND)
    before, after = "…" if first else "", "…" if last < len(query) else ""
    inner = marked(query[first:last], [(start - first, end - first) for start, end in spans])
    return Markup("{}{}{}").format(before, inner, after)
