"""A process that runs one job at a time, and shares nothing that its death could leave locked."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, TimeoutError
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

_READY, _BEGUN = "ready", "begun"
# A process whose own children live on may be dead without its pipe being closed.
_LOOK_S = 1.0


class ProcessDied(BrokenExecutor):
    """A process ended before it answered.

    Attributes:
        exitcode: Its exit code; negative if a signal ended it.
    """

    def __init__(self, exitcode: int | None) -> None:
        """Remember the exit code."""
        super().__init__(f"the process ended with {exitcode}")
        self.exitcode = exitcode


class Call(NamedTuple):
    """A function to be called, and with what."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Watch(NamedTuple):
    """What may end the waiting for an answer: a pipe that wakes, a question to ask then, a time."""

    woken: Connection
    is_over: Callable[[], bool]
    deadline: float = float("inf")


class _Raised(NamedTuple):
    error: Exception
    trace: str


class _RemoteError(Exception):
    """Where an error was raised, in the words of the process that raised it."""


class Process:
    """A spawned process; a fork would inherit the server's threads and locks.

    Attributes:
        pipe: Readable when there is an answer, or when the process has ended.
        is_ready: Whether it is known to be initialized.
    """

    def __init__(self, initializer: Callable[..., None], initargs: tuple[Any, ...]) -> None:
        """Start it; nothing here waits for it."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, initializer, initargs))
        self._process.start()
        # The only other end is the process's own, so that its death is the end of the pipe.
        theirs.close()
        self.is_ready = False

    def prepare(self, watch: Watch) -> None:
        """Wait until it is initialized; see `answer` for what is raised."""
        if not self.is_ready:
            self._receive(watch)
            self.is_ready = True

    def news(self) -> bool:
        """Read from the pipe, to be called if there is something: False if the process has died."""
        try:
            self.pipe.recv()
        except (EOFError, OSError):
            return False
        self.is_ready = True
        return True

    def begin(self, call: Call, watch: Watch) -> None:
        """Have it begin a call; see `answer` for what is raised."""
        try:
            self.pipe.send(call)
        except OSError as error:
            raise self._died() from error
        self._receive(watch)

    def answer(self, watch: Watch) -> Any:
        """Return what the call that it has begun returns.

        Raises:
            ProcessDied: It has ended.
            CancelledError: The watch says that nobody waits any more.
            TimeoutError: The watch's time is over.
            Exception: What the call raised, or what its result could not be sent for.
        """
        found = self._receive(watch)
        if isinstance(found, _Raised):
            raise found.error from _RemoteError(found.trace)
        return found

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def _receive(self, watch: Watch) -> Any:
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
                    raise self._died() from error
            if not readable and not self._process.is_alive():
                raise self._died()
        raise CancelledError

    def _died(self) -> ProcessDied:
        self._process.join(_LOOK_S)
        return ProcessDied(self._process.exitcode)


def _work(pipe: Connection, initializer: Callable[..., None], initargs: tuple[Any, ...]) -> None:
    """Run what the process is there for, until nobody is at the other end."""
    # An interrupt from the keyboard is the server's, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    initializer(*initargs)
    pipe.send(_READY)
    while True:
        try:
            call: Call = pipe.recv()
        except EOFError:
            return
        pipe.send(_BEGUN)
        answer = _called(call)
        try:
            pipe.send(answer)
        except OSError:
            return
        except Exception as error:  # It cannot be pickled, which is found out before any is sent.
            pipe.send(_Raised(RuntimeError(repr(error)), ""))


def _called(call: Call) -> Any:
    try:
        return call.function(*call.args, **call.kwargs)
    except Exception as error:
        return _Raised(error, traceback.format_exc())
    except BaseException as error:  # What ends a program is not to end the server's.
        return _Raised(RuntimeError(repr(error)), traceback.format_exc())
