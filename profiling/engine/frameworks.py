"""What the same code came to in other frameworks: run where there is one, or else as recorded."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from profiling.catalogue import frameworks
from profiling.catalogue.frameworks import FRAMEWORKS, SCENARIOS
from profiling.engine.framework_cells import MARK
from profiling.model.content import RECORDED
from profiling.model.errors import DetachLabError, InputError, short
from profiling.model.frameworks import Outcome

LIMIT_S = 120.0
RECORDED_FILE = RECORDED / "frameworks.json"
_SCRIPT = Path(__file__).with_name("framework_cells.py")
_MOST_BYTES = 2**20
# tinygrad compiles for a CPU with clang; without it, Python computes these few numbers.
_ENVIRONMENT = {"PYTHONIOENCODING": "utf-8", "DEV": "PYTHON"}

# What has run in this process, by framework and scenario.
_live: dict[tuple[str, str], Outcome] = {}


class _Version(msgspec.Struct):
    version: str | None


def recorded() -> tuple[Outcome, ...]:
    """Return the results that were recorded."""
    return msgspec.json.decode(RECORDED_FILE.read_bytes(), type=tuple[Outcome, ...])


def table(scenario: str) -> tuple[Outcome, ...]:
    """Return a scenario's results by framework; one that has run here stands for the recorded one.

    A framework without either is left out. A scenario that no other framework has gives nothing.
    """
    found = {(each.framework, each.scenario): each for each in recorded()} | _live
    asked = ((framework, scenario) for framework in FRAMEWORKS)
    return tuple(found[each] for each in asked if each in found)


def meets_all_kinds(outcomes: Iterable[Outcome]) -> bool:
    """Whether a cut is an error, None and zeros among the frameworks, or zeros move a weight."""
    found = tuple(outcomes)
    kinds = {each.outcome for each in found}
    moved = any(each.outcome == "zeros" and each.after not in (None, (1.0,)) for each in found)
    return moved or kinds >= {"error", "none", "zeros"}


def find_python(python: str) -> str:
    """Return the path of an interpreter.

    Raises:
        InputError: There is no such program.
    """
    path = shutil.which(python)
    if path is None:
        raise InputError("error.frameworks_python", python=short(python))
    return path


def run(
    python: str, names: Iterable[str] = FRAMEWORKS, limit_s: float = LIMIT_S
) -> tuple[Outcome, ...]:
    """Run all scenarios in the frameworks that an interpreter has, and keep what they came to.

    Args:
        python: The interpreter.
        names: The frameworks to look for.
        limit_s: The most seconds for one of them.

    Raises:
        InputError: It is no Python, gives no answer in time, or has none of the frameworks.
    """
    path = find_python(python)
    found = tuple(each for name in names for each in _run_one(path, python, name, limit_s))
    if not found:
        raise InputError("error.frameworks_none", python=short(python))
    _live.update({(each.framework, each.scenario): each for each in found})
    return found


def run_beside(pythons: Iterable[str], tell: Callable[[DetachLabError], None]) -> threading.Thread:
    """Run interpreters one after the other while something else goes on.

    Args:
        pythons: The interpreters.
        tell: Is given what goes wrong.
    """

    def work() -> None:
        for python in pythons:
            try:
                run(python)
            except DetachLabError as error:
                tell(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _run_one(path: str, python: str, name: str, limit_s: float) -> list[Outcome]:
    command = [path, str(_SCRIPT), str(frameworks.file(name)), *SCENARIOS]
    written = _output(command, python, limit_s)
    lines = [line[len(MARK) :] for line in written.splitlines() if line.startswith(MARK)]
    try:
        first, *answers = lines
        version = msgspec.json.decode(first, type=_Version).version
        if version is None:
            return []
        fields: list[dict[str, Any]] = [msgspec.json.decode(each) for each in answers]
        found = [
            msgspec.convert({**each, "framework": name, "version": version, "live": True}, Outcome)
            for each in fields
        ]
    except (ValueError, TypeError, msgspec.MsgspecError):
        raise InputError("error.frameworks_answer", python=short(python)) from None
    if [each.scenario for each in found] != list(SCENARIOS):
        raise InputError("error.frameworks_answer", python=short(python))
    return found


def _output(command: list[str], python: str, limit_s: float) -> str:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT | dict(os.environ),
            start_new_session=True,
        )
    except (OSError, ValueError):
        raise InputError("error.frameworks_python", python=short(python)) from None
    is_late = threading.Event()

    def stop() -> None:
        is_late.set()
        _kill(process)

    timer = threading.Timer(limit_s, stop)
    timer.start()
    try:
        assert process.stdout is not None
        with process.stdout:
            # One that writes without end is ended as well.
            written = process.stdout.read(_MOST_BYTES)
    finally:
        timer.cancel()
        _kill(process)
    if is_late.is_set():
        raise InputError("error.frameworks_late", python=short(python), limit=f"{limit_s:g}")
    return written.decode("utf-8", "replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
