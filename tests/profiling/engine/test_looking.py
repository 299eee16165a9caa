"""What is only looked at, lessons and graphs, in a process beside the one that measures."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import BrokenExecutor
from pathlib import Path

import psutil
import pytest

from profiling.engine.engine import Engine
from profiling.model.errors import WorkerError
from profiling.model.lesson import LessonRequest
from profiling.model.request import Request
from tests.profiling.engine.holding import SOON_S, begun, gone, hold


def niceness() -> int:
    return int(psutil.Process().nice())


def test_it_waits_for_no_measurement_goes_after_it_and_costs_it_nothing(tmp_path: Path) -> None:
    engine = Engine("cpu")
    with contextlib.closing(engine):
        assert engine.environment(SOON_S) is not None
        busy = engine._executor.submit(hold, tmp_path / "begun")
        begun(tmp_path / "begun")
        trace = engine.lesson(LessonRequest("baseline"))
        opened = engine.opened_lesson("gan_discriminator_step")
        assert opened is not None
        assert opened.diagnosis is not None
        assert engine.graph(Request("side_branch", ("detach",), (4,))).error is None
        assert engine._looking.submit(niceness).result(SOON_S) > niceness()
        with pytest.raises(BrokenExecutor):
            engine._looking.submit(os._exit, 1).result(SOON_S)
        assert engine.lesson(LessonRequest("baseline")) == trace
        looking = engine._looking.submit(os.getpid).result(SOON_S)
        assert not busy.done()
    assert gone(looking)
    # Whoever still asks while the page ends gets a sentence.
    with pytest.raises(WorkerError, match=r"error\.worker_died"):
        engine.lesson(LessonRequest("baseline"))
