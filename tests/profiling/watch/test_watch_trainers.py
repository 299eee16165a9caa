"""The watcher beside the trainers of other libraries, which `make test-long` installs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from tests.harness.judged_cases import index_of, wrong_in
from tests.profiling.watch.twice import differences_of

_SCRIPTS = Path(__file__).parent / "trainers"
_MISSING = [each for each in ("lightning", "transformers") if not importlib.util.find_spec(each)]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the scripts run in forked processes"),
]


def test_a_trainer_trains_the_same() -> None:
    assert differences_of(sorted(_SCRIPTS.glob("*.py"))) == {}


def test_a_cut_below_a_trainer_is_named_and_correct_scripts_are_not(tmp_path: Path) -> None:
    wrong = wrong_in(_SCRIPTS, index_of(_SCRIPTS), tmp_path)
    assert not wrong, wrong
