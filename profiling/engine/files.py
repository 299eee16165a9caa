"""A server's files: a folder that is gone when the server is, and bounds on what a folder keeps."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

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


class Limits(NamedTuple):
    """What a folder may keep.

    Attributes:
        entries: Files and folders directly in it.
        total_bytes: Bytes of all files in it, however deep.
        age_s: Seconds since an entry was written to.
    """

    entries: int
    total_bytes: int
    age_s: float


# What `torch.compile` makes for one comparison is some megabytes.
KEPT_COMPILED = Limits(entries=10_000, total_bytes=2**30, age_s=30 * 24 * 3600.0)


def compiled_folder(otherwise: Path) -> Path:
    """Return the folder in which compiled code outlives workers and servers.

    Args:
        otherwise: The folder to use where a person's cache cannot be written to.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(caches) / "detach-lab" / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # There is no home.
        pass
    otherwise.mkdir()
    return otherwise


def keep_within(folder: Path, limits: Limits, spared: Collection[Path] = ()) -> None:
    """Delete what is too old, and what was written longest ago until the rest is within limits.

    Args:
        folder: Whose entries are deleted, each as a whole.
        limits: What it may keep.
        spared: Entries that are in use; they count and stay.
    """
    entries = sorted(filter(None, map(_entry, folder.iterdir())))
    count, total = len(entries), sum(entry.size for entry in entries)
    oldest = time.time() - limits.age_s
    for entry in entries:
        if count <= limits.entries and total <= limits.total_bytes and entry.written > oldest:
            return
        if entry.path not in spared:
            _delete(entry.path)
            count, total = count - 1, total - entry.size


class _Entry(NamedTuple):
    written: float
    size: int
    path: Path


def _entry(path: Path) -> _Entry | None:
    # Others delete here as well, at any moment.
    with contextlib.suppress(OSError):
        inside = path.rglob("*") if path.is_dir() else (path,)
        sizes = [each.stat().st_size for each in inside if each.is_file()]
        return _Entry(path.stat().st_mtime, sum(sizes), path)
    return None


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
