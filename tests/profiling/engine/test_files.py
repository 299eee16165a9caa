"""The folder of a server's files, and what a folder keeps."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from profiling.engine.files import Limits, OwnFolder, keep_within

ANY = Limits(entries=100, total_bytes=10**9, age_s=1e6)
Put = Callable[..., Path]

_HOLD = """
import sys, time
from profiling.engine.files import OwnFolder
folder = OwnFolder()
(folder.path / "file").write_text("kept as long as I live")
print(folder.path, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a temp folder of one's own, in this process and in those it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another server, with a folder that is no longer new."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        folder = Path(output.readline().strip())
        age(folder)
        yield process, folder
        process.kill()
        process.wait()


def age(folder: Path) -> None:
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))


def test_it_is_made_and_deleted(tmp_path: Path) -> None:
    folder = OwnFolder()
    assert folder.path.parent == tmp_path
    (folder.path / "runs").mkdir()
    (folder.path / "runs" / "file").write_text("x")
    folder.delete()
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_living_server_stays_and_that_of_a_killed_one_goes(
    other: tuple[subprocess.Popen[str], Path],
) -> None:
    process, folder = other
    OwnFolder().delete()
    assert (folder / "file").exists()
    process.kill()
    process.wait()
    assert (folder / "file").exists()
    OwnFolder().delete()
    assert not folder.exists()


def test_what_is_not_surely_abandoned_stays(tmp_path: Path) -> None:
    new = tmp_path / "detach-lab-new"
    without_lock = tmp_path / "detach-lab-without-lock"
    someone_elses = tmp_path / "another-program"
    for folder in (new, without_lock, someone_elses):
        folder.mkdir()
    for folder in (new, someone_elses):
        (folder / "lock").touch()
    for folder in (without_lock, someone_elses):
        age(folder)
    target = tmp_path / "target"
    target.mkdir()
    (target / "lock").touch()
    age(target)
    if sys.platform != "win32":
        (tmp_path / "detach-lab-link").symlink_to(target)
    OwnFolder().delete()
    assert all(folder.exists() for folder in (new, without_lock, someone_elses, target / "lock"))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


@pytest.fixture
def put(kept: Path) -> Put:
    """Makes a folder of one run, with a file further down, so many seconds ago."""

    def make(name: str, ago_s: float, size: int = 10) -> Path:
        folder = kept / name
        (folder / "traces").mkdir(parents=True)
        (folder / "traces" / "a.json").write_bytes(b"x" * size)
        then = time.time() - ago_s
        os.utime(folder, (then, then))
        return folder

    return make


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_stays_within_the_limits(kept: Path, put: Put) -> None:
    put("a", 9)
    put("b", 5)
    keep_within(kept, Limits(entries=2, total_bytes=20, age_s=60))
    assert left(kept) == ["a", "b"]


def test_what_was_written_longest_ago_makes_room_for_others(kept: Path, put: Put) -> None:
    put("young", 1)
    put("old", 9)
    put("middle", 5)
    keep_within(kept, ANY._replace(entries=2))
    assert left(kept) == ["middle", "young"]


def test_bytes_count_wherever_in_an_entry_they_are(kept: Path, put: Put) -> None:
    put("old", 9, size=600)
    put("middle", 5, size=300)
    put("young", 1, size=300)
    (kept / "reading").write_bytes(b"x" * 100)
    keep_within(kept, ANY._replace(total_bytes=700))
    assert left(kept) == ["middle", "reading", "young"]


def test_what_is_too_old_goes_whatever_room_there_is(kept: Path, put: Put) -> None:
    put("old", 90)
    put("young", 1)
    keep_within(kept, ANY._replace(age_s=60))
    assert left(kept) == ["young"]


def test_what_is_in_use_stays_and_others_go_for_it(kept: Path, put: Put) -> None:
    used = put("old", 90)
    put("middle", 5)
    put("young", 1)
    keep_within(kept, ANY._replace(entries=2, age_s=60), {used})
    assert left(kept) == ["old", "young"]


def test_an_empty_folder_stays_empty(kept: Path) -> None:
    keep_within(kept, Limits(0, 0, 0))
    assert left(kept) == []
