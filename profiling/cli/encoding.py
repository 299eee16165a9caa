"""What a terminal or a pipe gets that cannot take every letter, such as a pipe on Windows."""

from __future__ import annotations

import codecs
import io
import sys

# What the shell shows beside ASCII. Other letters, such as those of a file's name, become "?".
_SPELLED = {
    "✓": "ok",
    "✗": "failed",
    "→": "->",
    "−": "-",
    "–": "-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "×": "x",
    "±": "+-",
    "µ": "u",
    "Δ": "d",
    "…": "...",
    "·": "-",
    "⚠": "!",
}
_HANDLER = "detach_lab.spell"


def spell_what_cannot_be_encoded() -> None:
    """Let what is printed never fail for a letter, whatever the encoding is."""
    codecs.register_error(_HANDLER, _spell)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_SPELLED.get(letter, "?") for letter in letters), error.end
