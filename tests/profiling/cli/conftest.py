"""The command line, run in this process."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from profiling import cli
from profiling.cli import common
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor

# A comparison that takes little time.
SMALL = ["compare", "--workload", "elementwise", "--sizes", "4,8", "--budget", "0.05"]
SMALL += ["--device", "cpu", "--branches", "attached,detach"]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs a command line."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, small_heap: None) -> list[Engine]:
    """Measure in this process, and note the engines made."""
    made: list[Engine] = []

    class Noted(Engine):
        def __init__(self, preferred: str) -> None:
            super().__init__(preferred, InlineExecutor())
            made.append(self)

    monkeypatch.setattr(common, "Engine", Noted)
    return made
