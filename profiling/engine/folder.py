"""The folder of all files that a server makes, gone with the server however it ends."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "detach-lab-"
_LOCK = "lock"
# A folder that is just being made has no locked file yet.
_YOUNG_S = 60.0


class OwnFolder:
    """A new folder in the temp folder, held by a lock that ends with this process.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        """Make it, and delete those of servers that were killed.

        Raises:
            OSError: The temp folder cannot be written to.
        """
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Whoever closes the engine may be another thread than the one that made it.
        self._lock = FileLock(self.path / _LOCK, thread_local=False)
        self._lock.acquire(blocking=False)
        _delete_abandoned(self.path)

    def delete(self) -> None:
        """Delete it with all that is in it."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _delete_abandoned(own: Path) -> None:
    for folder in own.parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            if folder != own and _may_be_abandoned(folder, own):
                # The system has let the lock of a process go that ended.
                with FileLock(folder / _LOCK, blocking=False):
                    pass
                shutil.rmtree(folder, ignore_errors=True)


def _may_be_abandoned(folder: Path, own: Path) -> bool:
    """Whether it is this user's, has a lock, and its making is over."""
    found = folder.lstat()
    return (
        found.st_uid == own.lstat().st_uid
        and not folder.is_symlink()
        and (folder / _LOCK).is_file()
        and time.time() - found.st_mtime > _YOUNG_S
    )
