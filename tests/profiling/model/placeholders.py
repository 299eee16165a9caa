"""What the tests of words share."""

from __future__ import annotations

import string
from collections import Counter


def placeholders(sentence: str) -> Counter[tuple[str, str, str]]:
    """Return every placeholder of a sentence with its conversion and format."""
    return Counter(
        (field, conversion or "", form or "")
        for _, field, form, conversion in string.Formatter().parse(sentence)
        if field is not None
    )
