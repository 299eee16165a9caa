from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, TimeoutError
from pathlib import Path

import psutil
import pytest
from pebble import ProcessExpired

from profiling.engine.executors import InlineExecutor, WorkerProcess
from profiling.errors import InputError


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    """A worker that needs nothing but Python, so that it starts soon."""
    executor = WorkerProcess(gc.enable, (), time_limit_s=1.0)
    yield executor
    executor.shutdown()


def gone(pid: int) -> bool:
    """Wait for a process to end."""
    if not psutil.pid_exists(pid):
        return True
    _, alive = psutil.wait_procs([psutil.Process(pid)], timeout=20)
    return not alive


def test_jobs_run_in_one_other_process(worker: WorkerProcess) -> None:
    first, second = worker.submit(os.getpid), worker.submit(os.getpid)
    assert first.result() == second.result() != os.getpid()
    assert psutil.Process(first.result()).ppid() == os.getpid()


def test_arguments_results_and_errors_travel(worker: WorkerProcess) -> None:
    assert worker.submit(int, "ff", base=16).result() == 255
    with pytest.raises(ValueError, match="invalid literal"):
        worker.submit(int, "no number").result()
    assert worker.submit(divmod, 7, 3).result() == (2, 1)


def test_a_late_job_is_ended_and_the_next_one_runs(worker: WorkerProcess) -> None:
    pid = worker.submit(os.getpid).result()
    late, next_ = worker.submit(time.sleep, 600), worker.submit(os.getpid)
    with pytest.raises(TimeoutError):
        late.result()
    assert next_.result() != pid
    assert gone(pid)


def test_cancelling_ends_the_running_job_at_once_and_the_next_one_runs() -> None:
    worker = WorkerProcess(gc.enable)
    try:
        pid = worker.submit(os.getpid).result()
        running = worker.submit(time.sleep, 600)
        while not running.running():
            time.sleep(0.01)
        assert running.cancel()
        assert worker.submit(os.getpid).result() != pid
        assert gone(pid)
    finally:
        worker.shutdown()


def test_shutdown_ends_the_process_and_what_it_is_doing() -> None:
    worker = WorkerProcess(gc.enable)
    pid = worker.submit(os.getpid).result()
    worker.submit(time.sleep, 600)
    worker.shutdown(wait=True)
    assert gone(pid)
    with pytest.raises(RuntimeError):
        worker.submit(os.getpid)


def test_a_worker_that_could_not_start_is_started_anew_for_the_next_job(tmp_path: Path) -> None:
    needed = tmp_path / "needed"
    worker = WorkerProcess(os.rmdir, (str(needed),))
    try:
        with pytest.raises((BrokenExecutor, ProcessExpired)):
            worker.submit(os.getpid).result()
        needed.mkdir()
        assert worker.submit(os.getpid).result() != os.getpid()
    finally:
        worker.shutdown()


def test_inline_jobs_run_here_and_at_once() -> None:
    executor = InlineExecutor()
    future = executor.submit(threading.get_ident)
    assert future.done()
    assert future.result() == threading.get_ident()
    assert executor.submit(int, "ff", base=16).result() == 255


@pytest.mark.parametrize("error", [ValueError("planted"), InputError("error.values", high=1)])
def test_inline_errors_are_the_futures(error: Exception) -> None:
    def fail() -> None:
        raise error

    future = InlineExecutor().submit(fail)
    assert future.done()
    assert future.exception() is error


def test_inline_does_not_swallow_what_ends_the_program() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InlineExecutor().submit(interrupted)
