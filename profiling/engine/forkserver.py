"""A process that has imported torch and forks workers, which so start in tenths of a second.

It has one thread and computes nothing: threads and locks would not survive a fork, CUDA neither.
Unlike that of `multiprocessing` it can be ended while it still imports, leaves no socket in the
temp folder however the page ends, and takes what it forks along when it ends itself.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

# What the process runs: the path, because its own would be that of a bare interpreter.
_CODE = """\
import sys
sys.path[:] = {path!r}
from profiling.engine import forkserver, worker
forkserver.serve({control}, [worker.import_torch, worker.import_measuring], worker.work)
"""
_PR_SET_PDEATHSIG = 1
# A server may end just before it is asked.
_ATTEMPTS = 3


class ForkServer:
    """The page's end of the process."""

    def __init__(self) -> None:
        """Start the process; nothing here waits for it."""
        self._control, theirs = socket.socketpair()
        with theirs:
            code = _CODE.format(path=sys.path, control=theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def fork(self, pipe: Connection) -> None:
        """Have a process forked that works at this end of a pipe; nothing here waits for it.

        Raises:
            OSError: The server has ended.
        """
        socket.send_fds(self._control, [b"!"], [pipe.fileno()])

    def end(self) -> None:
        """End the process and all that it has forked."""
        self._control.close()
        self._process.kill()
        self._process.wait()


class _Shared:
    """The one server of this process, which starts when it is needed and ends with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: ForkServer | None = None

    def fork(self, pipe: Connection) -> None:
        with self._lock:
            for attempt in range(_ATTEMPTS):
                if self._server is None:
                    self._server = ForkServer()
                    atexit.register(self.end)
                try:
                    return self._server.fork(pipe)
                except OSError:
                    self.end()
                    if attempt == _ATTEMPTS - 1:
                        raise

    def end(self) -> None:
        if self._server is not None:
            atexit.unregister(self.end)
            self._server.end()
            self._server = None


_shared = _Shared()
fork = _shared.fork


def serve(
    control: int, imports: list[Callable[[], None]], work: Callable[[Connection], None]
) -> None:
    """Fork a process for each pipe that is sent, until the page has ended.

    Args:
        control: File descriptor of the socket that pipes come from.
        imports: Functions that import something, one for each fork that it is to come before.
        work: Runs in a forked process, with its end of the pipe.
    """
    # An interrupt from the keyboard is for the page, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody asks how a child has ended, so that it is gone at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    own = os.getpid()
    with socket.socket(fileno=control) as requests:
        while True:
            asked, pipes, _, _ = socket.recv_fds(requests, 1, 1)
            if not asked:
                return
            if imports:
                imports.pop(0)()
            try:
                is_child = os.fork() == 0
            except OSError:  # There are too many processes: the pipe's end says so.
                is_child = False
            if is_child:
                requests.close()
                _run(own, work, Connection(pipes[0]))
            os.close(pipes[0])


def _run(parent: int, work: Callable[[Connection], None], pipe: Connection) -> None:
    """Work, as long as the parent lives, and end this process; never return to the server."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            work(pipe)
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
