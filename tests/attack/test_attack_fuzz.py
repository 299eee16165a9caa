"""The short form of `python -m benchmarks.fuzz`: no rubbish is answered by a fault."""

from __future__ import annotations

from collections import Counter

from tests.harness.fuzzing import fuzz
from tests.harness.launching import App


def test_rubbish_is_refused_in_words(app: App) -> None:
    fuzzer = fuzz(app, 150)
    assert fuzzer.found == []
    kinds = Counter(answer.kind for _, answer in fuzzer.answers)
    assert kinds["refused"] > 50
    assert kinds["done"] > 20
    assert len({what for what, _ in fuzzer.answers}) > 30
    assert fuzzer.health["worker"] == "ready"
