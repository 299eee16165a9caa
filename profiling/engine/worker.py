"""The worker's side of the engine: what it does before its first job, and how it is called.

The page's process imports this module to name the jobs, so torch comes in only when one runs.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import psutil

# Left to the rest of the machine, so that the worker and never the server runs out of memory.
_RESERVED_SHARE = 0.1


def initialize(preferred: str, folder: str | None = None) -> None:
    """Import torch, warm the profiler up in the main thread, and limit this process's memory.

    Args:
        preferred: The device that is going to be used: one of
            `profiling.measure.device.CHOICES`.
        folder: For temporary files, the system's own unless given; what a worker that was killed
            has left there is deleted.
    """
    _obey()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(exist_ok=True)
        tempfile.tempdir = folder
    _print_to_stderr()
    from profiling.measure import device, profiler

    profiler.warm_up()
    # Every collection would walk all of torch's modules again, which will never be garbage.
    gc.freeze()
    # An accelerator's driver maps far more address space than it uses: under a limit it would not
    # start.
    if not device.find(preferred).devices[0].is_accelerator:
        _limit_memory()


def initialize_playground(memory_bytes: int, folder: str) -> None:
    """Import torch and limit this process to a folder and so much memory more than it has now."""
    _obey()
    tempfile.tempdir = folder
    _print_to_stderr()
    import torch

    # Else the first run would import it, in the time that its code has.
    from profiling.engine import jobs as jobs

    torch.set_num_threads(1)
    _limit_memory(memory_bytes)


def call(job: str, *arguments: Any) -> Any:
    """Run a function of `profiling.engine.jobs` by name."""
    from profiling.engine import jobs

    return getattr(jobs, job)(*arguments)


def _obey() -> None:
    """Let this process end at once when it is told to, or when the server is gone or in need."""
    # A handler in Python would have to wait for the operator that is being computed.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    with contextlib.suppress(OSError):  # Linux alone has it.
        # Of all processes this one is to go if the machine's memory does not suffice.
        Path("/proc/self/oom_score_adj").write_text("1000")


def _end_after(sentinel: Any) -> None:
    """End this process when the one that started it has ended; takes no time until then."""
    wait([sentinel])
    os._exit(1)


def _print_to_stderr() -> None:
    """Keep what a workload prints out of the output that the shell's commands write."""
    sys.stdout = sys.stderr
    os.dup2(2, 1)  # What libraries print knows nothing of sys.stdout.


def _limit_memory(more_bytes: int | None = None) -> None:
    """Make an allocation that does not fit fail with an error instead of ending processes.

    Args:
        more_bytes: How much more may be allocated; most of what is free unless given.
    """
    if sys.platform != "linux":  # Elsewhere such a limit is not there or does not hold.
        return
    import resource

    from profiling.measure.device import available_bytes

    process = psutil.Process()
    free = available_bytes() * (1 - _RESERVED_SHARE)
    limit = int(process.memory_info().data + min(free, more_bytes or free))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
