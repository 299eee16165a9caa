"""The files of the engine's runs: each in a folder of its own, kept for a while."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from profiling.engine import engine as engine_module
from profiling.engine.engine import KEPT_RUNS, Engine
from profiling.engine.files import Limits
from tests.conftest import FinishedRun
from tests.profiling.engine.test_engine import SMALL, last_run


def test_a_run_is_kept_in_a_folder_of_its_own(finished_run: FinishedRun, engine: Engine) -> None:
    run, folder = finished_run
    assert folder == engine.folder / run.id
    traces = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.gz"))
    assert traces == sorted(
        result.trace for cell in run.results for result in cell.results if result.trace is not None
    )
    assert len(traces) == 2 * 6


def test_discarding_a_run_deletes_its_folder_and_no_other(
    finished_run: FinishedRun, engine: Engine
) -> None:
    run = last_run(engine.compare(replace(SMALL, sizes=(4,))))
    assert engine.run_folder(run).is_dir()
    engine.discard(run)
    assert not engine.run_folder(run).exists()
    engine.discard(run)  # once more does no harm
    assert finished_run.folder.is_dir()


def test_files_of_a_run_that_nobody_discards_go_when_they_are_old(
    finished_run: FinishedRun, engine: Engine
) -> None:
    request = replace(SMALL, sizes=(4,))
    old = engine.run_folder(last_run(engine.compare(request)))
    then = time.time() - KEPT_RUNS.age_s - 1
    os.utime(old, (then, then))
    new = last_run(engine.compare(request))
    assert not old.exists()
    assert engine.run_folder(new).is_dir()
    assert finished_run.folder.is_dir()
    engine.discard(new)


def test_what_is_being_measured_never_makes_room(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine, "folder", tmp_path)
    monkeypatch.setattr(engine_module, "KEPT_RUNS", Limits(0, 0, 0.0))
    run = last_run(engine.compare(replace(SMALL, sizes=(4,))))
    assert [path.name for path in tmp_path.iterdir()] == [run.id]
    later = last_run(engine.compare(replace(SMALL, sizes=(4,))))
    assert [path.name for path in tmp_path.iterdir()] == [later.id]
