"""Where jobs run: a worker process that can be killed and time-limited, or right here.

Both are `concurrent.futures.Executor`s, as is a cluster's client, so the engine fits them all.
Pebble's pool is used because, unlike the standard library's, it ends a running job when it is
cancelled or late, and starts a new process when one dies.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessPool

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
        self._is_open = True

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a job; function, arguments and result travel by pickle."""
        # An initializer that failed breaks the pool for good; the next job tries anew.
        if self._is_open and not self._pool.active:
            self._pool = self._new_pool()
        return self._pool.schedule(fn, args=args, kwargs=kwargs, timeout=self._time_limit_s)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the process, and whatever it is doing."""
        self._is_open = False
        self._pool.stop()
        if wait:
            self._pool.join()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            initializer=self._initializer,
            initargs=self._initargs,
            # A forked process would inherit the server's threads and locks.
            context=multiprocessing.get_context("spawn"),
        )


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
