"""What a worker runs is what runs here: the same records, and notes of how far it is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from profiling.engine import jobs
from profiling.engine.progress import Notes, RunningBranch
from profiling.measure import cell as measuring
from profiling.measure.graph import branch_graph
from profiling.measure.machine import detect
from profiling.measure.stepper import run_lesson
from profiling.model.errors import DeviceLostError
from profiling.model.lesson import LessonRequest
from profiling.model.recording import RecordedRun, Recording
from profiling.model.request import Request
from profiling.model.run import Cell, CellResult, Status
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    folder = tmp_path / "notes"
    folder.mkdir()
    return Notes(folder)


def test_a_job_returns_what_the_measuring_returns() -> None:
    asked = cell(branches=("detach",))
    assert jobs.detect("cpu") == detect("cpu")
    assert jobs.run_lesson(LessonRequest("baseline")) == run_lesson(LessonRequest("baseline"))
    assert jobs.branch_graph(asked) == branch_graph(asked)


def test_a_cell_notes_its_branches_while_they_run_outside_of_timing(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    write = Notes.write

    def written(self: Notes, note: object) -> None:
        assert isinstance(note, RunningBranch)
        noted.append(note.branch)
        write(self, note)

    monkeypatch.setattr(Notes, "write", written)
    result = jobs.measure_cell(cell(branches=("attached", "detach")), tmp_path, notes)
    assert result.status is Status.OK
    # Prediction, gradients, memory, trace (one branch runs once more before), and its reading.
    passes = ["attached", "detach"]
    assert noted == [*passes, *passes, *passes, "attached", *passes, *passes]
    assert notes.read(RunningBranch) is None


def test_a_lent_process_that_lost_its_device_notes_that_and_ends(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class EndedError(Exception):
        pass

    def record(asked: Cell, folder: Path, running: object) -> Recording:
        if asked.size == 4:
            return Recording(CellResult(asked, Status.OK, ()))
        notes.write(RunningBranch("detach", 0.0))
        raise DeviceLostError("error.device_lost", text="device-side assert")

    def end() -> None:
        raise EndedError

    monkeypatch.setattr(measuring, "record_cell", record)
    monkeypatch.setattr(jobs, "end_process", end)
    folder = tmp_path / "a-run"
    folder.mkdir()
    with pytest.raises(EndedError):
        jobs.compare(Request("elementwise", ("attached", "detach"), (4, 8, 16)), folder, notes)
    recorded = notes.read(RecordedRun)
    assert recorded is not None
    assert [(each.status, each.reason, each.message) for each in recorded.run.results] == [
        (Status.OK, "", ""),
        (Status.ERROR, "error.device_lost", "detach: device-side assert"),
    ]


def test_a_lent_process_leaves_temporary_files_in_the_runs_folder_if_it_is_killed(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, places = tempfile.gettempdir(), []

    def record(asked: Cell, *_: object) -> Recording:
        places.append(tempfile.gettempdir())
        return Recording(CellResult(asked, Status.OK, ()))

    monkeypatch.setattr(measuring, "record_cell", record)
    jobs.compare(Request("elementwise", ("attached",), (4,)), tmp_path, notes)
    assert places == [str(tmp_path)]
    assert tempfile.gettempdir() == before
