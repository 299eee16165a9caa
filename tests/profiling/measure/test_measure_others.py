"""Other processes that disturb are seen, in the figure and in the sentence that is told."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import psutil
import pytest

from profiling.analysis.findings import disturbance, find
from profiling.analysis.statistics import summary
from profiling.engine.engine import Engine
from profiling.measure import others
from profiling.measure.others import SHORTEST_S, Others
from profiling.model.run import Request
from profiling.model.words import Text

MACHINE = {"user": 10.0, "system": 5.0, "idle": 50.0, "iowait": 1.0, "guest": 3.0, "steal": 0.0}
Kinds = namedtuple("Kinds", list(MACHINE))  # type: ignore[misc]
Plant = Callable[[float, dict[str, float], float], None]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Return what sets the clock, the times of four processors and of this process."""

    def planted(wall: float, machine: dict[str, float], own: float) -> None:
        process = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=own, system=0.5))
        monkeypatch.setattr(others, "time", SimpleNamespace(monotonic=lambda: wall))
        monkeypatch.setattr(psutil, "cpu_times", lambda: Kinds(**machine))
        monkeypatch.setattr(psutil, "Process", lambda: process)
        monkeypatch.setattr(psutil, "cpu_count", lambda: 4)

    return planted


def later(**more: float) -> dict[str, float]:
    return {kind: seconds + more.get(kind, 0.0) for kind, seconds in MACHINE.items()}


@pytest.mark.parametrize(
    ("more", "own", "share"),
    [
        ({"user": 2.0, "idle": 6.0}, 2.0, 0.0),
        ({"user": 4.0, "idle": 4.0}, 2.0, 0.25),
        ({"user": 3.0, "system": 1.0}, 2.0, 0.25),
        ({"user": 2.0, "steal": 1.0}, 2.0, 0.125),
        ({"user": 2.0, "idle": 1.0, "iowait": 4.0, "guest": 2.0}, 2.0, 0.0),
        ({"user": 1.9, "idle": 6.0}, 2.0, 0.0),
        ({"user": 90.0}, 2.0, 1.0),
    ],
)
def test_it_is_what_is_neither_idle_nor_ones_own(
    plant: Plant, more: dict[str, float], own: float, share: float
) -> None:
    plant(100.0, MACHINE, 1.0)
    watching = Others()
    plant(102.0, later(**more), 1.0 + own)
    assert watching.share() == pytest.approx(share)


def test_a_moment_tells_nothing(plant: Plant) -> None:
    plant(100.0, MACHINE, 1.0)
    watching = Others()
    plant(100.0 + SHORTEST_S * 0.99, later(user=1.0), 1.0)
    assert watching.share() is None


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep so many processes busy."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_busy_machine_is_told_of_beside_what_was_measured_on_it(
    engine: Engine, text: Text
) -> None:
    request = Request("elementwise", ("attached", "detach"), (1 << 20,), device="cpu", budget_s=1.0)
    with busy_processes(psutil.cpu_count() or 1):
        *_, last = engine.compare(request)
    assert last.run is not None
    (cell,) = last.run.results
    assert cell.others_cpu_share is not None
    assert 0.2 < cell.others_cpu_share <= 1.0
    told = disturbance(find(summary(last.run)), text)
    assert told == text("finding.disturbed", share=f"{cell.others_cpu_share:.0%}")
    engine.discard(last.run)
