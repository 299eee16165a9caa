"""A script ends as it does without the watcher: output, errors, warnings, random state, tensors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_CASES = sorted(map(str, (_HERE / "cases").rglob("*.py")))


def _differences(paths: list[str]) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.profiling.watch.twice", *paths]
    done = subprocess.run(command, cwd=_HERE.parents[2], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == len(paths)
    return {path: each for path, each in found.items() if each}


def test_the_watcher_changes_nothing() -> None:
    assert _differences([*map(str, sorted((_HERE / "scripts").glob("*.py"))), *_CASES[::40]]) == {}


@pytest.mark.long
def test_the_watcher_changes_nothing_in_any_case() -> None:
    assert _differences(_CASES) == {}
