"""Where jobs run: a worker process that can be killed and time-limited, or right here.

Both are `concurrent.futures.Executor`s, as is a cluster's client, so the engine fits them all.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    TimeoutError,
)
from multiprocessing.connection import wait
from typing import Any, ParamSpec, TypeVar

from profiling.engine.process import Call, Process, ProcessDied, Watch

P = ParamSpec("P")
T = TypeVar("T")
# By chance a process may die just before a job; more often it is the job's own doing.
_ATTEMPTS = 3


class WorkerProcess(Executor):
    """One process for all jobs, one after the other.

    Cancelling a future ends its job at once by ending the process; the next one starts right away.
    A job whose process dies before it has begun is given to the next one.
    """

    def __init__(
        self,
        initializer: Callable[..., None],
        initargs: tuple[Any, ...] = (),
        time_limit_s: float = 600.0,
    ) -> None:
        """Prepare for jobs; the process starts with the first one.

        Args:
            initializer: Run once in every new process, in its main thread.
            initargs: The initializer's arguments.
            time_limit_s: A job that takes longer ends with a TimeoutError.
        """
        self._time_limit_s = time_limit_s
        self._initializer = initializer
        self._initargs = initargs
        self._process: Process | None = None
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
        job: _Job[T] = _Job(Call(fn, args, kwargs), self._wake_up)
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

    def _look_after(self, process: Process) -> None:
        """Take the news of a process that has no job: it is ready by now, or it has died."""
        was_ready = process.is_ready
        if not process.news():
            self._end()
            # One that cannot even start is tried again only when there is something to do.
            if was_ready:
                self._start()

    def _run(self, job: _Job[Any]) -> Any:
        """Return what a job returns, and raise what it raises or what ended it."""
        process = self._begun(job)
        deadline = time.monotonic() + self._time_limit_s
        try:
            return process.answer(Watch(self._woken, self._is_over(job), deadline))
        except (ProcessDied, CancelledError, TimeoutError):
            self._end()
            self._start()
            raise

    def _begun(self, job: _Job[Any]) -> Process:
        """Return the process that has begun a job; one that dies before is no fault of the job."""
        for attempt in range(_ATTEMPTS):
            process = self._ready(job)
            if attempt == 0 and (job.cancelled() or not job.set_running_or_notify_cancel()):
                break
            try:
                process.begin(job.call, Watch(self._woken, lambda: False))
                return process
            except ProcessDied:
                self._end()
                if attempt == _ATTEMPTS - 1:
                    raise
        raise CancelledError

    def _ready(self, job: _Job[Any]) -> Process:
        """Return a process that is ready, unless it ends before or the job is cancelled."""
        process = self._process or self._start()
        if process is None:
            raise CancelledError
        try:
            process.prepare(Watch(self._woken, self._is_over(job)))
        except ProcessDied:
            self._end()
            raise
        return process

    def _is_over(self, job: _Job[Any]) -> Callable[[], bool]:
        return lambda: not self._is_open or job.is_unwanted

    def _start(self) -> Process | None:
        if self._is_open:
            self._process = Process(self._initializer, self._initargs)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class _Job(Future[T]):
    """A job; cancelling it ends it even if it runs.

    Attributes:
        call: What to call.
        is_unwanted: Whether it was cancelled.
    """

    def __init__(self, call: Call, wake_up: Callable[[], None]) -> None:
        super().__init__()
        self.call = call
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
