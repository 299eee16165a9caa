"""Faults that people bring to forums, each with its corrected script: causes, lines, no alarm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.harness.judged_cases import index_of, wrong_in

CASES = Path(__file__).parents[2] / "watch" / "cases"
ALL = index_of(CASES)


def one_of_each_cause() -> list[dict[str, Any]]:
    """The first case of each cause, and some correct scripts that look suspicious."""
    chosen = {case["causes"][0]: case for case in reversed(ALL) if "bad" in case}
    correct = [case for case in ALL if "bad" not in case]
    return [*chosen.values(), *correct[::6]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the cases run in forked processes")
@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(one_of_each_cause(), id="one of each cause"),
        pytest.param(ALL, id="all", marks=pytest.mark.long),
    ],
)
def test_faults_are_named_and_correct_scripts_are_not(
    cases: list[dict[str, Any]], tmp_path: Path
) -> None:
    wrong = wrong_in(CASES, cases, tmp_path)
    assert not wrong, wrong
