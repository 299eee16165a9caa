"""What a job notes while it runs, and what is left of it."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from profiling.engine import progress
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from profiling.engine.progress import Notes, RunningBranch, Share
from profiling.model.run import Run
from tests.profiling.planted import run_of


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    folder = tmp_path / "notes"
    folder.mkdir()
    return Notes(folder)


def test_of_each_kind_of_note_the_last_one_counts(notes: Notes) -> None:
    assert notes.read(Share) is None
    notes.write(Share(0.25))
    notes.write(Share(0.5))
    notes.write(run_of())
    assert notes.read(Share) == Share(0.5)
    assert notes.read(Run) == run_of()
    notes.erase(Share)
    notes.erase(Share)  # once more does no harm
    assert (notes.read(Share), notes.read(Run)) == (None, run_of())


def test_a_process_that_has_them_by_pickle_writes_the_same_notes(notes: Notes) -> None:
    pickle.loads(pickle.dumps(notes)).write(Share(0.5))
    assert notes.read(Share) == Share(0.5)


def test_nobody_sees_a_note_half_written(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(path: Path, data: bytes) -> int:
        path.write_text(data.decode()[:3])
        raise KeyboardInterrupt

    notes.write(Share(0.25))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", cut)
        with pytest.raises(KeyboardInterrupt):
            notes.write(Share(0.5))
    assert notes.read(Share) == Share(0.25)


def test_a_branch_is_noted_while_it_runs_and_no_longer(notes: Notes) -> None:
    running = notes.running()
    with running("detach#2"):
        first = notes.read(RunningBranch)
    assert notes.read(RunningBranch) is None
    with contextlib.suppress(ValueError), running("attached"):
        second = notes.read(RunningBranch)
        raise ValueError("planted")
    assert notes.read(RunningBranch) is None
    assert first is not None
    assert second is not None
    assert (first.branch, second.branch) == ("detach#2", "attached")
    assert 0 <= first.after_s <= second.after_s


def test_notes_that_nobody_waits_for_are_made_for_nothing(notes: Notes, tmp_path: Path) -> None:
    assert notes.is_awaited()
    shutil.rmtree(tmp_path / "notes")
    assert not notes.is_awaited()
    with notes.running()("detach"):
        notes.write(Share(0.5))
    assert notes.read(Share) is None
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to move or delete what is open, and a folder with something open in it."""

    def refusing(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(path: Path, *arguments: Any, **options: Any) -> Any:
            affected = {path, *(each for each in arguments if isinstance(each, Path))}
            for file in psutil.Process().open_files():
                if affected & {Path(file.path), Path(file.path).parent}:
                    raise PermissionError(13, "The process cannot access the file", str(path))
            return change(path, *arguments, **options)

        return changed

    for name in ("unlink", "replace", "rename"):
        monkeypatch.setattr(Path, name, refusing(getattr(Path, name)))


@contextlib.contextmanager
def _open_for(path: Path, seconds: float) -> Iterator[None]:
    """Have a note open for a while, as whoever reads it has."""
    file = path.open("rb")
    closing = threading.Timer(seconds, file.close)
    closing.start()
    try:
        yield
    finally:
        closing.join()
        file.close()


@pytest.mark.usefixtures("as_on_windows")
def test_a_note_that_is_being_read_is_replaced_and_erased_as_soon_as_it_is_read(
    notes: Notes, tmp_path: Path
) -> None:
    path = tmp_path / "notes" / "Share.json"
    notes.write(Share(0.25))
    with _open_for(path, 0.1):
        with pytest.raises(PermissionError):
            path.unlink()
        notes.write(Share(0.5))
    assert notes.read(Share) == Share(0.5)
    with _open_for(path, 0.1):
        notes.erase(Share)
    assert notes.read(Share) is None


@pytest.mark.usefixtures("as_on_windows")
def test_a_note_that_nobody_ever_closes_is_an_error_after_a_while(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_HELD_S", 0.05)
    notes.write(Share(0.25))
    start = time.monotonic()
    with _open_for(tmp_path / "notes" / "Share.json", 0.5), pytest.raises(PermissionError):
        notes.erase(Share)
    assert time.monotonic() - start >= 0.05
    assert notes.read(Share) == Share(0.25)


@pytest.mark.usefixtures("as_on_windows")
def test_a_reading_ends_well_whose_note_is_just_being_written() -> None:
    engine = Engine("cpu", InlineExecutor())
    try:
        with contextlib.ExitStack() as held:
            with engine._notes() as notes:
                notes.write(Share(0.5))
                held.enter_context(_open_for(notes._path(Share), 0.1))
            assert not notes.is_awaited()
    finally:
        engine.close()
