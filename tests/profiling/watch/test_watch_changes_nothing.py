"""A script ends as it does without the watcher: output, errors, warnings, random state, tensors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.profiling.watch.twice import differences_of

_HERE = Path(__file__).parent
_CASES = sorted((_HERE / "cases").rglob("*.py"))


def test_the_watcher_changes_nothing() -> None:
    assert differences_of([*sorted((_HERE / "scripts").glob("*.py")), *_CASES[::40]]) == {}


@pytest.mark.long
def test_the_watcher_changes_nothing_in_any_case() -> None:
    assert differences_of(_CASES) == {}
