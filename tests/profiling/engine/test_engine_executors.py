from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, TimeoutError
from pathlib import Path
from typing import Any

import psutil
import pytest

from profiling.engine.executors import InlineExecutor, WorkerProcess
from profiling.engine.process import ProcessDied
from profiling.model.errors import InputError


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
        with pytest.raises(BrokenExecutor):
            worker.submit(os.getpid).result()
        needed.mkdir()
        assert worker.submit(os.getpid).result() != os.getpid()
    finally:
        worker.shutdown()


@pytest.fixture
def lasting() -> Iterator[WorkerProcess]:
    """A worker whose jobs may take long."""
    executor = WorkerProcess(gc.enable)
    yield executor
    executor.shutdown()


def die_answering() -> bytes:
    """Die with half of the answer sent, as a process that is killed while it sends one."""
    from multiprocessing import connection

    def send_half(self: Any, data: bytes, *_: Any) -> None:
        os.write(self.fileno(), bytes(data)[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    connection.Connection._send = send_half  # type: ignore[attr-defined]
    return bytes(1000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes that can be cut")
def test_a_process_that_dies_while_it_answers_does_not_hold_up_the_next_job(
    lasting: WorkerProcess,
) -> None:
    with pytest.raises(ProcessDied):
        lasting.submit(die_answering).result(20)
    assert lasting.submit(int, "5").result(20) == 5


def test_a_job_that_waits_behind_one_that_kills_its_process_is_run(
    lasting: WorkerProcess,
) -> None:
    deadly, waiting = lasting.submit(os._exit, 3), lasting.submit(int, "5")
    with pytest.raises(ProcessDied):
        deadly.result(20)
    assert waiting.result(20) == 5


def test_a_process_that_died_between_jobs_costs_none(lasting: WorkerProcess) -> None:
    for _ in range(3):
        pid = lasting.submit(os.getpid).result(20)
        psutil.Process(pid).kill()
        assert lasting.submit(int, "5").result(20) == 5
        assert gone(pid)


def test_pools_of_dead_processes_leave_no_thread(lasting: WorkerProcess) -> None:
    lasting.submit(int).result(20)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(ProcessDied):
            lasting.submit(os._exit, 3).result(20)
    lasting.submit(int).result(20)
    for _ in range(200):
        if threading.active_count() <= before:
            break
        time.sleep(0.1)
    assert threading.active_count() <= before


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
