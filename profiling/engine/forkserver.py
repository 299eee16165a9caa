"""Processes that have imported much and fork workers, which so start in tenths of a second.

They have one thread and compute nothing: threads and locks would not survive a fork, CUDA neither.
Unlike that of `multiprocessing` one can be ended while it still imports, leaves no socket in the
temp folder however the page ends, and takes what it forks along when it ends itself.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
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
forkserver.serve({requests}, [{imports}], worker.work)
"""
_PR_SET_PDEATHSIG = 1
# A server may end just before it gets a request.
_ATTEMPTS = 3


class ForkServer:
    """A fork server of this process, started when it is needed."""

    def __init__(self, *imports: str) -> None:
        """Take what it imports; it is not started yet.

        Args:
            imports: Functions of `profiling.engine.worker`, one for each fork that it is to come
                before.
        """
        self._imports = ", ".join(f"worker.{name}" for name in imports)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def fork(self, pipe: Connection) -> None:
        """Have a process forked that works at this end of a pipe; nothing here waits for it.

        Raises:
            OSError: The system starts no more processes.
        """
        with self._lock:
            for _ in range(_ATTEMPTS):
                try:
                    socket.send_fds(self._started(), [b"!"], [pipe.fileno()])
                    return
                except ConnectionError:  # It has ended, and the next one is started.
                    self.end()
        raise BlockingIOError(errno.EAGAIN, "the fork server ends as soon as it is started")

    def end(self) -> None:
        """End the server and all that it has forked."""
        if self._process is not None and self._requests is not None:
            self._requests.close()
            self._process.kill()
            self._process.wait()
        self._process = self._requests = None

    def _started(self) -> socket.socket:
        """Return the socket for requests; they wait in it while the server still imports."""
        if self._requests is None:
            requests, theirs = socket.socketpair()
            with theirs:
                code = _CODE.format(path=sys.path, requests=theirs.fileno(), imports=self._imports)
                self._process = subprocess.Popen(
                    [sys.executable, "-c", code],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )
            self._requests = requests
        return self._requests


# Forks what measures.
MEASURING = ForkServer("import_torch", "import_measuring")
# Forks what holds an opened trace, without torch.
TRACES = ForkServer("import_traces")
# Workers register what ends them later, and so are ended before.
for _server in (MEASURING, TRACES):
    atexit.register(_server.end)


def serve(
    descriptor: int, imports: list[Callable[[], None]], work: Callable[[Connection], None]
) -> None:
    """Fork a process for each pipe that is sent, and end this one when the page has ended.

    Args:
        descriptor: Of the socket that pipes come from.
        imports: Functions that import something, one for each fork that it is to come before.
        work: Runs in a forked process, with its end of the pipe.
    """
    # An interrupt from the keyboard is for the page, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody asks how a child has ended, so that it is gone at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    own = os.getpid()
    with socket.socket(fileno=descriptor) as requests:
        while True:
            asked, pipes, _, _ = socket.recv_fds(requests, 1, 1)
            if not asked:
                os._exit(0)  # What it has forked ends with it, and is not to wait.
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
