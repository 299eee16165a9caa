"""Steps through a person's own code, in a process that is thrown away afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from profiling.measure.stepper import Stepper
from profiling.model.lesson import LessonError, PartTrace

PART = "playground"
_AGAIN_S = 0.5
_NAMES = {"__name__": "__main__"}


class TimeLimit(BaseException):
    """The code ran too long; no ``except Exception`` of its own stops it."""


def step_code(source: str, seconds: float) -> PartTrace:
    """Run code statement by statement, in an empty folder and without any input.

    Args:
        source: Python; what it raises, a syntax error too, is part of the result.
        seconds: Time after which it is stopped at the line it has come to.
    """
    try:
        code = compile(source, "<playground>", "exec")
    except (SyntaxError, ValueError) as error:  # ValueError: a null character.
        line = getattr(error, "lineno", None) or 1
        text = getattr(error, "msg", None) or str(error)
        return PartTrace(PART, (), LessonError(type(error).__name__, text, line))
    torch.manual_seed(0)
    stepper = Stepper(code, source, 1, ())
    with _thrown_away(), _time_limit(seconds):
        return stepper.run(PART, lambda: exec(code, dict(_NAMES)))


@contextlib.contextmanager
def _thrown_away() -> Iterator[None]:
    before, stdin = Path.cwd(), sys.stdin
    with (
        tempfile.TemporaryDirectory(prefix="detach-lab-") as folder,
        Path(os.devnull).open() as nothing,
    ):
        os.chdir(folder)
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = stdin
            os.chdir(before)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows: there the process's own limit has to do.
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeLimit(f"stopped after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, since an exception is ignored where it meets a finalizer.
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
