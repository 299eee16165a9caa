"""Which torch is installed: the one that was tested, or another one that is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

_ROOT = Path(__file__).parents[2]


def _lines(file: str) -> list[Requirement]:
    lines = (_ROOT / file).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _would_run(*arguments: str) -> str:
    """Return what make would run, in a folder in which nothing is installed yet."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    # A make around this one would hand its own arguments on.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    variables.pop("TORCH", None)
    command = ["make", "-n", *arguments, "VENV=nowhere"]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=_ROOT, env=variables
    ).stdout


def test_what_was_tested_is_one_torch_of_the_range_for_pythons_that_have_it() -> None:
    (tested,) = _lines("constraints.txt")
    (version,) = tested.specifier
    assert (tested.name, version.operator) == ("torch", "==")
    (torch,) = (each for each in _lines("requirements.txt") if each.name == "torch")
    assert version.version in torch.specifier
    assert "2.15.0" in torch.specifier
    assert tested.marker is not None
    assert [
        tested.marker.evaluate({"python_version": each}) for each in ("3.10", "3.14", "3.15")
    ] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("target", ["run", "unit"])
def test_the_torch_that_was_tested_is_installed_unless_another_one_is_asked_for(
    target: str,
) -> None:
    install = "-m pip install --quiet -r requirements.txt"
    assert f"{install} -c constraints.txt\n" in _would_run(target)
    asked = _would_run(target, "TORCH=2.15.0")
    assert f"{install} torch==2.15.0\n" in asked
    assert "constraints.txt" not in asked


def test_the_oldest_and_the_newest_torch_are_tried_in_environments_of_their_own() -> None:
    (torch,) = (each for each in _lines("requirements.txt") if each.name == "torch")
    oldest = next(each.version for each in torch.specifier if each.operator == ">=")
    shown = _would_run("versions", "-B")
    for name in (oldest, "newest"):
        assert f"-m venv .venv-versions/{name}\n" in shown
    assert f"-r tests/requirements.txt torch=={oldest}\n" in shown
    assert f"for each in {oldest} newest; do" in shown
