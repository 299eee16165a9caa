"""What tests of workloads of one's own share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from profiling import catalogue

Writer = Callable[..., str]
SMALLEST = """\
def build(size):
    return {}
def ours():
    pass
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Return a function that writes a file into the current folder and gives its name.

    Whatever is registered is forgotten at the end.
    """
    monkeypatch.setattr(catalogue, "_registered", {})
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write
