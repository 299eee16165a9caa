"""Cells measured one at a time in a worker, which a branch may end or keep for ever."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, TimeoutError, wait
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from profiling import catalogue
from profiling.engine import jobs
from profiling.engine.progress import Notes, RunningBranch
from profiling.model.errors import DetachLabError, SpentProcessError, WorkerError
from profiling.model.run import BranchResult, Cell, CellResult, Run, Status, ran

T = TypeVar("T")

# Whoever waits is told at least so often how far it is.
HEARTBEAT_S = 0.25
# Why a branch has no result if it was running when the worker ended, by why the cell has none.
_BLAMED = {
    "error.worker_died": "error.branch_died",
    "error.worker_late": "error.branch_late",
    "error.device_lost": "error.branch_lost_device",
    "error.compile_failed": "error.compile_failed",
}


def result_of(future: Future[T]) -> T:
    """Return a job's result, or say in our own words what ended the worker.

    Raises:
        DetachLabError: The job's own error, or what became of its worker.
    """
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


def cell_by_cell(
    executor: Executor, run: Run, folder: Path, notes: Notes, limit_s: float
) -> Iterator[Run]:
    """Measure each cell of a run in a job of its own and yield the run so far, again and again.

    The next cell is given to the worker before a result is yielded, so that the worker need not
    wait while somebody draws it.

    Args:
        executor: Where the jobs run.
        run: What is planned; results are added to those it has.
        folder: The run's own, which exists.
        notes: For one job at a time.
        limit_s: Seconds after which the executor ends a job.
    """
    job: CellJob | None = None
    try:
        for cell in run.cells:
            is_first, job = job is None, CellJob(executor, cell, folder, notes, limit_s)
            if not is_first:
                yield run
            while (finished := job.finished(HEARTBEAT_S)) is None:
                yield run
            run = replace(run, results=(*run.results, finished))
        yield run
    finally:
        if job is not None:
            job.cancel()


class CellJob:
    """A cell that is being measured, anew without each branch that ends the worker or has no end.

    Such a branch gets a result that says so, and so does one with another label that stands for the
    same branch. Where no branch is known to be at fault it is the cell that gets such a result.
    """

    def __init__(
        self, executor: Executor, cell: Cell, folder: Path, notes: Notes, limit_s: float
    ) -> None:
        """Have the cell measured.

        Args:
            executor: Where the jobs run.
            cell: The cell.
            folder: An existing folder for traces.
            notes: For one job at a time.
            limit_s: Seconds after which the executor ends a job.
        """
        self._executor = executor
        self._cell = cell
        self._folder = folder
        self._notes = notes
        self._limit_s = limit_s
        self._faulty: dict[str, BranchResult] = {}
        self._future = self._submit()

    def finished(self, timeout_s: float) -> CellResult | None:
        """Return the cell's result, or None if there is none in time."""
        if not wait([self._future], timeout_s).done:
            return None
        try:
            finished = result_of(self._future)
        except WorkerError as error:
            finished = failed(self._cell, error)
        faulty = self._faulty_branch(finished.reason)
        if faulty is None:
            return self._completed(finished)
        status, reason = Status.ERROR, _BLAMED[finished.reason]
        entry = catalogue.workload(self._cell.workload, self._cell.file)
        expected = entry.expected_reason(ran(faulty), finished.message)
        if expected is not None:
            status, reason = Status.EXPECTED_ERROR, expected
        self._faulty |= {
            label: BranchResult(label, status, reason, finished.message)
            for label in self._cell.branches
            if ran(label) == ran(faulty)
        }
        if len(self._faulty) == len(self._cell.branches):
            return self._completed(CellResult(self._cell, Status.OK, ()))
        self._future = self._submit()
        return None

    def cancel(self) -> None:
        """End the measuring."""
        self._future.cancel()

    def _submit(self) -> Future[CellResult]:
        self._notes.erase(RunningBranch)
        branches = tuple(each for each in self._cell.branches if each not in self._faulty)
        cell = replace(self._cell, branches=branches)
        return self._executor.submit(jobs.measure_cell, cell, self._folder, self._notes)

    def _faulty_branch(self, reason: str) -> str | None:
        """Return the branch that has ended the worker, or kept it until the time was over."""
        running = self._notes.read(RunningBranch)
        if reason not in _BLAMED or running is None or running.branch in self._faulty:
            return None
        # A branch that began late was not alone in taking long.
        is_late = reason == "error.worker_late"
        return None if is_late and running.after_s > self._limit_s / 2 else running.branch

    def _completed(self, finished: CellResult) -> CellResult:
        """Put the results of all branches of the cell together, in its order."""
        if finished.status is Status.OK:
            found = self._faulty | {each.branch: each for each in finished.results}
            finished = replace(finished, results=tuple(found[each] for each in self._cell.branches))
        return replace(finished, cell=self._cell)


def failed(cell: Cell, error: DetachLabError) -> CellResult:
    """Return the result of a cell that an error left without any."""
    message = error.values.get("text")
    if message is None:
        return CellResult(cell, Status.ERROR, (), error.key)
    reason = error.key if isinstance(error, SpentProcessError) else "error.step_failed"
    return CellResult(cell, Status.ERROR, (), reason, str(message))
