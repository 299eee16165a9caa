"""Notes that a job makes while it runs, for the process that waits for it to read.

They are files in a folder that both share, so that what is noted stays, whatever becomes of the
job's process. A note is a record; of each type the last one counts.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import msgspec

from profiling.model.errors import SpentProcessError

NoteT = TypeVar("NoteT", bound=msgspec.Struct)
T = TypeVar("T")

# For so long Windows may refuse to move or delete a note; whoever reads one needs far less.
_HELD_S = 1.0


class Share(msgspec.Struct, frozen=True):
    """How much of a job is done, from 0 to 1."""

    done: float


class RunningBranch(msgspec.Struct, frozen=True):
    """A branch that is running: it may end the process, or never end.

    Attributes:
        branch: Its label.
        after_s: Seconds from the start of the job to the start of the branch.
    """

    branch: str
    after_s: float


def insist(change: Callable[[], T]) -> T:
    """Do what Windows refuses while another process has a file open, as soon as it has not.

    Raises:
        PermissionError: It is still refused after a second.
    """
    end = time.monotonic() + _HELD_S
    while True:
        try:
            return change()
        except PermissionError:
            if time.monotonic() > end:
                raise
        time.sleep(0.005)


class Notes:
    """The notes of one job, in a folder that is there as long as somebody waits for the job."""

    def __init__(self, folder: Path) -> None:
        """Use an existing folder, which is for these notes alone."""
        self._folder = folder

    def is_awaited(self) -> bool:
        """Whether somebody still waits for the job."""
        return self._folder.exists()

    def write(self, note: msgspec.Struct) -> None:
        """Replace the last note of this type; nobody sees one half written."""
        path = self._path(type(note))
        unfinished = path.with_suffix(".part")
        with contextlib.suppress(FileNotFoundError):  # Nobody waits any more.
            unfinished.write_bytes(msgspec.json.encode(note))
            insist(lambda: unfinished.replace(path))

    def read(self, kind: type[NoteT]) -> NoteT | None:
        """Return the last note of a type; None if there is none."""
        try:
            return msgspec.json.decode(insist(self._path(kind).read_bytes), type=kind)
        except FileNotFoundError:
            return None

    def erase(self, kind: type[msgspec.Struct]) -> None:
        """Delete the note of a type, if there is one."""
        insist(lambda: self._path(kind).unlink(missing_ok=True))

    def running(self) -> Callable[[str], AbstractContextManager[None]]:
        """Return a context manager of a branch that notes, from now on, that the branch runs."""
        start = time.monotonic()

        @contextlib.contextmanager
        def running(branch: str) -> Iterator[None]:
            self.write(RunningBranch(branch, time.monotonic() - start))
            try:
                yield
            except SpentProcessError:
                raise  # As after the end of the process, the note says whose doing it was.
            except BaseException:
                self.erase(RunningBranch)
                raise
            self.erase(RunningBranch)

        return running

    def _path(self, kind: type[msgspec.Struct]) -> Path:
        return self._folder / f"{kind.__name__}.json"
