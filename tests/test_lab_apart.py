"""The simulated accelerator is in other processes; its tests are skipped without a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from profiling.measure.device import KINDS
from tests.harness.launching import ROOT
from tests.lab_device.delegating import environment

TEST = "tests/lab_device/test_lab_queue.py::test_a_copy_that_is_not_waited_for_has_not_arrived"


def pytest_on(test: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", test]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True
    )


def test_other_tests_know_nothing_of_it() -> None:
    assert not hasattr(torch, "lab")
    assert "lab" not in KINDS


def test_without_a_compiler_its_tests_are_skipped_with_the_reason(tmp_path: Path) -> None:
    done = pytest_on(TEST, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path), CXX="")
    assert done.returncode == 0, done.stdout
    assert "no simulated accelerator: there is no C++ compiler" in done.stdout
    assert "1 skipped" in done.stdout


def test_a_compiler_that_cannot_build_it_is_not_asked_for_each_test(tmp_path: Path) -> None:
    asked, compiler = tmp_path / "asked", tmp_path / "compiler"
    compiler.write_text(f"#!/bin/sh\necho >> {asked}; echo no such class >&2; exit 1\n", "utf-8")
    compiler.chmod(0o755)
    done = pytest_on(TEST.partition("::")[0], XDG_CACHE_HOME=str(tmp_path), CXX=str(compiler))
    assert done.returncode == 0, done.stdout
    assert "no such class" in done.stdout
    assert "passed" not in done.stdout
    # By the process that starts early, and by the first test.
    assert 1 <= len(asked.read_text("utf-8")) <= 2


def test_a_process_with_it_has_one_more_kind_of_device() -> None:
    code = "from profiling.measure.device import CHOICES, KINDS; print('lab' in KINDS, CHOICES[-1])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment()},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("True lab\n", "")
