"""The one engine behind the page and the shell."""

from __future__ import annotations

import datetime
import math
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    TimeoutError,
    wait,
)
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from demos import catalogue
from profiling.engine import plan
from profiling.engine.executors import WorkerProcess
from profiling.engine.folder import OwnFolder
from profiling.engine.worker import call, initialize
from profiling.errors import DetachLabError, InputError, WorkerError
from profiling.graph_records import BranchGraph
from profiling.lesson_records import LessonRequest, LessonTrace
from profiling.records import Cell, CellResult, Check, Environment, Request, Run, Status
from profiling.traces.load import Trace

T = TypeVar("T")
_HEARTBEAT_S = 0.25
_JOB_LIMIT_S = 600.0


class Progress(NamedTuple):
    """Where a comparison stands.

    Attributes:
        run: The run so far; None while the worker is still starting.
        cell: The cell being measured; None at the end.
        elapsed_s: Seconds since the comparison was asked for.
        is_new: Whether `run` has a result more than before.
    """

    run: Run | None
    cell: Cell | None
    elapsed_s: float
    is_new: bool


class Reading(NamedTuple):
    """Where the reading of a trace stands.

    Attributes:
        share: What is read of it, from 0 to 1.
        trace: The trace, at the end.
    """

    share: float
    trace: Trace | None = None


