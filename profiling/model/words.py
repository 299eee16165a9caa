"""Every word that is shown, by key, in every language: one folder a language, one file an area."""

from __future__ import annotations

import functools
from collections.abc import Callable

import msgspec

from profiling.model.content import LOCALES

LANGUAGES = ("en", "zh")
DEFAULT = "en"

# Gives the sentence of a key, with its placeholders filled.
Text = Callable[..., str]


@functools.cache
def table(language: str) -> dict[str, str]:
    """Return all words of a language by key."""
    words: dict[str, str] = {}
    for path in sorted((LOCALES / language).glob("*.json")):
        words |= msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    return words


@functools.cache
def _translator(language: str) -> Text:
    words = table(language)

    def say(key: str, /, **values: object) -> str:
        return words[key].format_map(values)

    return say


def translator(language: str | None) -> Text:
    """Return the function that says a key in a language; English for a language we lack.

    Example:
        >>> translator("en")("status.ok")
        'ok'
    """
    return _translator(language if language in LANGUAGES else DEFAULT)


def lenient(text: Text) -> Text:
    """Return a translator that says a key without words by the key's last part.

    Example:
        >>> from profiling.model.words import translator
        >>> lenient(translator("en"))("size.tokens"), lenient(translator("en"))("status.ok")
        ('tokens', 'ok')
    """

    def say(key: str, /, **values: object) -> str:
        try:
            return text(key, **values)
        except (KeyError, IndexError):
            return key.rpartition(".")[2]

    return say
