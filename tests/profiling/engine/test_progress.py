"""What a job notes while it runs, and what is left of it."""

from __future__ import annotations

import contextlib
import pickle
import shutil
from pathlib import Path

import pytest

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