class Engine:
    """Plans requests, has them measured, and keeps their files.

    Attributes:
        folder: Holds one folder a run.
        page_folder: For the files of the page itself: what is uploaded and what is offered.
    """

    def __init__(
        self,
        preferred: str = "auto",
        executor: Executor | None = None,
        time_limit_s: float = _JOB_LIMIT_S,
    ) -> None:
        """Start warming the worker up; nothing here waits for it.

        Args:
            preferred: The device to prefer: ``"auto"``, ``"cpu"`` or ``"cuda"``.
            executor: Where jobs run; a worker process of its own unless given.
            time_limit_s: Seconds of measuring after which a cell is given up.
        """
        self.preferred = preferred
        self._own_folder = OwnFolder()
        self.folder, self.page_folder = (self._own_folder.path / name for name in ("runs", "page"))
        self.folder.mkdir()
        self._time_limit_s = time_limit_s
        job_limit_s = max(time_limit_s, _JOB_LIMIT_S)
        own = (preferred, str(self._own_folder.path / "worker"))
        self._executor = executor or WorkerProcess(initialize, own, job_limit_s)
        self._environment = self._submit_detect()

    def environment(self, timeout_s: float | None = None) -> Environment | None:
        """Return what the machine is, or None if the worker is not ready in time.

        Raises:
            WorkerError: The worker cannot start.
        """
        if self._environment.done() and self._environment.exception() is not None:
            self._environment = self._submit_detect()
        if not wait([self._environment], timeout_s).done:
            return None
        return _result(self._environment)

    def prepare(self) -> None:
        """Have the worker load, when it is free, what a first comparison would wait for."""
        self._executor.submit(call, "prepare")

    def self_check(self) -> tuple[Check, ...]:
        """Have the measuring put to the test on the preferred device; takes less than a minute.

        Raises:
            WorkerError: The worker cannot start, died or took too long.
        """
        environment = self.environment()
        assert environment is not None  # Without a time limit it is waited for.
        kind = environment.devices[0].kind
        checks: tuple[Check, ...] = _result(self._executor.submit(call, "self_check", kind))
        return checks

    def lesson(self, request: LessonRequest) -> LessonTrace:
        """Check and run a lesson.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker died or took too long.
        """
        plan.check_lesson(request)
        trace: LessonTrace = _result(self._executor.submit(call, "run_lesson", request))
        return trace

    def graph(self, request: Request) -> BranchGraph:
        """Have one branch of a workload run once and return its backward graph.

        Args:
            request: Its first branch and its smallest size are the ones; a graph does not depend
                on how large tensors are.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker cannot start, died or took too long, or the workload failed.
        """
        plan.check(request)
        entry = catalogue.workload(request.workload)
        if request.branches[0] in entry.absent:
            raise InputError(entry.absent_reason(request.branches[0]))
        environment = self.environment()
        assert environment is not None  # Without a time limit it is waited for.
        smallest = msgspec.structs.replace(
            request, branches=request.branches[:1], sizes=(min(request.sizes),)
        )
        (cell,) = plan.plan(smallest, environment)
        found: BranchGraph = _result(self._executor.submit(call, "branch_graph", cell))
        return found

    def read_trace(self, path: Path) -> Iterator[Reading]:
        """Have a trace read in the worker, whose memory is limited, saying how far it is.

        Closing the iterator ends the reading at once.

        Raises:
            InputError: The file is not a trace, or too large.
            WorkerError: The worker cannot start, died or took too long.
        """
        noted = self.folder / f"reading-{secrets.token_hex(4)}"
        future: Future[Trace] = self._executor.submit(call, "read_trace", str(path), str(noted))
        try:
            while not wait([future], _HEARTBEAT_S).done:
                yield Reading(_share(noted))
            yield Reading(1.0, _result(future))
        finally:
            future.cancel()
            noted.unlink(missing_ok=True)

    def compare(self, request: Request) -> Iterator[Progress]:
        """Measure a request cell by cell, saying often how far it is.

        A cell whose worker dies or is late gets a result that says so, and the next cell goes on.
        Closing the iterator ends the measuring at once.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker cannot start.
        """
        start = time.monotonic()
        plan.check(request)
        while (environment := self.environment(_HEARTBEAT_S)) is None:
            yield Progress(None, None, time.monotonic() - start, False)
        run = _new_run(request, environment)
        folder = self.run_folder(run)
        folder.mkdir()
        try:
            for cell in run.cells:
                for finished in self._watch(cell, folder):
                    if finished is not None:
                        run = msgspec.structs.replace(run, results=(*run.results, finished))
                    elapsed_s = time.monotonic() - start
                    yield Progress(run, None if finished else cell, elapsed_s, finished is not None)
        finally:
            if not run.results:
                self.discard(run)

    def run_folder(self, run: Run) -> Path:
        """Return the folder of a run's files."""
        return self.folder / run.id

    def discard(self, run: Run) -> None:
        """Delete a run's files."""
        shutil.rmtree(self.run_folder(run), ignore_errors=True)

    def close(self) -> None:
        """End the worker and delete all files."""
        self._executor.shutdown(wait=True)
        self._own_folder.delete()

    def _submit_detect(self) -> Future[Environment]:
        return self._executor.submit(call, "detect", self.preferred)

    def _watch(self, cell: Cell, folder: Path) -> Iterator[CellResult | None]:
        """Have one cell measured: yield None while it runs, then its result."""
        future: Future[CellResult] = self._executor.submit(call, "measure_cell", cell, str(folder))
        deadline = math.inf
        try:
            while not wait([future], _HEARTBEAT_S).done:
                if time.monotonic() > deadline:
                    yield _failed(cell, WorkerError("error.worker_late"))
                    return
                # A worker that has to start first is not counted.
                if future.running():
                    deadline = min(deadline, time.monotonic() + self._time_limit_s)
                yield None
            try:
                yield _result(future)
            except WorkerError as error:
                yield _failed(cell, error)
        finally:
            future.cancel()


def _result(future: Future[T]) -> T:
    """Return a job's result, or say in our own words what ended the worker."""
    try:
        return future.result()
    except TimeoutError as error:
        raise WorkerError("error.worker_late") from error
    except (BrokenExecutor, CancelledError) as error:
        raise WorkerError("error.worker_died") from error
    except DetachLabError:
        raise
    except Exception as error:
        raise WorkerError("error.worker_failed", text=str(error) or repr(error)) from error


def _share(noted: Path) -> float:
    """Return the share that the worker has noted; 0 before it has, or while it writes."""
    try:
        return float(noted.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0


def _failed(cell: Cell, error: WorkerError) -> CellResult:
    message = error.values.get("text")
    if message is None:
        return CellResult(cell, Status.ERROR, (), error.key)
    return CellResult(cell, Status.ERROR, (), "error.step_failed", str(message))


def _new_run(request: Request, environment: Environment) -> Run:
    now = datetime.datetime.now(datetime.timezone.utc)
    return Run(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
        started_utc=now.isoformat(timespec="seconds"),
        environment=environment,
        request=request,
        cells=plan.plan(request, environment),
    )
