"""Starts the real app in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from profiling.model.words import translator
from tests.harness.visiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
APP = ("app.py",)


class App(NamedTuple):
    """A running app.

    Attributes:
        lines: What it has printed so far.
        temp: Its temporary folder, which nothing else uses.
    """

    url: str
    process: subprocess.Popen[str]
    lines: list[str]
    temp: Path


def _drain(output: IO[str], lines: list[str]) -> None:
    with output:
        lines.extend(line.rstrip() for line in output)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_app(
    *flags: str,
    may_log: bool = False,
    environment: dict[str, str] | None = None,
    temp: Path | None = None,
    program: Sequence[str] = APP,
) -> Iterator[App]:
    """Run ``app.py`` on a free port; it must end cleanly and leave no process and no file.

    Args:
        flags: What the app is started with.
        may_log: Whether Gradio may log errors, as it does for data that no page would send.
        environment: Variables to set beside those of this process.
        temp: Its temporary folder; a new one unless given.
        program: What Python is to run instead of ``app.py``, with the same options.
    """
    with tempfile.TemporaryDirectory(prefix="app-") as folder:
        app = start_app(temp or Path(folder), *flags, environment=environment, program=program)
        try:
            yield app
        finally:
            started = psutil.Process(app.process.pid).children(recursive=True)
            app.process.send_signal(signal.SIGTERM)
            code = app.process.wait(PATIENCE_S)
        assert code == 0, "\n".join(app.lines)
        assert may_log or "Traceback" not in "\n".join(app.lines)
        assert psutil.wait_procs(started, timeout=PATIENCE_S)[1] == []
        assert own_folders(app.temp) == []


def wait_until_ready(app: App) -> None:
    """Wait until an app's worker is there, which it tells last when it starts.

    A page that is opened sooner is still waiting for that, and logs an error if it is left.
    """
    told = translator("en")("page.machine", device="\n", torch="", reason="").partition("\n")[0]
    while not any(line.startswith(told) for line in [*app.lines]):
        assert app.process.poll() is None, "\n".join(app.lines)
        time.sleep(0.02)


def own_folders(temp: Path) -> list[Path]:
    """Return the folders of servers in a temporary folder."""
    return sorted(temp.glob("detach-lab-*"))


def not_taken(app: App) -> list[str]:
    """Return what an app has written down of requests that it refused or that failed."""
    return [line for line in app.lines if '"outcome": "refused"' in line or "failed" in line]


def start_app(
    temp: Path,
    *flags: str,
    environment: dict[str, str] | None = None,
    program: Sequence[str] = APP,
) -> App:
    """Run ``app.py`` on a free port; whoever starts it so has to end it."""
    # Between being found free and being listened on, a port may be taken.
    for _ in range(9):
        with contextlib.suppress(_PortTakenError):
            return _start_on(free_port(), temp, program, flags, environment)
    return _start_on(free_port(), temp, program, flags, environment)


class _PortTakenError(AssertionError):
    """Something else listens on the port."""


def _start_on(
    port: int,
    temp: Path,
    program: Sequence[str],
    flags: Sequence[str],
    environment: dict[str, str] | None,
) -> App:
    process = subprocess.Popen(
        [sys.executable, *program, "--port", str(port), *flags],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temp), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        address = re.search(r"Detach Lab: (http[^\s{]+)", line)
        if address is not None:
            # Somebody has to go on reading, or the app would wait for room in the pipe.
            threading.Thread(target=_drain, args=(process.stdout, lines), daemon=True).start()
            return App(address.group(1), process, lines, temp)
    with process.stdout:
        process.wait()
    said = "\n".join(lines)
    raise _PortTakenError(said) if "cannot listen on" in said else AssertionError(said)
