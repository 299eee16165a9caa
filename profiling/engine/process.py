"""Where jobs run: a worker process that can be killed and time-limited, or right here.

Both are `concurrent.futures.Executor`s, so the engine fits either. A worker shares nothing with
others that its death could leave locked or half written.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    TimeoutError,
)
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import psutil

from profiling.engine import forkserver
from profiling.engine.forkserver import ForkServer
from profiling.engine.worker import BEGUN, READY, Call, Raised, Start, work

P = ParamSpec("P")
T = TypeVar("T")

# Elsewhere a fork is not safe, or not to be had.
FORKS = sys.platform == "linux"
# By chance a process may die just before a job; more often it is the job's own doing.
_ATTEMPTS = 3
# A process whose own children live on may be dead without its pipe being closed.
_LOOK_S = 1.0
_ENDING_S = 0.005


class ProcessDied(BrokenExecutor):
    """A process ended before it answered."""

    def __init__(self) -> None:
        """Take no details: nobody is told how a process ended."""
        super().__init__("the process ended before it answered")


class WorkerProcess(Executor):
    """One process for all jobs, one after the other.

    Cancelling a future ends its job at once by ending the process; the next one starts right away.
    A job whose process dies before it has begun is given to the next one.

    A worker that holds something for later jobs is a single process: when it has ended, there
    is no other, and jobs end with `ProcessDied`.
    """

    def __init__(
        self,
        initializer: Callable[..., None],
        initargs: tuple[Any, ...] = (),
        time_limit_s: float = 600.0,
        *,
        server: ForkServer = forkserver.MEASURING,
        is_single: bool = False,
        idle_s: float | None = None,
    ) -> None:
        """Prepare for jobs; the process starts with the first one.

        Args:
            initializer: Run once in every new process, in its main thread.
            initargs: The initializer's arguments.
            time_limit_s: A job that runs longer ends with a TimeoutError; see `limited`.
            server: What forks it, where processes are forked.
            is_single: Whether no other process follows when it has ended.
            idle_s: Seconds without a job after which it ends by itself; never unless given.
        """
        self._time_limit_s = time_limit_s
        self._server = server
        self._initialize = Call(initializer, initargs, {})
        self._idle_s = idle_s
        self._starts_left = 1 if is_single else None
        self._process: _Process | None = None
        self._jobs: deque[_Job[Any]] = deque()
        self._woken, self._wake = multiprocessing.Pipe(duplex=False)
        self._lock = threading.Lock()
        self._is_open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        # Python would wait for the process at its own end.
        atexit.register(self.shutdown)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a job; function, arguments and result travel by pickle.

        Raises:
            RuntimeError: It was shut down.
        """
        return self.queue(Call(fn, args, kwargs), self._time_limit_s)

    @property
    def is_spent(self) -> bool:
        """Whether it was a single process, and that has ended."""
        return self._starts_left == 0 and self._process is None

    def limited(self, time_limit_s: float) -> Executor:
        """Return an executor for jobs of this worker with another time limit."""
        return _Limited(self, time_limit_s)

    def queue(self, call: Call, time_limit_s: float) -> Future[Any]:
        """Queue a call as `submit` does, with a time limit that counts from when it begins."""
        job: _Job[Any] = _Job(call, time_limit_s, self._wake_up)
        with self._lock:
            if not self._is_open:
                raise RuntimeError("This worker was shut down.")
            self._jobs.append(job)
        self._wake_up()
        return job

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the process, and whatever it is doing."""
        atexit.unregister(self.shutdown)
        with self._lock:
            self._is_open = False
        self._wake_up()
        if wait:
            self._thread.join()

    def _wake_up(self) -> None:
        self._wake.send_bytes(b"!")

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            try:
                result = self._run(job)
            except CancelledError:
                job.give_up()
            except Exception as error:
                with contextlib.suppress(InvalidStateError):  # It was cancelled just now.
                    job.set_exception(error)
            else:
                job.set_result(result)
        self._end()

    def _next(self) -> _Job[Any] | None:
        """Wait for a job; None if there will be none. Meanwhile see if the process dies."""
        while True:
            with self._lock:
                if self._jobs:
                    return self._jobs.popleft()
                if not self._is_open:
                    return None
            process = self._process
            readable = wait([self._woken, *([process.pipe] if process else [])])
            if self._woken in readable:
                self._woken.recv_bytes()
            elif process is not None:
                self._look_after(process)

    def _look_after(self, process: _Process) -> None:
        """Read the news of a process that has no job: it is ready by now, or it has died."""
        was_ready = process.is_ready
        if not process.news():
            self._end()
            # One that cannot even start is tried again only when there is something to do.
            if was_ready:
                self._start_early()

    def _run(self, job: _Job[Any]) -> Any:
        """Return what a job returns, and raise what it raises or what ended it."""
        process = self._begun(job)
        deadline = time.monotonic() + job.time_limit_s
        try:
            return process.answer(_Watch(self._woken, self._is_over(job), deadline))
        except (ProcessDied, CancelledError, TimeoutError):
            self._end()
            self._start_early()
            raise

    def _begun(self, job: _Job[Any]) -> _Process:
        """Return the process that has begun a job; one that dies before is no fault of the job."""
        for attempt in range(_ATTEMPTS):
            try:
                process = self._ready(job)
                if not job.running() and not job.set_running_or_notify_cancel():
                    break
                process.begin(job.call, _Watch(self._woken, lambda: False))
                return process
            except ProcessDied:
                self._end()
                if attempt == _ATTEMPTS - 1:
                    raise
        raise CancelledError

    def _ready(self, job: _Job[Any]) -> _Process:
        """Return a process that is ready, unless it ends before or the job is cancelled."""
        process = self._process or self._start()
        if process is None:
            raise ProcessDied if self._is_open else CancelledError
        process.prepare(_Watch(self._woken, self._is_over(job)))
        return process

    def _is_over(self, job: _Job[Any]) -> Callable[[], bool]:
        return lambda: not self._is_open or job.is_unwanted

    def _start(self) -> _Process | None:
        if self._is_open and self._starts_left != 0:
            self._process = _Process(self._initialize, self._idle_s, self._server)
            if self._starts_left is not None:
                self._starts_left -= 1
        return self._process

    def _start_early(self) -> None:
        with contextlib.suppress(OSError):  # The next job tries again, and is told.
            self._start()

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class InlineExecutor(Executor):
    """Runs each job at once in the calling thread: for a process that may own torch itself."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the job and return a finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Limited(Executor):
    """Submits to a worker, with a time limit of its own."""

    def __init__(self, worker: WorkerProcess, time_limit_s: float) -> None:
        self._worker = worker
        self._time_limit_s = time_limit_s

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._worker.queue(Call(fn, args, kwargs), self._time_limit_s)


