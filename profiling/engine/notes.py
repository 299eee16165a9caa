"""What a job in another process writes down while it runs, for who waits for it to read.

Both share a folder; it is the one way in and out of a job that is neither its arguments nor its
result, so that what is finished is known, and stays, whatever becomes of the process.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from profiling.model.run import Run

_NOTED = "noted.json"
_WANTED = "wanted"
_BRANCH = "branch"


def want(folder: Path) -> None:
    """Say that somebody waits for the run of a folder."""
    (folder / _WANTED).touch()


def is_wanted(folder: Path) -> bool:
    """Whether somebody still waits for the run of a folder."""
    return (folder / _WANTED).exists()


def note(run: Run, folder: Path) -> None:
    """Write down what is finished of a run; nobody sees it half written."""
    unfinished = folder / f"{_NOTED}.part"
    unfinished.write_bytes(msgspec.json.encode(run))
    unfinished.replace(folder / _NOTED)


def noted(folder: Path) -> Run | None:
    """Return what is finished of a run; None before it is planned."""
    try:
        return msgspec.json.decode((folder / _NOTED).read_bytes(), type=Run)
    except FileNotFoundError:
        return None


def forget(folder: Path) -> None:
    """Say that nobody waits any more, and delete what was noted."""
    for name in (_WANTED, _NOTED):
        (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def running(branch: str, folder: Path) -> Iterator[None]:
    """Write down, while it lasts, that a branch is being run: it may end the process, or never end.

    Args:
        branch: Its label.
        folder: The run's own, which exists.
    """
    note = folder / _BRANCH
    note.write_text(branch, encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def was_running(folder: Path) -> tuple[str, float]:
    """Return the branch that was being run when the process ended, and for how many seconds, once.

    The branch is empty if none was.
    """
    note = folder / _BRANCH
    try:
        return note.read_text(encoding="utf-8"), time.time() - note.stat().st_mtime
    except FileNotFoundError:
        return "", 0.0
    finally:
        note.unlink(missing_ok=True)
