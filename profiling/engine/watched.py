"""Runs a person's script under their own interpreter, watched; it keeps its streams and signals."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from profiling.model.errors import InputError, short
from profiling.model.watch import load_watch
from profiling.watch.record import Watch

_WATCH = Path(__file__).parents[1] / "watch" / "__main__.py"
_OLDEST_PYTHON = (3, 10)
_OLDEST_TORCH = (2, 8)
_ASK_SECONDS = 120
# What torch says of itself without being imported.
_ASK = """
import importlib.util, os, runpy, sys
found = importlib.util.find_spec("torch")
torch = "none"
if found is not None and found.origin:
    file = os.path.join(os.path.dirname(found.origin), "version.py")
    torch = runpy.run_path(file)["__version__"]
print("detach-lab %d.%d %s" % (sys.version_info[0], sys.version_info[1], torch))
"""
_ANSWER = re.compile(r"^detach-lab (\d+\.\d+) (\S+)$", re.MULTILINE)
# Sent on to the script. Ctrl-C reaches it from the terminal itself.
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_STDERR = 2
# A record of one's own script may be larger than one that is uploaded.
_MOST_BYTES = 512 * 2**20


class Script(NamedTuple):
    """What is run.

    Attributes:
        target: A file, or the name of a module.
        arguments: Its own arguments.
        is_module: Whether it is a module's name.
        python: The interpreter.
        steps: Steps after which it is ended; 0 for none.
        values: Whether gradients are looked at for zeros.
        quiet: Whether its standard output goes to standard error.
    """

    target: str
    arguments: tuple[str, ...]
    is_module: bool
    python: str
    steps: int
    values: bool
    quiet: bool


def find_interpreter(python: str) -> str:
    """Return the path of an interpreter that can watch a script.

    Args:
        python: Its path, or a name that is on the path for programs.

    Raises:
        InputError: It cannot be started, is too old, has no torch or one that is too old.
    """
    path = shutil.which(python)
    found = None if path is None else _ANSWER.search(_ask(path))
    if path is None or found is None:
        raise InputError("error.explain_no_python", python=short(python))
    version, torch = found.groups()
    if _numbers(version) < _OLDEST_PYTHON:
        known = _dotted(_OLDEST_PYTHON)
        raise InputError(
            "error.explain_old_python", python=short(python), version=version, known=known
        )
    if torch == "none":
        raise InputError("error.explain_no_torch", python=short(python))
    if _numbers(torch) < _OLDEST_TORCH:
        known = _dotted(_OLDEST_TORCH)
        raise InputError(
            "error.explain_old_torch", python=short(python), version=torch, known=known
        )
    return path


def run_watched(script: Script, record: Path) -> tuple[int, Watch]:
    """Run a script to its end, and return its exit code and what was seen of it.

    Args:
        script: The script.
        record: Where its record is written.

    Returns:
        The exit code as a shell gives it, 128 and the signal's number for a script that was killed,
        and the record, which is incomplete if the script was killed.

    Raises:
        InputError: The script ended before anything was recorded.
    """
    code = _run(script, record)
    if not record.exists():
        if code < 0:
            raise InputError("error.explain_killed", signal=_name_of(-code))
        raise InputError("error.explain_no_record", code=code)
    return 128 - code if code < 0 else code, load_watch(record, _MOST_BYTES)


def _run(script: Script, record: Path) -> int:
    form = "module" if script.is_module else "script"
    values = "values" if script.values else "fast"
    command = [script.python, str(_WATCH), str(record), str(script.steps), values, form]
    command += [script.target, *script.arguments]
    child: list[subprocess.Popen[bytes]] = []
    with _forwarding(child):
        child.append(subprocess.Popen(command, stdout=_STDERR if script.quiet else None))
        return child[0].wait()


@contextlib.contextmanager
def _forwarding(child: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Send signals on to a child, which decides what becomes of them."""

    def forward(number: int, frame: FrameType | None) -> None:
        if child and not (number == signal.SIGINT and _is_in_front()):
            child[0].send_signal(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in _FORWARDED:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_in_front() -> bool:
    """Return whether a terminal sends its Ctrl-C to this process and its children alike."""
    if os.name == "nt":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _ask(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "-c", _ASK],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").replace("\r", "")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
