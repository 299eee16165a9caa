"""The shell where its output cannot take every letter, such as a pipe on Windows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.harness.running import run
from tests.profiling.cli.conftest import SMALL

_ROOT = Path(__file__).parents[3]
_RECORDED = "recorded:cpu-2-cores.evaluation_logging"
_COMMANDS = [
    ["doctor", "--device", "cpu"],
    ["show", _RECORDED],
    ["diff", _RECORDED, _RECORDED],
    SMALL,
    ["lesson", "baseline"],
    ["find", "element 0 of tensors does not require grad ✓ 梯度"],
    ["find", "梯度"],
    ["trace", "nowhere→.json"],
    ["--help"],
]
# Doctor's own checks take long, and time things.
_ALL = """
import sys
from profiling.cli import main
from profiling.engine.engine import Engine
from profiling.model.run import Check
checks = [Check("clock", True, dict(ns="40")), Check("bytes", False, dict(wanted="1", found="2"))]
Engine.self_check = lambda self: iter(checks)
if __name__ == "__main__":
    for arguments in {commands!r}:
        print("=", arguments[0], main(arguments))
"""


def _printed(encoding: str, folder: Path, commands: list[list[str]]) -> dict[str, str]:
    """Return what commands print in an encoding, by the command and its exit code."""
    script = folder / "all.py"
    script.write_text(_ALL.format(commands=commands), encoding="utf-8")
    environment = {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(_ROOT)}
    done = run([sys.executable, str(script)], _ROOT, environment)
    assert done.returncode == 0, done.stderr.decode(encoding)
    parts: dict[str, str] = {}
    lines: list[str] = []
    for line in done.stdout.decode(encoding).splitlines():
        if line.startswith("= "):
            parts[line.removeprefix("= ")] = "\n".join(lines)
            lines = []
        else:
            lines.append(line)
    return parts


def _marks(doctor: str) -> list[str]:
    return [line.split()[0] for line in doctor.splitlines()[-2:]]


def test_every_command_prints_into_a_pipe_as_windows_has_it(tmp_path: Path) -> None:
    printed = _printed("cp1252", tmp_path, _COMMANDS)
    assert list(printed) == [
        "doctor 1",
        "show 0",
        "diff 0",
        "compare 0",
        "lesson 0",
        "find 0",
        "trace 2",
        "--help 0",
    ]
    assert _marks(printed["doctor 1"]) == ["ok", "failed"]
    assert "1.00×" in printed["show 0"]
    assert "?" not in printed["show 0"]


@pytest.mark.parametrize(
    ("encoding", "marks", "ratio"),
    [
        # Most other tests of the shell see these.
        pytest.param("utf-8", ["✓", "✗"], "1.00×", marks=pytest.mark.long),
        ("ascii", ["ok", "failed"], "1.00x"),
    ],
)
def test_what_can_be_encoded_is_shown_as_it_is(
    encoding: str, marks: list[str], ratio: str, tmp_path: Path
) -> None:
    printed = _printed(encoding, tmp_path, _COMMANDS[:2])
    assert _marks(printed["doctor 1"]) == marks
    assert ratio in printed["show 0"]
    assert "?" not in printed["show 0"]
