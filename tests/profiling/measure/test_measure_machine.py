"""What is told of the machine, and of other processes that keep it busy."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

import profiling
from profiling.analysis.findings import disturbance, find
from profiling.analysis.statistics import summary
from profiling.engine.engine import Engine
from profiling.measure import device, machine
from profiling.measure.device import Found, get
from profiling.measure.machine import SHORTEST_S, OtherProcesses, detect
from profiling.model.request import DTYPES, Request
from profiling.model.run import DeviceInfo
from profiling.model.words import LANGUAGES, translator
from tests.profiling.measure.recorders import RecordingDevice

ROOT = Path(profiling.__file__).parents[1]
TIMES = {"user": 10.0, "system": 5.0, "idle": 50.0, "iowait": 1.0, "guest": 3.0, "steal": 0.0}
Kinds = namedtuple("Kinds", list(TIMES))  # type: ignore[misc]
Plant = Callable[[float, dict[str, float], float], None]


def test_the_cpu_alone_when_asked_for() -> None:
    found = detect("cpu")
    assert found.cuda_state == "environment.cuda_not_asked"
    assert found.driver is None
    (cpu,) = found.devices
    assert cpu.kind == "cpu"
    assert cpu.memory_bytes == psutil.virtual_memory().total
    assert cpu.dtypes == DTYPES
    assert cpu.name.strip() == cpu.name != ""


def test_versions_are_those_of_this_process() -> None:
    found = detect("cpu")
    assert found.torch == torch.__version__
    assert type(found.torch) is str  # torch's own is a class that does not travel
    assert found.cuda == torch.version.cuda
    assert found.python == platform.python_version()
    assert found.threads == torch.get_num_threads()


def test_the_commit_is_the_checkouts() -> None:
    found = detect("cpu").commit
    if not (ROOT / ".git").exists():
        assert found is None
        return
    command = ["git", "--no-optional-locks", "-C", str(ROOT), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found is not None
    assert found.removesuffix("+") == commit[:12]


@pytest.mark.parametrize("preferred", ["auto", "cuda"])
def test_without_cuda_the_reason_is_given(preferred: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("torch has CUDA here")
    found = detect(preferred)
    built = torch.version.cuda is not None
    expected = "environment.cuda_no_gpu" if built else "environment.cuda_not_built"
    assert found.cuda_state == expected
    assert [device.kind for device in found.devices] == ["cpu"]


def test_every_device_is_described_and_the_first_ones_driver_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices = (RecordingDevice([], iter(())), get("cpu"))
    monkeypatch.setattr(device, "find", lambda preferred: Found(devices, f"found {preferred}"))
    found = detect("auto")
    assert (found.cuda_state, found.driver) == ("found auto", "13.0")
    assert found.devices == (
        DeviceInfo("recording", "A recording device", 1000, ("float32",)),
        get("cpu").info(),
    )


@pytest.mark.cuda
@pytest.mark.parametrize("preferred", ["auto", "cuda"])
def test_cuda_comes_first_where_there_is_one(preferred: str) -> None:
    found = detect(preferred)
    assert found.cuda_state == "environment.cuda_found"
    gpu, cpu = found.devices
    assert (gpu.kind, cpu.kind) == ("cuda", "cpu")
    assert gpu.name == torch.cuda.get_device_name(0)
    assert gpu.memory_bytes == torch.cuda.get_device_properties(0).total_memory
    assert {"float32", "float64", "float16"} <= set(gpu.dtypes)
    assert found.driver is not None
    assert [part.isdigit() for part in found.driver.split(".")] == [True, True]


@pytest.mark.cuda
def test_cuda_is_left_alone_when_the_cpu_is_asked_for() -> None:
    assert [device.kind for device in detect("cpu").devices] == ["cpu"]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Return what sets the clock, the times of four processors and of this process."""

    def planted(wall: float, used: dict[str, float], own: float) -> None:
        process = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=own, system=0.5))
        monkeypatch.setattr(machine, "time", SimpleNamespace(monotonic=lambda: wall))
        monkeypatch.setattr(psutil, "cpu_times", lambda: Kinds(**used))
        monkeypatch.setattr(psutil, "Process", lambda: process)
        monkeypatch.setattr(psutil, "cpu_count", lambda: 4)

    return planted


def later(**more: float) -> dict[str, float]:
    return {kind: seconds + more.get(kind, 0.0) for kind, seconds in TIMES.items()}


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
    plant(100.0, TIMES, 1.0)
    watching = OtherProcesses()
    plant(102.0, later(**more), 1.0 + own)
    assert watching.share() == pytest.approx(share)


def test_a_moment_tells_nothing(plant: Plant) -> None:
    plant(100.0, TIMES, 1.0)
    watching = OtherProcesses()
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


def test_a_busy_machine_is_told_of_beside_what_was_measured_on_it(engine: Engine) -> None:
    request = Request("elementwise", ("attached", "detach"), (1 << 20,), device="cpu", budget_s=1.0)
    with busy_processes(psutil.cpu_count() or 1):
        *_, last = engine.compare(request)
    assert last.run is not None
    (cell,) = last.run.results
    assert cell.others_cpu_share is not None
    assert 0.2 < cell.others_cpu_share <= 1.0
    found = find(summary(last.run))
    for text in map(translator, LANGUAGES):
        told = disturbance(found, text)
        assert told == text("finding.disturbed", share=f"{cell.others_cpu_share:.0%}")
    engine.discard(last.run)
