"""All texts by key, in each language: a folder for each language, a file for each area."""

from __future__ import annotations

import functools
import json
import string
import unicodedata
from collections.abc import Callable
from typing import Any, Literal, get_args

from profiling.model.content import LOCALES

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT = "en"

# Returns the text of a key with its placeholders filled.
Text = Callable[..., str]


@functools.cache
def table(language: str) -> dict[str, str]:
    """Return all texts of a language by key."""
    words: dict[str, str] = {}
    for path in sorted((LOCALES / language).glob("*.json")):
        words |= json.loads(path.read_text(encoding="utf-8"))
    return words


class _Plurals(string.Formatter):
    """Fills placeholders; ``{count:file|files}`` becomes the word that fits the count."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if not bar:
            return format(value, format_spec)
        # A count may be formatted already, as in "1,024".
        return one if str(value) == "1" else many


@functools.cache
def _translator(language: str) -> Text:
    words, fill = table(language), _Plurals().vformat

    def translate(key: str, /, **values: object) -> str:
        return fill(words[key], (), values)

    return translate


def translator(language: str | None) -> Text:
    """Return the function that gives texts in a language; English if the language is unknown.

    A text may hold ``{count} {count:file|files}``: the second placeholder becomes "file" if the
    count is 1 and "files" otherwise.

    Example:
        >>> translator("en")("status.ok")
        'ok'
    """
    return _translator(language if language in LANGUAGES else DEFAULT)


def lenient(text: Text) -> Text:
    """Return a translator that gives an unknown key's last part instead of raising.

    Example:
        >>> from profiling.model.words import translator
        >>> lenient(translator("en"))("size.tokens"), lenient(translator("en"))("status.ok")
        ('tokens', 'ok')
    """

    def translate(key: str, /, **values: object) -> str:
        try:
            return text(key, **values)
        except (KeyError, IndexError):
            return key.rpartition(".")[2]

    return translate


def columns(text: str) -> int:
    """Return the width of a text in a monospaced font, in columns of a Latin letter.

    A Chinese character takes two, and so does what a Chinese font may draw wide, such as “×”.

    Example:
        >>> columns("leaf"), columns("梯度"), columns("2×")
        (4, 4, 3)
    """
    return sum(2 if unicodedata.east_asian_width(each) in "WFA" else 1 for each in text)