class _Job(Future[T]):
    """A job; cancelling it ends it even if it runs.

    Attributes:
        call: What to call.
        time_limit_s: Seconds after its beginning at which it is ended.
        is_unwanted: Whether it was cancelled.
    """

    def __init__(self, call: Call, time_limit_s: float, wake_up: Callable[[], None]) -> None:
        super().__init__()
        self.call = call
        self.time_limit_s = time_limit_s
        self.is_unwanted = False
        self._wake_up = wake_up

    def cancel(self) -> bool:
        if not super().cancel() and self.done():
            return False
        self.is_unwanted = True
        self._wake_up()
        return True

    def give_up(self) -> None:
        """Tell those who wait that there will be no result."""
        if self.running():
            self.set_exception(CancelledError())
        elif super().cancel():
            with contextlib.suppress(RuntimeError):  # They have been told.
                self.set_running_or_notify_cancel()


class _Watch(NamedTuple):
    """What may end the waiting for an answer: a pipe that wakes, a question to ask then, a time."""

    woken: Connection
    is_over: Callable[[], bool]
    deadline: float = float("inf")


class _RemoteError(Exception):
    """Where an error was raised, in the words of the process that raised it."""


class _Process:
    """A worker process: forked from one that has imported much, where possible, or spawned.

    Attributes:
        pipe: Readable when there is an answer, or when the process has ended.
        is_ready: Whether it is known to be initialized.
    """

    def __init__(self, initialize: Call, idle_s: float | None, server: ForkServer) -> None:
        """Start it; nothing here waits for it.

        Raises:
            OSError: The system starts no more processes.
        """
        self.is_ready = False
        self.pipe, theirs = multiprocessing.Pipe()
        # The only other end is the process's own, so that its death is the end of the pipe.
        with theirs:
            self._process = _forked(theirs, server) if FORKS else _spawned(theirs)
        with contextlib.suppress(OSError):  # Whoever waits for an answer will be told.
            self.pipe.send(Start(dict(os.environ), _current_folder(), initialize, idle_s))

    def prepare(self, watch: _Watch) -> None:
        """Wait until it is initialized; see `answer` for what is raised."""
        while not self.is_ready:
            self._take(self._receive(watch))

    def news(self) -> bool:
        """Read from the pipe, to be called if there is something: False if the process has died."""
        try:
            self._take(self.pipe.recv())
        except (EOFError, OSError):
            return False
        return True

    def begin(self, call: Call, watch: _Watch) -> None:
        """Have it begin a call; see `answer` for what is raised."""
        try:
            self.pipe.send(call)
        except OSError as error:
            raise ProcessDied from error
        begun = self._receive(watch)
        assert begun == BEGUN

    def answer(self, watch: _Watch) -> Any:
        """Return what the call that it has begun returns.

        Raises:
            ProcessDied: It has ended.
            CancelledError: The watch says that nobody waits any more.
            TimeoutError: The watch's time is over.
            Exception: What the call raised, or what its result could not be sent for.
        """
        found = self._receive(watch)
        if isinstance(found, Raised):
            raise found.error from _RemoteError(found.trace)
        return found

    def end(self) -> None:
        """End it, whatever it does."""
        while not self.is_ready and self.pipe.poll() and self.news():
            pass
        # One that has not told its id yet ends by itself when there is nobody to tell.
        self.pipe.close()
        self._process.kill()
        self._process.join()

    def _take(self, message: Any) -> None:
        """Take the first message, which is the process's id, or the second: it is ready."""
        if message == READY:
            self.is_ready = True
        elif isinstance(self._process, _Forked):
            self._process.tell(message)

    def _receive(self, watch: _Watch) -> Any:
        while not watch.is_over():
            left = watch.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            readable = wait([self.pipe, watch.woken], min(left, _LOOK_S))
            if watch.woken in readable:
                watch.woken.recv_bytes()
            if self.pipe in readable:
                try:
                    return self.pipe.recv()
                except (EOFError, OSError) as error:
                    raise ProcessDied from error
            if not readable and not self._process.is_alive():
                raise ProcessDied
        raise CancelledError


class _Forked:
    """A process of the fork server's, with what of `multiprocessing`'s processes is used here."""

    def __init__(self) -> None:
        # None until it has told its id.
        self._process: psutil.Process | None = None

    def tell(self, pid: int) -> None:
        """Take its id."""
        with contextlib.suppress(psutil.NoSuchProcess):  # It has ended, which its pipe tells.
            self._process = psutil.Process(pid)

    def is_alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        if self._process is None:
            return True
        with contextlib.suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    def kill(self) -> None:
        """End it at once, if its id is known."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.kill()

    def join(self) -> None:
        """Wait until it has ended, if its id is known."""
        while self._process is not None and self.is_alive():
            time.sleep(_ENDING_S)


def _forked(pipe: Connection, server: ForkServer) -> _Forked:
    server.fork(pipe)
    return _Forked()


def _spawned(pipe: Connection) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=work, args=(pipe,))
    process.start()
    return process


def _current_folder() -> str:
    """Return the current folder, or the top one if somebody has deleted it."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return os.sep
