"""Tells what repeats in a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_LONGEST = 64


def repeats(items: Sequence[_Item]) -> Iterator[tuple[Sequence[_Item], int]]:
    """Split a sequence into patterns and how often each stands there in a row.

    Example:
        >>> list(repeats(["Linear", "ReLU", "Linear", "ReLU", "Linear"]))
        [(['Linear', 'ReLU'], 2), (['Linear'], 1)]
    """
    start = 0
    while start < len(items):
        length, count = max(
            ((length, _count(items, start, length)) for length in range(1, _LONGEST + 1)),
            key=lambda found: (found[0] * found[1] if found[1] > 1 else 1, -found[0]),
        )
        if count == 1:
            length = 1
        yield items[start : start + length], count
        start += length * count


def _count(items: Sequence[_Item], start: int, length: int) -> int:
    pattern = items[start : start + length]
    end = start + length
    while items[end : end + length] == pattern:
        end += length
    return (end - start) // length
