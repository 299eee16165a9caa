"""Runs a person's own code, for the owner of the machine only."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, TimeoutError
from pathlib import Path
from typing import TypeVar

from profiling.analysis.diagnosis import Diagnosis
from profiling.engine import jobs
from profiling.engine.files import OwnFolder
from profiling.engine.process import WorkerProcess
from profiling.engine.worker import initialize_playground
from profiling.model.errors import InputError, WorkerError
from profiling.model.lesson import PartTrace

T = TypeVar("T")

MAX_CHARACTERS = 10_000
SECONDS = 10.0
MEMORY_BYTES = 1 << 30
# What does not listen to the gentle limit, such as a loop that catches everything, is killed.
_GRACE_S = 5.0


class Playground:
    """Steps through code, each time in a process of its own.

    The next process is started while the page is read, so that a run need not wait for torch.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        """Start the first process.

        Args:
            seconds: How long code may run.
        """
        self._seconds = seconds
        self._folder = OwnFolder()
        self._process = self._start()

    def step(self, source: str) -> PartTrace:
        """Run code and return its steps, and its error if it raised one.

        Raises:
            InputError: There is no code, or too much.
            WorkerError: It could not be stopped gently, or ended its process.
        """
        return self._run(jobs.step_code, source)

    def explain(self, source: str) -> Diagnosis:
        """Run code and return what is wrong with its gradients.

        Raises:
            InputError: As for `step`.
            WorkerError: As for `step`.
        """
        return self._run(jobs.explain_code, source)

    def _run(self, job: Callable[[str, float], T], source: str) -> T:
        if not source.strip():
            raise InputError("error.playground_empty")
        if len(source) > MAX_CHARACTERS:
            raise InputError("error.playground_long", high=MAX_CHARACTERS)
        try:
            return self._process.submit(job, source, self._seconds).result()
        except TimeoutError as error:
            raise WorkerError("error.playground_killed", seconds=self._seconds) from error
        except BrokenExecutor as error:
            raise WorkerError("error.playground_died") from error
        finally:
            # Killed and not asked to end: it would wait for threads that the code has left.
            self._end()
            self._process = self._start()

    def close(self) -> None:
        """End the process and delete what it has left."""
        self._process.shutdown()
        self._folder.delete()

    def _end(self) -> None:
        self._process.shutdown()
        shutil.rmtree(self._place, ignore_errors=True)

    def _start(self) -> WorkerProcess:
        self._place = Path(tempfile.mkdtemp(dir=self._folder.path))
        limits = (MEMORY_BYTES, self._place)
        process = WorkerProcess(initialize_playground, limits, self._seconds + _GRACE_S)
        process.submit(str)
        return process
