"""The one engine behind the page and the shell."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, wait
from pathlib import Path
from typing import NamedTuple

import msgspec

from profiling import catalogue
from profiling.engine import plan
from profiling.engine.executors import WorkerProcess
from profiling.engine.folder import OwnFolder
from profiling.engine.keeping import Limits, keep_within
from profiling.engine.lending import lent_s
from profiling.engine.measuring import HEARTBEAT_S, cell_by_cell, in_one_call, result
from profiling.engine.worker import call, initialize
from profiling.model.errors import InputError
from profiling.model.graph import BranchGraph
from profiling.model.lesson import LessonRequest, LessonTrace
from profiling.model.run import Cell, Check, Environment, Request, Run
from profiling.traces.table import Trace

_JOB_LIMIT_S = 600.0
# Files of runs whose visitors have not come back, or whose session was given up for others'.
KEPT_RUNS = Limits(entries=200, total_bytes=4 * 2**30, age_s=3600.0)


class Progress(NamedTuple):
    """Where a comparison stands.

    Attributes:
        run: The run so far; None while the worker is still starting, or a GPU waited for.
        cell: The cell being measured; None at the end.
        elapsed_s: Seconds since the comparison was asked for.
        is_new: Whether `run` has a result more than before.
        lent_s: For how many seconds at most a GPU is lent; 0 if it is not lent.
    """

    run: Run | None
    cell: Cell | None
    elapsed_s: float
    is_new: bool
    lent_s: int = 0


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
        lender: Executor | None = None,
    ) -> None:
        """Start warming the worker up; nothing here waits for it.

        Args:
            preferred: The device to prefer, one of `profiling.measure.device.CHOICES`.
            executor: Where jobs run; a worker process of its own unless given.
            time_limit_s: Seconds of measuring after which a cell is given up.
            lender: Where whole comparisons run, unless they ask for the CPU, if this machine has
                no GPU of its own but is lent one for each; all else stays with the worker.
        """
        self.preferred = preferred
        self._lender = lender
        self._own_folder = OwnFolder()
        self.folder, self.page_folder = (self._own_folder.path / name for name in ("runs", "page"))
        self.folder.mkdir()
        self._measured: set[Path] = set()
        self._time_limit_s = time_limit_s
        self._worker_device = preferred if lender is None else "cpu"
        job_limit_s = max(time_limit_s, _JOB_LIMIT_S)
        initargs = (self._worker_device, str(self._own_folder.path / "worker"))
        self._executor = executor or WorkerProcess(initialize, initargs, job_limit_s)
        self._environment = self._submit_detect()

    @property
    def lends(self) -> bool:
        """Whether comparisons are measured on a GPU that is lent for each."""
        return self._lender is not None

    def environment(self, timeout_s: float | None = None) -> Environment | None:
        """Return what the machine is, or None if the worker is not ready in time.

        A GPU that is lent is not part of it: what it is stands in the runs measured on it.

        Raises:
            WorkerError: The worker cannot start.
        """
        if self._environment.done() and self._environment.exception() is not None:
            self._environment = self._submit_detect()
        if not wait([self._environment], timeout_s).done:
            return None
        return result(self._environment)

    def known(self) -> Environment | None:
        """Return what the machine is if the worker has told; nothing is started or waited for.

        Raises:
            WorkerError: The worker could not start.
        """
        return result(self._environment) if self._environment.done() else None

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
        checks: tuple[Check, ...] = result(self._executor.submit(call, "self_check", kind))
        return checks

    def lesson(self, request: LessonRequest) -> LessonTrace:
        """Check and run a lesson.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker died or took too long.
        """
        plan.check_lesson(request)
        trace: LessonTrace = result(self._executor.submit(call, "run_lesson", request))
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
        if self.lends:  # It needs no GPU, so it takes none of anybody's quota.
            request = msgspec.structs.replace(request, device="cpu")
        entry = catalogue.workload(request.workload)
        if request.branches[0] in entry.absent:
            raise InputError(entry.absent_reason(request.branches[0]))
        environment = self.environment()
        assert environment is not None  # Without a time limit it is waited for.
        smallest = msgspec.structs.replace(
            request, branches=request.branches[:1], sizes=(min(request.sizes),)
        )
        (cell,) = plan.plan(smallest, environment)
        found: BranchGraph = result(self._executor.submit(call, "branch_graph", cell))
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
            while not wait([future], HEARTBEAT_S).done:
                yield Reading(_share(noted))
            yield Reading(1.0, result(future))
        finally:
            future.cancel()
            noted.unlink(missing_ok=True)

    def compare(self, request: Request) -> Iterator[Progress]:
        """Measure a request, saying often how far it is.

        A cell whose worker dies or is late gets a result that says so, and the next cell goes on.
        Closing the iterator ends the measuring: at once, or on a lent GPU after the cell at hand.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker cannot start, or no GPU is lent.
        """
        start = time.monotonic()
        plan.check(request)
        lent_s = self._lent_s(request)
        folder = self.folder / plan.new_id()
        folder.mkdir()
        self._measured.add(folder)
        keep_within(self.folder, KEPT_RUNS, self._measured)
        finished = 0
        try:
            for run in self._measure(request, folder):
                elapsed_s = time.monotonic() - start
                if run is None:
                    yield Progress(None, None, elapsed_s, False, lent_s)
                    continue
                is_new, finished = len(run.results) > finished, len(run.results)
                cell = None if is_new or run.complete else run.cells[finished]
                yield Progress(run, cell, elapsed_s, is_new, lent_s)
        finally:
            self._measured.discard(folder)
            if not finished:
                shutil.rmtree(folder, ignore_errors=True)

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

    def _measure(self, request: Request, folder: Path) -> Iterator[Run | None]:
        """Give the run so far, again and again; None while nothing is known of the device yet."""
        if self._lender is not None and request.device != "cpu":
            yield from in_one_call(self._lender, request, folder)
            return
        while (environment := self.environment(HEARTBEAT_S)) is None:
            yield None
        run = plan.new_run(request, environment, folder.name)
        yield from cell_by_cell(self._executor, run, folder, self._time_limit_s)

    def _lent_s(self, request: Request) -> int:
        """Return for how long a GPU is to be lent, in seconds; 0 where none is.

        Raises:
            InputError: No GPU is lent for that long.
        """
        return lent_s(request) if self.lends and request.device != "cpu" else 0

    def _submit_detect(self) -> Future[Environment]:
        return self._executor.submit(call, "detect", self._worker_device)


def _share(noted: Path) -> float:
    """Return the share that the worker has noted; 0 before it has, or while it writes."""
    try:
        return float(noted.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
