from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiling.engine.folder import OwnFolder

_HOLD = """
import sys, time
from profiling.engine.folder import OwnFolder
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
