"""What docs/lessons.md and the README say of lessons is so."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from profiling.catalogue import LESSONS
from profiling.measure.stepper import Stepper

_ROOT = Path(__file__).parents[1]


def _example() -> str:
    text = (_ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.S)
    assert found is not None
    return found[1]


def test_the_example_is_a_lesson_and_its_claims_come_out_as_the_title_says() -> None:
    text = _example()
    names: dict[str, Any] = {}
    exec(text, names)
    seen = []
    for part in ("wrong", "right"):
        stepper = Stepper(names[part].__code__, text, 1, ())
        assert stepper.run(part, names[part]).error is None
        seen.append(SimpleNamespace(**stepper.final, error=None))
    assert names["claims"](*seen) == {
        "clone_cuts": {"no_gradient": False},
        "detach_cuts": {"constant": True},
    }
    assert torch.is_grad_enabled()


def test_the_readme_counts_the_lessons() -> None:
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(LESSONS)} in all" in readme
