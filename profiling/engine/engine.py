"""The one engine behind the page and the shell: has things measured and keeps their files."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, wait
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from msgspec.structs import replace

from profiling import catalogue
from profiling.analysis.diagnosis import Diagnosis
from profiling.engine import jobs, plan
from profiling.engine.cells import HEARTBEAT_S, cell_by_cell, failed, result_of
from profiling.engine.cluster import Cluster
from profiling.engine.files import (
    KEPT_COMPILED,
    Limits,
    OwnFolder,
    compiled_folder,
    keep_within,
)
from profiling.engine.process import WorkerProcess
from profiling.engine.progress import Notes, insist
from profiling.engine.traces import OpenedTraces, Reading
from profiling.engine.worker import initialize, initialize_lessons
from profiling.engine.zerogpu import LENT_DEVICE, lent_s
from profiling.model.errors import DetachLabError, InputError, WorkerError
from profiling.model.graph import BranchGraph
from profiling.model.lesson import LessonRequest, LessonTrace
from profiling.model.recording import RecordedRun, Recording
from profiling.model.request import AUTO, COMPILED, Request
from profiling.model.run import Cell, CellResult, Check, Environment, Run

P = ParamSpec("P")
T = TypeVar("T")

# Files of runs whose visitors have not come back, or whose session was given up for others'.
KEPT_RUNS = Limits(entries=200, total_bytes=4 * 2**30, age_s=3600.0)
_TIME_LIMIT_S = 600.0
# The longest lesson, which starts processes of its own, takes some seconds.
_LESSON_LIMIT_S = 120.0
# Most that a cell is expected to take longer than the one before it.
_MOST_GROWTH = 8.0


class Progress(NamedTuple):
    """Where a comparison stands.

    Attributes:
        run: The run so far; None while the worker is still starting, or a GPU waited for.
        cell: The cell being measured; None at the end.
        elapsed_s: Seconds since the comparison was asked for.
        is_new: Whether `run` has a result more than before, or its traces are read now.
        lent_s: For how many seconds at most a GPU is lent; 0 if it is not lent.
        is_reading: Whether a GPU that was lent is given back and traces are being read.
    """

    run: Run | None
    cell: Cell | None
    elapsed_s: float
    is_new: bool
    lent_s: int = 0
    is_reading: bool = False


class OpenedLesson(NamedTuple):
    """A lesson that has run, and what is wrong with its wrong code; None if it has no such."""

    trace: LessonTrace
    diagnosis: Diagnosis | None


def time_left_s(progress: Progress) -> float | None:
    """Estimate the seconds that are left, from what the finished cells of each mode took.

    Sizes mostly grow from cell to cell, so each is expected to take as much longer than the one
    before it as the last one did.

    Returns:
        The estimate; None before a cell of each mode is finished, and once the current one has
        taken longer than was estimated, so that nothing is known.

    Example:
        >>> time_left_s(Progress(None, None, 1.0, False)) is None
        True
    """
    run = progress.run
    if run is None:
        return None
    took: dict[str, list[float]] = {}
    for result in run.results:
        took.setdefault(result.cell.mode, []).append(result.duration_s or 0.0)
    # What has passed beyond the finished cells was spent on this one, or before the first began.
    spent_s = max(0.0, progress.elapsed_s - sum(map(sum, took.values())))
    expected: list[float] = []
    for cell in run.cells[len(run.results) :]:
        before = took.get(cell.mode, [])
        if not any(before):
            return None
        growth = before[-1] / before[-2] if len(before) > 1 and before[-2] else 1.0
        expected.append(before[-1] * min(max(growth, 1.0), _MOST_GROWTH))
        before.append(expected[-1])
    left_s = sum(expected) - min(spent_s, expected[0]) if expected else 0.0
    return left_s if left_s > 0 else None


class Engine:
    """Plans requests, has them measured, and keeps their files.

    Attributes:
        preferred: The device to prefer.
        folder: Holds one folder a run.
        page_folder: For the files of the page itself: what is uploaded and what is offered.
        traces: What visitors have opened.
    """

    def __init__(
        self,
        preferred: str = "auto",
        executor: Executor | None = None,
        time_limit_s: float = _TIME_LIMIT_S,
        lender: Executor | None = None,
        cluster: Cluster | None = None,
        *,
        lessons_apart: bool = False,
    ) -> None:
        """Start a worker; nothing here waits for it.

        Args:
            preferred: The device to prefer, as `profiling.measure.device.find` takes it.
            executor: Where jobs run; a worker process of its own unless given.
            time_limit_s: Seconds of measuring after which that process gives a cell up.
            lender: Where whole comparisons run, unless they ask for the CPU, if this machine has
                no GPU of its own but is lent one for each; all else stays with the worker.
            cluster: Where the cells of a comparison are measured instead, side by side.
            lessons_apart: Whether lessons, graphs and diagnoses on the CPU have a worker of their
                own, with low priority, so that they wait for no comparison and disturb none.
        """
        self.preferred = preferred
        self._lender = lender
        self._cluster = cluster
        self._own_folder = OwnFolder()
        own = self._own_folder.path
        self.folder, self.page_folder = own / "runs", own / "page"
        self._notes_folder = own / "notes"
        self.folder.mkdir()
        self._notes_folder.mkdir()
        (own / "traces").mkdir()
        self.traces = OpenedTraces(own / "traces")
        self._measured: set[Path] = set()
        self._opened: dict[str, OpenedLesson] = {}
        self._time_limit_s = time_limit_s
        self._worker_device = preferred if lender is None else "cpu"
        self._compiled_folder = compiled_folder(own / "compiled")
        start = (self._worker_device, own / "worker", self._compiled_folder)
        worker = executor or WorkerProcess(initialize, start)
        self._executor = worker
        # Where lessons, graphs and diagnoses run on the CPU.
        self._lessons = worker
        if lessons_apart:
            folder = own / "lessons"
            self._lessons = WorkerProcess(initialize_lessons, (folder,), _LESSON_LIMIT_S)
        # Where cells are measured.
        self._measuring = (
            worker.limited(time_limit_s) if isinstance(worker, WorkerProcess) else worker
        )
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
        return result_of(self._environment)

    def known(self) -> Environment | None:
        """Return what the machine is if the worker has told; nothing is started or waited for.

        Raises:
            WorkerError: The worker could not start.
        """
        return result_of(self._environment) if self._environment.done() else None

    def devices(self) -> tuple[str, ...]:
        """Return what lessons can be asked to run on, the default first; empty while unknown."""
        try:
            environment = self.known()
        except DetachLabError:  # Whoever runs something is told.
            environment = None
        here = () if environment is None else tuple(each.spec for each in environment.devices)
        return (*here, LENT_DEVICE) if here and self.lends else here

    def prepare(self) -> None:
        """Have the workers load, when they are free, what a first request would wait for."""
        self._executor.submit(jobs.prepare)
        if self._lessons is not self._executor:
            self._lessons.submit(jobs.run_lesson, LessonRequest(catalogue.LESSONS[0], device="cpu"))

    def self_check(self) -> tuple[Check, ...]:
        """Check the measuring itself on the preferred device, in less than a minute.

        Raises:
            WorkerError: The worker cannot start, died or took too long.
        """
        environment = self.environment()
        assert environment is not None  # Without a time limit it is waited for.
        first = environment.devices[0].spec
        return result_of(self._executor.submit(jobs.self_check, first))

    def lesson(self, request: LessonRequest) -> LessonTrace:
        """Check and run a lesson.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker cannot start, died or took too long, or no GPU is lent.
        """
        plan.check_lesson(request)
        if self._lender is not None and self.lends_for(request):
            return result_of(self._lender.submit(jobs.run_lent_lesson, request))
        device = "cpu"
        if not _needs_cpu(request):
            environment = self.environment()
            assert environment is not None  # Without a time limit it is waited for.
            device = plan.place_lesson(request, environment).device
            # Who has not asked for an accelerator does not wait until it has been measured on.
            if request.device == AUTO and self._measured:
                device = "cpu"
        return self._look(device, jobs.run_lesson, replace(request, device=device))

    def opened_lesson(self, name: str) -> OpenedLesson | None:
        """Return what a lesson shows when it is opened: its own inputs, on the page's device.

        Each is run once and kept, unless it was run on the CPU because the device was measured on.

        Returns:
            None while the worker is starting, which nobody who only looks waits for.

        Raises:
            InputError: There is no lesson of that name.
            WorkerError: The worker cannot start, died or took too long.
        """
        request = LessonRequest(name, device=AUTO)
        plan.check_lesson(request)
        kept = self._opened.get(name)
        environment = self.known()
        if kept is not None or environment is None:
            return kept
        trace = self.lesson(request)
        has_wrong = any(part.name == "wrong" for part in trace.parts)
        opened = OpenedLesson(trace, self.explain_lesson(request) if has_wrong else None)
        if trace.request.device == plan.place_lesson(request, environment).device:
            self._opened[name] = opened
        return opened

    def lends_for(self, request: LessonRequest) -> bool:
        """Whether a GPU is lent for a lesson: only where its device is asked for by name."""
        return self.lends and request.device != AUTO and not _needs_cpu(request)

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
            request = replace(request, device="cpu")
        entry = catalogue.workload(request.workload)
        if request.branches[0] in entry.absent:
            raise InputError(entry.absent_reason(request.branches[0]))
        environment = self.environment()
        assert environment is not None  # Without a time limit it is waited for.
        smallest = replace(request, branches=request.branches[:1], sizes=(min(request.sizes),))
        (cell,) = plan.plan(smallest, environment)
        return self._look(cell.device, jobs.branch_graph, cell)

    def open_trace(self, path: Path) -> Iterator[Reading]:
        """Open a trace in a process of its own, saying how far it is.

        While a comparison is measured it is read with low priority. Closing the iterator ends the
        reading at once.

        Raises:
            InputError: The file is not a trace or too large, or its process died or took too long.
        """
        return self.traces.read(path, behind=bool(self._measured))

    def explain(self, path: Path) -> Diagnosis:
        """Have the record of a watched script diagnosed in a worker, which is limited.

        Raises:
            InputError: The file is no such record.
            WorkerError: The worker cannot start, died or took too long.
        """
        return self._look("cpu", jobs.explain, path)

    def explain_lesson(self, request: LessonRequest) -> Diagnosis:
        """Check a lesson, and have its wrong code run again on the CPU and diagnosed.

        Raises:
            InputError: The request cannot be run.
            WorkerError: The worker cannot start, died or took too long.
        """
        plan.check_lesson(request)
        return self._look("cpu", jobs.explain_lesson, replace(request, device="cpu"))

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
        if COMPILED in request.modes:
            keep_within(self._compiled_folder, KEPT_COMPILED)
        finished, was_reading = 0, False
        try:
            # Nothing runs before this: whoever is interrupted while waiting for the first item has
            # no iterator yet that could be closed.
            yield Progress(None, None, time.monotonic() - start, False, lent_s)
            for run, is_reading in self._stages(request, folder):
                elapsed_s = time.monotonic() - start
                if run is None:
                    yield Progress(None, None, elapsed_s, False, lent_s)
                    continue
                is_new = len(run.results) > finished or (was_reading and not is_reading)
                finished, was_reading = len(run.results), is_reading
                cell = None if is_new or run.complete else run.cells[finished]
                yield Progress(run, cell, elapsed_s, is_new, lent_s, is_reading)
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
        """End the workers and all opened traces, and delete all files."""
        self._lessons.shutdown(wait=True)
        self._executor.shutdown(wait=True)
        self.traces.close()
        self._own_folder.delete()

    def _look(self, device: str, job: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a job returns that measures nothing.

        On an accelerator it waits for the worker: two processes would take each other's memory.

        Raises:
            DetachLabError: The job's own error, or what became of its process.
        """
        executor = self._lessons if device == "cpu" else self._executor
        try:
            future = executor.submit(job, *args, **kwargs)
        except RuntimeError as error:  # The page is ending meanwhile.
            raise WorkerError("error.worker_died") from error
        return result_of(future)

    def _stages(self, request: Request, folder: Path) -> Iterator[_Stage]:
        """Yield how far a request is, again and again."""
        with self._notes() as notes:
            if self._lender is not None and request.device != "cpu":
                recorded = yield from _in_one_call(self._lender, request, folder, notes)
                yield from _read(self._measuring, recorded, folder, notes)
                return
            if self._cluster is not None:
                described = self._cluster.environment(self.preferred)
                run = plan.new_run(request, described, folder.name)
                limit_s = self._time_limit_s
                runs = self._cluster.measure(run, folder, self.preferred, limit_s)
                yield from map(_Stage, runs)
                return
            while (environment := self.environment(HEARTBEAT_S)) is None:
                yield _Stage(None)
            run = plan.new_run(request, environment, folder.name)
            runs = cell_by_cell(self._measuring, run, folder, notes, self._time_limit_s)
            yield from map(_Stage, runs)

    @contextlib.contextmanager
    def _notes(self) -> Iterator[Notes]:
        """Keep a folder for the notes of a job as long as somebody waits for it."""
        folder = Path(tempfile.mkdtemp(dir=self._notes_folder))
        try:
            yield Notes(folder)
        finally:
            # At once, so that a job that still notes something sees that nobody waits.
            unawaited = insist(lambda: folder.rename(folder.with_suffix(".old")))
            shutil.rmtree(unawaited, ignore_errors=True)

    def _lent_s(self, request: Request) -> int:
        """Return for how long a GPU is to be lent, in seconds; 0 where none is.

        Raises:
            InputError: No GPU is lent for that long.
        """
        return lent_s(request) if self.lends and request.device != "cpu" else 0

    def _submit_detect(self) -> Future[Environment]:
        return self._executor.submit(jobs.detect, self._worker_device)


