"""The machine: what a run's environment says of it, and how busy other processes keep it."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

import psutil
import torch

from profiling.measure import device, global_state
from profiling.model.run import Environment

# Systems count CPU time in hundredths of a second, so a shorter time tells nothing.
SHORTEST_S = 0.2
# Not used by any process. What guests use is counted as the user's too.
_NOT_USED = ("idle", "iowait", "guest", "guest_nice")


def detect(preferred: str) -> Environment:
    """Describe the machine and the devices that can be measured on.

    Args:
        preferred: As `profiling.measure.device.find` takes it; decides which device comes first.
            With ``"cpu"`` no accelerator is touched.
    """
    found = device.find(preferred)
    first = found.devices[0]
    return Environment(
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        cuda_state=found.reason,
        driver=first.driver(),
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        threads=torch.get_num_threads(),
        commit=_commit(),
        devices=found.infos(),
        state_values=dict(found.values),
        backend=first.backend(),
        flags=global_state.flags() | first.flags(),
    )


class OtherProcesses:
    """Measures how much CPU time other processes use, from its making on."""

    def __init__(self) -> None:
        """Start measuring; it costs nothing meanwhile."""
        self._start = self._now()

    def share(self) -> float | None:
        """Return the share of all CPUs that others used; None if it was too short a time."""
        wall, machine, own = (
            now - start for now, start in zip(self._now(), self._start, strict=True)
        )
        if wall < SHORTEST_S:
            return None
        return min(1.0, max(0.0, (machine - own) / (wall * (psutil.cpu_count() or 1))))

    def _now(self) -> tuple[float, float, float]:
        """Return wall time, and the CPU time used by the whole machine and by this process."""
        machine = psutil.cpu_times()._asdict()
        used = sum(seconds for kind, seconds in machine.items() if kind not in _NOT_USED)
        own = psutil.Process().cpu_times()
        return time.monotonic(), used, own.user + own.system


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
