"""What this machine is, and what can be measured on it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import psutil
import torch

from profiling.model.run import DTYPES, DeviceInfo, Environment


def detect(preferred: str) -> Environment:
    """Describe the machine.

    Args:
        preferred: ``"auto"`` (CUDA where there is one), ``"cpu"`` or ``"cuda"``; decides which
            device comes first, and with ``"cpu"`` CUDA is not touched at all.
    """
    devices = [_cpu()]
    state = _cuda_state(preferred)
    if state == "environment.cuda_found":
        devices.insert(0, _cuda())
    driver = _driver() if len(devices) > 1 else None
    return Environment(
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        cuda_state=state,
        driver=driver,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        threads=torch.get_num_threads(),
        commit=_commit(),
        devices=tuple(devices),
    )


def _cuda_state(preferred: str) -> str:
    if preferred == "cpu":
        return "environment.cuda_not_asked"
    if torch.version.cuda is None:
        return "environment.cuda_not_built"
    if not torch.cuda.is_available():
        return "environment.cuda_no_gpu"
    return "environment.cuda_found"


def _cpu() -> DeviceInfo:
    return DeviceInfo("cpu", _cpu_name(), psutil.virtual_memory().total, _dtypes("cpu"))


def _cuda() -> DeviceInfo:
    properties = torch.cuda.get_device_properties(0)
    return DeviceInfo("cuda", properties.name, properties.total_memory, _dtypes("cuda"))


def _cpu_name() -> str:
    """Return the maker's name of the CPU; the standard library knows it on few systems only."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _dtypes(device: str) -> tuple[str, ...]:
    return tuple(name for name in DTYPES if _computes(device, getattr(torch, name)))


def _computes(device: str, dtype: torch.dtype) -> bool:
    """Whether a small step of the kind that workloads are made of runs in this dtype."""
    try:
        weight = torch.ones(2, 2, dtype=dtype, device=device, requires_grad=True)
        (weight @ weight).sigmoid().relu().mean().backward()
    except RuntimeError:
        return False
    return True


def _driver() -> str | None:
    version = torch._C._cuda_getDriverVersion()  # type: ignore[attr-defined]
    return f"{version // 1000}.{version % 1000 // 10}"


def _commit() -> str | None:
    """Return the checkout's commit, with ``+`` if files differ from it; None outside of one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        return f"{commit}+" if _git(folder, "status", "--porcelain") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=5, check=True, env=environment
    )
    return done.stdout.strip()
