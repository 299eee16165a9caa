from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from profiling.measure.room import available_bytes

GROUPS_V2 = {"memory.max": "1000", "memory.current": "600", "memory.stat": "anon 1"}
GROUPS_V1 = {
    "memory.limit_in_bytes": "2000",
    "memory.usage_in_bytes": "600",
    "memory.stat": "inactive_file 9\ntotal_inactive_file 50",
}


def write(root: Path, path: str, files: dict[str, str]) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    machine = psutil.virtual_memory()
    assert machine.available / 2 < available_bytes(tmp_path) <= machine.total


def test_this_machine_has_some() -> None:
    assert 0 < available_bytes() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("listed", "path", "files", "left"),
    [
        ("0::/", "sys/fs/cgroup", GROUPS_V2, 400),
        ("0::/pod/box", "sys/fs/cgroup/pod/box", GROUPS_V2, 400),
        ("0::/pod/box", "sys/fs/cgroup/pod", GROUPS_V2, 400),
        ("0::/not/seen/here", "sys/fs/cgroup", GROUPS_V2, 400),
        ("0::/", "sys/fs/cgroup", GROUPS_V2 | {"memory.current": "1200"}, 0),
        ("4:memory:/box", "sys/fs/cgroup/memory/box", GROUPS_V1, 1450),
        ("4:memory:/not/seen/here", "sys/fs/cgroup/memory", GROUPS_V1, 1450),
    ],
)
def test_a_group_that_limits_memory_counts(
    listed: str, path: str, files: dict[str, str], left: int, tmp_path: Path
) -> None:
    write(tmp_path, "proc/self", {"cgroup": f"12:cpu,cpuacct:/\n{listed}"})
    write(tmp_path, path, files)
    assert available_bytes(tmp_path) == left


def test_the_tightest_of_the_groups_around_counts(tmp_path: Path) -> None:
    write(tmp_path, "proc/self", {"cgroup": "0::/pod/box"})
    write(tmp_path, "sys/fs/cgroup/pod/box", GROUPS_V2 | {"memory.max": "5000"})
    write(tmp_path, "sys/fs/cgroup/pod", GROUPS_V2)
    assert available_bytes(tmp_path) == 400


@pytest.mark.parametrize("limit", ["max", "", "nonsense"])
def test_a_group_without_a_limit_does_not(limit: str, tmp_path: Path) -> None:
    write(tmp_path, "proc/self", {"cgroup": "0::/"})
    write(tmp_path, "sys/fs/cgroup", GROUPS_V2 | {"memory.max": limit})
    assert available_bytes(tmp_path) > 10**6