def _needs_cpu(request: LessonRequest) -> bool:
    return "cpu" in (request.device, catalogue.lesson(request.name).device)


class _Stage(NamedTuple):
    """How far a comparison is.

    Attributes:
        run: The run so far; None while nothing is known of the device yet.
        is_reading: Whether all is recorded and only traces are still being read.
    """

    run: Run | None
    is_reading: bool = False


def _in_one_call(
    executor: Executor, request: Request, folder: Path, notes: Notes
) -> Generator[_Stage, None, RecordedRun]:
    """Have a request planned and recorded where the device is, by a single job.

    What the job finishes it notes, so that nothing is lost if it is ended.

    Args:
        executor: Where the job runs; it must share this machine's files.
        request: A checked request.
        folder: The run's own, which exists; its name becomes the run's id.
        notes: The job's own.

    Returns:
        All that was recorded; what was not has a result that says why.

    Raises:
        DetachLabError: No cell was finished.
    """
    future = executor.submit(jobs.compare, request, folder, notes)
    while not wait([future], HEARTBEAT_S).done:
        recorded = notes.read(RecordedRun)
        yield _Stage(None if recorded is None else recorded.run)
    try:
        return result_of(future)
    except DetachLabError as error:
        recorded = notes.read(RecordedRun)
        if recorded is None or not recorded.recordings:
            raise
        done = recorded.recordings
        missing = (Recording(failed(each, error)) for each in recorded.planned.cells[len(done) :])
        return replace(recorded, recordings=(*done, *missing))


def _read(
    executor: Executor, recorded: RecordedRun, folder: Path, notes: Notes
) -> Iterator[_Stage]:
    """Have the traces of a recorded run read, a cell at a time; the run has them when all are read.

    A worker that ends meanwhile costs the traces of a cell alone.

    Args:
        executor: Where the jobs run, which needs no device.
        recorded: The run.
        folder: The run's own.
        notes: For one job at a time.
    """
    yield _Stage(recorded.run, is_reading=True)
    results: list[CellResult] = []
    for each in recorded.recordings:
        future = executor.submit(jobs.read_cell, each, folder, notes)
        try:
            while not wait([future], HEARTBEAT_S).done:
                yield _Stage(recorded.run, is_reading=True)
            results.append(result_of(future))
        except WorkerError as error:
            text = str(error.values.get("text") or error.__cause__ or error.key)
            results.append(each.untraced(text))
        finally:
            future.cancel()
    yield _Stage(replace(recorded.planned, results=tuple(results)))
