"""What a folder keeps, and what has to go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from profiling.engine.keeping import Limits, keep_within

ANY = Limits(entries=100, total_bytes=10**9, age_s=1e6)
Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Makes a folder of one run, with a file further down, so many seconds ago."""

    def make(name: str, ago_s: float, size: int = 10) -> Path:
        folder = tmp_path / name
        (folder / "traces").mkdir(parents=True)
        (folder / "traces" / "a.json").write_bytes(b"x" * size)
        then = time.time() - ago_s
        os.utime(folder, (then, then))
        return folder

    return make


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_stays_within_the_limits(tmp_path: Path, put: Put) -> None:
    put("a", 9)
    put("b", 5)
    keep_within(tmp_path, Limits(entries=2, total_bytes=20, age_s=60))
    assert left(tmp_path) == ["a", "b"]


def test_what_was_written_longest_ago_makes_room_for_others(tmp_path: Path, put: Put) -> None:
    put("young", 1)
    put("old", 9)
    put("middle", 5)
    keep_within(tmp_path, ANY._replace(entries=2))
    assert left(tmp_path) == ["middle", "young"]


def test_bytes_count_wherever_in_an_entry_they_are(tmp_path: Path, put: Put) -> None:
    put("old", 9, size=600)
    put("middle", 5, size=300)
    put("young", 1, size=300)
    (tmp_path / "reading").write_bytes(b"x" * 100)
    keep_within(tmp_path, ANY._replace(total_bytes=700))
    assert left(tmp_path) == ["middle", "reading", "young"]


def test_what_is_too_old_goes_whatever_room_there_is(tmp_path: Path, put: Put) -> None:
    put("old", 90)
    put("young", 1)
    keep_within(tmp_path, ANY._replace(age_s=60))
    assert left(tmp_path) == ["young"]


def test_what_is_in_use_stays_and_others_go_for_it(tmp_path: Path, put: Put) -> None:
    used = put("old", 90)
    put("middle", 5)
    put("young", 1)
    keep_within(tmp_path, ANY._replace(entries=2, age_s=60), {used})
    assert left(tmp_path) == ["old", "young"]


def test_an_empty_folder_stays_empty(tmp_path: Path) -> None:
    keep_within(tmp_path, Limits(0, 0, 0))
    assert left(tmp_path) == []
