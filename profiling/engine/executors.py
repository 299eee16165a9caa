"""Where jobs run: a worker process that can be killed and time-limited, or right here.

Both are `concurrent.futures.Executor`s, as is a cluster's client, so the engine fits them all.
Pebble's pool is used because, unlike the standard library's, it ends a running job when it is
cancelled or late, and starts a new process when one dies.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, InvalidStateError
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

P = ParamSpec("P")
T = TypeVar("T")


class WorkerProcess(Executor):
    """One process for all jobs, one after the other.

    Cancelling a future ends its job at once by ending the process; the next job gets a new one.
    """

    def __init__(
        self,
        initializer: Callable[..., None],
        initargs: tuple[Any, ...] = (),
        time_limit_s: float = 600.0,
    ) -> None:
        """Prepare the pool; the process starts with the first job.

        Args:
            initializer: Run once in every new process, in its main thread.
            initargs: The initializer's arguments.
            time_limit_s: A job that takes longer ends with a TimeoutError.
        """
        self._time_limit_s = time_limit_s
        self._initializer = initializer
        self._initargs = initargs
        self._pool = self._new_pool()
        self._lock = threading.RLock()
        # In the order in which they were given to the pool.
        self._given: dict[Future[Any], None] = {}
        self._is_open = True

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a job; function, arguments and result travel by pickle.

        Raises:
            RuntimeError: It was shut down.
        """

        def start() -> tuple[ProcessPool, Future[T]]:
            with self._lock:
                # An initializer that failed breaks the pool for good; the next job tries anew.
                if self._is_open and not self._pool.active:
                    self._pool = self._new_pool()
                limit = self._time_limit_s
                given = self._pool.schedule(fn, args=args, kwargs=kwargs, timeout=limit)
                self._given[given] = None
            given.add_done_callback(lambda done: self._given.pop(done, None))
            return self._pool, given

        return _Job(start, self._retire)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the process, and whatever it is doing."""
        with self._lock:
            self._is_open = False
            self._pool.stop()
        if wait:
            self._pool.join()

    def _retire(self, pool: ProcessPool, *, warm: bool) -> None:
        """Let a pool go whose process died.

        The process may have held the pool's locks, or have sent half of a result, for which the
        pool would wait for ever; so the next job gets new pipes and locks with its new process.
        """
        with self._lock:
            if pool is not self._pool or not self._is_open:
                return
            self._pool = self._new_pool()
            waiting, self._given = self._given, {}
        pool.stop()
        for each in waiting:
            each.cancel()
        # The pool's own threads have brought the news, and cannot wait for themselves.
        threading.Thread(target=pool.join, daemon=True).start()
        if warm:  # The process is started now, and not when somebody waits for it.
            with contextlib.suppress(RuntimeError):  # It was shut down in the meantime.
                self.submit(str)

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            initializer=self._initializer,
            initargs=self._initargs,
            # A forked process would inherit the server's threads and locks.
            context=multiprocessing.get_context("spawn"),
        )


class _Job(Future[T]):
    """A job that is given to another process if the one before died without beginning it."""

    def __init__(
        self,
        start: Callable[[], tuple[ProcessPool, Future[T]]],
        retire: Callable[..., None],
    ) -> None:
        super().__init__()
        self._start = start
        self._retire = retire
        self._attempts = 0
        self._attempt()

    def running(self) -> bool:
        """Whether its process works on it."""
        return self._inner.running()

    def cancel(self) -> bool:
        """End it, even if it runs."""
        if self.cancelled():
            return True
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # Tells those who wait for it.
        self._inner.cancel()
        return True

    def _attempt(self) -> None:
        self._attempts += 1
        pool, self._inner = self._start()
        self._inner.add_done_callback(lambda inner: self._settle(pool, inner))
        if self.cancelled():
            self._inner.cancel()

    def _settle(self, pool: ProcessPool, inner: Future[T]) -> None:
        if self.cancelled():
            return
        error = CancelledError() if inner.cancelled() else inner.exception()
        if isinstance(error, (ProcessExpired, BrokenExecutor)):
            self._retire(pool, warm=isinstance(error, ProcessExpired))
        try:
            if isinstance(error, (BrokenExecutor, CancelledError)) and self._attempts == 1:
                self._attempt()
            elif error is not None:
                self.set_exception(error)
            else:
                self.set_result(inner.result())
        except InvalidStateError:
            pass  # It was cancelled just now.
        except RuntimeError:
            self.cancel()  # Everything is shut down.


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
