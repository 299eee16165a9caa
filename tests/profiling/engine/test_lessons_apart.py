"""Lessons and graphs in a worker beside the one that measures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path

import psutil
import pytest
import torch

from profiling.engine.engine import Engine
from profiling.model.errors import WorkerError
from profiling.model.lesson import LessonRequest
from profiling.model.request import Request
from tests.profiling.engine.holding import SOON_S, begun, gone, hold


@pytest.fixture
def apart() -> Iterator[Engine]:
    """An engine whose lessons have a worker of their own."""
    with contextlib.closing(Engine("cpu", lessons_apart=True)) as engine:
        assert engine.environment(SOON_S) is not None
        yield engine


def niceness() -> int:
    return int(psutil.Process().nice())


def test_they_wait_for_no_measurement_go_after_it_and_cost_it_nothing(
    apart: Engine, tmp_path: Path
) -> None:
    busy = apart._executor.submit(hold, tmp_path / "begun")
    begun(tmp_path / "begun")
    trace = apart.lesson(LessonRequest("baseline"))
    opened = apart.opened_lesson("gan_discriminator_step")
    assert opened is not None
    assert opened.diagnosis is not None
    assert apart.graph(Request("side_branch", ("detach",), (4,))).error is None
    assert apart._lessons.submit(niceness).result(SOON_S) > niceness()
    assert apart._lessons.submit(torch.get_num_threads).result(SOON_S) == 1
    with pytest.raises(BrokenExecutor):
        apart._lessons.submit(os._exit, 1).result(SOON_S)
    assert apart.lesson(LessonRequest("baseline")) == trace
    assert not busy.done()


def test_they_end_with_the_page(apart: Engine) -> None:
    pid = apart._lessons.submit(os.getpid).result(SOON_S)
    apart.close()
    assert gone(pid)
    # Whoever still asks gets a sentence.
    with pytest.raises(WorkerError, match=r"error\.worker_died"):
        apart.lesson(LessonRequest("baseline"))


def test_while_an_accelerator_is_measured_only_who_asks_for_it_waits(
    accelerator: str,
) -> None:
    with contextlib.closing(Engine(accelerator, lessons_apart=True)) as engine:
        assert engine.environment(SOON_S) is not None
        comparison = engine.compare(Request("side_branch", ("attached", "detach"), (4,)))
        assert isinstance(comparison, Generator)
        next(comparison)
        on_cpu = engine.opened_lesson("baseline")
        assert on_cpu is not None
        assert on_cpu.trace.request.device == "cpu"
        asked = engine.lesson(LessonRequest("baseline", device=accelerator))
        assert asked.request.device == accelerator
        comparison.close()
        opened = engine.opened_lesson("baseline")
        assert opened is not None
        assert opened.trace.request.device == accelerator
