"""What the page says it runs on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from demos.page.common import machine_words, mode_words
from profiling.model.words import Text
from tests.profiling.planted import GPU_MACHINE, MACHINE


def engine(lends: bool = False) -> Any:
    return SimpleNamespace(lends=lends)


@pytest.mark.parametrize(
    ("space", "cpu", "gpu"), [(False, "cpu", "gpu"), (True, "space_cpu", "space_gpu")]
)
def test_the_mode_is_told_by_the_device_that_is_used(
    space: bool, cpu: str, gpu: str, text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", "somebody/space")
    assert mode_words(engine(), MACHINE, text) == text(f"mode.{cpu}")
    assert mode_words(engine(), GPU_MACHINE, text) == text(f"mode.{gpu}")
    assert mode_words(engine(lends=True), MACHINE, text) == text("mode.zero_gpu")


def test_the_device_is_named_with_the_reason(english: Text) -> None:
    said = machine_words(engine(), GPU_MACHINE, english)
    assert "A GPU" in said
    assert "CUDA is available." in said
    assert "this is a CPU-only build of torch" in machine_words(engine(), MACHINE, english)
