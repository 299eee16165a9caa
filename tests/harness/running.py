"""Runs a program to its end; one that does not end is a failure that tells where it was."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.harness.visiting import PATIENCE_S


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    typed: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a Python program, whatever its exit code.

    Args:
        command: The program with its arguments.
        folder: Its current folder.
        environment: Variables to set beside those of this process.
        typed: What it can read.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {}), "PYTHONFAULTHANDLER": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(typed, PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # Python then prints the stacks of its threads.
        out, err = process.communicate(timeout=PATIENCE_S)
        raise AssertionError(f"{command} did not end:\n{out!r}\n{err.decode()}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)
