"""How much memory there is left here: of the machine, or of the container that this runs in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

_ROOT = Path("/")
# By the version of control groups: limit, use, and the field of memory.stat that is given back.
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = ("memory.max", "memory.current", "inactive_file")


def available_bytes(root: Path = _ROOT) -> int:
    """Return the bytes that can still be allocated here before somebody has to go.

    Args:
        root: Where ``/proc`` and ``/sys`` are.
    """
    return max(0, min([int(psutil.virtual_memory().available), *_left_in_groups(root)]))


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what each control group around this process has left: a container has one."""
    for base, group, names in _memory_groups(root):
        # In a container the path may be the host's, of which only the top is seen here.
        for folder in (base / group, *(base / group).parents):
            if folder.is_relative_to(base):
                left = _left(folder, names)
                if left is not None:
                    yield left


def _memory_groups(root: Path) -> Iterator[tuple[Path, str, tuple[str, str, str]]]:
    top = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            yield top, group.lstrip("/"), _V2
        elif "memory" in controllers.split(","):
            yield top / "memory", group.lstrip("/"), _V1


def _left(folder: Path, names: tuple[str, str, str]) -> int | None:
    limit, used, given_back = names
    try:
        most = int((folder / limit).read_text())
        now = int((folder / used).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None  # no limit, which is "max", or nothing to read
    return most - now + int(stat.get(given_back, 0))
