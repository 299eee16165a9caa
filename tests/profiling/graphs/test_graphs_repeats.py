"""What repeats."""

from __future__ import annotations

import pytest

from profiling.graphs.fold import repeats


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ("", []),
        ("a", [("a", 1)]),
        ("aaa", [("a", 3)]),
        ("abab", [("ab", 2)]),
        ("xababy", [("x", 1), ("ab", 2), ("y", 1)]),
        ("aabaab", [("aab", 2)]),
        ("abc", [("a", 1), ("b", 1), ("c", 1)]),
    ],
)
def test_patterns_and_counts(items: str, found: list[tuple[str, int]]) -> None:
    assert list(repeats(items)) == found
    assert "".join("".join(pattern) * count for pattern, count in repeats(items)) == items
