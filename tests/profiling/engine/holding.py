"""A job that never ends, how to know that it has begun, and that a process has ended."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psutil

# What is done at once takes no longer, however busy the machine is.
SOON_S = 180.0


def hold(path: Path, *_: Any) -> None:
    """Tell this process's id in a file, then do nothing for ever."""
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").replace(path)
    time.sleep(600)


def gone(pid: int) -> bool:
    """Wait for a process to end; whether it has."""
    try:
        ending = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return True
    return not psutil.wait_procs([ending], timeout=SOON_S)[1]


def begun(path: Path) -> int:
    """Wait until `hold` has begun, and return its process's id."""
    while not path.exists():
        time.sleep(0.01)
    return int(path.read_text())
