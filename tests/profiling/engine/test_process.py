"""Jobs in a process of their own: whatever becomes of it, the next job runs."""

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

from profiling.engine import process
from profiling.engine.process import InlineExecutor, ProcessDied, WorkerProcess
from profiling.model.errors import InputError
from tests.profiling.engine.holding import SOON_S, begun, gone, hold


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            True,
            id="forked",
            marks=pytest.mark.skipif(not process.FORKS, reason="no process is forked here"),
        ),
        pytest.param(False, id="spawned"),
    ],
)
def forks(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Both ways in which a worker is started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "FORKS", request.param)
        yield request.param


@pytest.fixture(scope="module")
def worker(forks: bool) -> Iterator[WorkerProcess]:
    """A worker that needs nothing but Python, so that it starts soon."""
    executor = WorkerProcess(gc.enable)
    yield executor
    executor.shutdown()


def test_jobs_run_in_one_other_process(worker: WorkerProcess) -> None:
    first, second = worker.submit(os.getpid), worker.submit(os.getpid)
    assert first.result(SOON_S) == second.result(SOON_S) != os.getpid()
    assert psutil.Process() in psutil.Process(first.result()).parents()


def test_arguments_results_and_errors_travel(worker: WorkerProcess) -> None:
    assert worker.submit(int, "ff", base=16).result(SOON_S) == 255
    with pytest.raises(ValueError, match="invalid literal") as raised:
        worker.submit(int, "no number").result(SOON_S)
    assert "Traceback" in str(raised.value.__cause__)
    with pytest.raises(RuntimeError, match="SystemExit"):
        worker.submit(sys.exit, 3).result(SOON_S)
    with pytest.raises(RuntimeError, match="cannot pickle"):
        worker.submit(threading.Lock).result(SOON_S)
    assert worker.submit(divmod, 7, 3).result(SOON_S) == (2, 1)


def test_a_late_job_is_ended_and_the_next_one_runs(worker: WorkerProcess) -> None:
    pid = worker.submit(os.getpid).result(SOON_S)
    late = worker.limited(0.5).submit(time.sleep, 600)
    following = worker.submit(os.getpid)
    with pytest.raises(TimeoutError):
        late.result(SOON_S)
    assert following.result(SOON_S) != pid
    assert gone(pid)


def test_a_job_has_its_own_time_limit(forks: bool) -> None:
    worker = WorkerProcess(gc.enable, (), time_limit_s=0.5)
    try:
        assert worker.limited(SOON_S).submit(time.sleep, 1.0).result() is None
        with pytest.raises(TimeoutError):
            worker.submit(time.sleep, 600).result(SOON_S)
    finally:
        worker.shutdown()


def test_the_time_limit_does_not_count_the_start_of_the_process(
    forks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = WorkerProcess(wait_for, (tmp_path / "allowed",), time_limit_s=SOON_S)
    clock, later_s = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock() + later_s)
    try:
        done = worker.submit(int, "5")
        later_s = 2 * SOON_S
        (tmp_path / "allowed").touch()
        assert done.result(SOON_S) == 5
    finally:
        worker.shutdown()


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_cancelling_ends_the_running_job_at_once_and_the_next_one_runs(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    running = worker.submit(hold, tmp_path / "begun")
    pid = begun(tmp_path / "begun")
    assert running.cancel()
    assert worker.submit(os.getpid).result(SOON_S) != pid
    assert gone(pid)


def test_a_job_that_is_cancelled_while_it_waits_is_never_run(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    running = worker.submit(hold, tmp_path / "first")
    waiting = worker.submit(hold, tmp_path / "second")
    begun(tmp_path / "first")
    assert waiting.cancel()
    assert running.cancel()
    assert worker.submit(int, "5").result(SOON_S) == 5
    assert not (tmp_path / "second").exists()


def test_shutdown_ends_the_process_and_what_it_is_doing(forks: bool, tmp_path: Path) -> None:
    worker = WorkerProcess(gc.enable)
    worker.submit(hold, tmp_path / "begun")
    pid = begun(tmp_path / "begun")
    worker.shutdown(wait=True)
    assert gone(pid)
    with pytest.raises(RuntimeError):
        worker.submit(os.getpid)


def test_a_worker_that_could_not_start_is_started_anew_for_the_next_job(
    forks: bool, tmp_path: Path
) -> None:
    needed = tmp_path / "needed"
    worker = WorkerProcess(os.rmdir, (str(needed),))
    try:
        with pytest.raises(BrokenExecutor):
            worker.submit(os.getpid).result(SOON_S)
        needed.mkdir()
        assert worker.submit(os.getpid).result(SOON_S) != os.getpid()
    finally:
        worker.shutdown()


def test_a_system_that_starts_no_process_is_told_of_and_asked_again(
    forks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError("planted")

    worker = WorkerProcess(gc.enable)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(process, "_forked" if forks else "_spawned", refuse)
            with pytest.raises(BlockingIOError, match="planted"):
                worker.submit(int).result(SOON_S)
        assert worker.submit(int, "5").result(SOON_S) == 5
    finally:
        worker.shutdown()


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
    worker: WorkerProcess,
) -> None:
    with pytest.raises(ProcessDied):
        worker.submit(die_answering).result(SOON_S)
    assert worker.submit(int, "5").result(SOON_S) == 5


def die_with_a_child_that_lives_on(told: Path) -> None:
    """Die, with the pipe still open in a process of one's own, whose id is told."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
    told.write_text(str(child))
    os._exit(3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
def test_a_process_is_dead_though_its_own_child_keeps_the_pipe_open(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    try:
        with pytest.raises(ProcessDied):
            worker.submit(die_with_a_child_that_lives_on, tmp_path / "child").result(SOON_S)
        assert worker.submit(int, "5").result(SOON_S) == 5
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_a_job_that_waits_behind_one_that_kills_its_process_is_run(worker: WorkerProcess) -> None:
    deadly, waiting = worker.submit(os._exit, 3), worker.submit(int, "5")
    with pytest.raises(ProcessDied):
        deadly.result(SOON_S)
    assert waiting.result(SOON_S) == 5


def test_a_process_that_died_between_jobs_costs_none(worker: WorkerProcess) -> None:
    for _ in range(3):
        pid = worker.submit(os.getpid).result(SOON_S)
        psutil.Process(pid).kill()
        assert worker.submit(int, "5").result(SOON_S) == 5
        assert gone(pid)


def test_processes_that_died_leave_no_thread(worker: WorkerProcess) -> None:
    worker.submit(int).result(SOON_S)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(ProcessDied):
            worker.submit(os._exit, 3).result(SOON_S)
    worker.submit(int).result(SOON_S)
    # One that has done its work may need a moment to end.
    until = time.monotonic() + SOON_S
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
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
