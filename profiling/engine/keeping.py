"""Bounds what a folder keeps: what was written last stays, up to a number, a size and an age."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple


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
