from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import psutil
import pytest
import torch

import profiling
from profiling.measure.environment import detect
from profiling.model.run import DTYPES

ROOT = Path(profiling.__file__).parents[1]


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
