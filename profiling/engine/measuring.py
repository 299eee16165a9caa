"""Has a comparison measured: cell by cell, by a worker that can be ended, or all in one call.

Both give the run so far again and again while they wait, and end what is still measuring when
nobody goes on asking.
"""

from __future__ import annotations

import math
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
from typing import TypeVar

from msgspec.structs import replace

from profiling.engine import notes
from profiling.engine.worker import call
from profiling.model.errors import DetachLabError, WorkerError
from profiling.model.run import BranchResult, Cell, CellResult, Request, Run, Status, ran

T = TypeVar("T")
HEARTBEAT_S = 0.25
# What is said of a cell whose worker is gone, and of the branch that was being run then.
_LATE = "error.branch_late"
_BLAMED = {"error.worker_died": "error.branch_died", "error.worker_late": _LATE}


def cell_by_cell(executor: Executor, run: Run, folder: Path, limit_s: float) -> Iterator[Run]:
    """Measure each cell of a run in a job of its own.

    A branch that ends the worker or never ends gets a result that says so, and the other branches
    of its cell are measured anew without it. Where no branch is known to be at fault it is the cell
    that gets such a result. The next cell goes on.

    Args:
        executor: Where the jobs run.
        run: What is planned; results are added to those it has.
        folder: The run's own, which exists.
        limit_s: Seconds of measuring after which a cell is given up.
    """
    for cell in run.cells:
        for finished in _without_culprits(executor, cell, folder, limit_s):
            if finished is not None:
                run = replace(run, results=(*run.results, finished))
            yield run


def in_one_call(executor: Executor, request: Request, folder: Path) -> Iterator[Run | None]:
    """Have a request planned and measured where the device is, by a single job.

    What the job finishes it notes in the run's folder, so that nothing is lost if it is ended.

    Args:
        executor: Where the job runs; it must share this machine's files.
        request: A checked request.
        folder: The run's own, which exists; its name becomes the run's id.

    Raises:
        DetachLabError: No cell was finished.
    """
    notes.want(folder)
    future: Future[Run] = executor.submit(call, "compare", request, str(folder))
    try:
        while not wait([future], HEARTBEAT_S).done:
            yield notes.noted(folder)
        try:
            yield result(future)
        except DetachLabError as error:
            run = notes.noted(folder)
            if run is None or not run.results:
                raise
            missing = (_failed(cell, error) for cell in run.cells[len(run.results) :])
            yield replace(run, results=(*run.results, *missing))
    finally:
        notes.forget(folder)


def result(future: Future[T]) -> T:
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


def _without_culprits(
    executor: Executor, cell: Cell, folder: Path, limit_s: float
) -> Iterator[CellResult | None]:
    """Have one cell measured, once more for each branch that ends the worker or has no end."""
    culprits: dict[str, BranchResult] = {}
    while True:
        branches = tuple(each for each in cell.branches if each not in culprits)
        finished: CellResult | None = None
        for finished in _watch(executor, replace(cell, branches=branches), folder, limit_s):
            if finished is None:
                yield None
        assert finished is not None  # It is the last that is yielded.
        reason = _BLAMED.get(finished.reason)
        culprit, ran_s = notes.was_running(folder)
        is_slow = reason == _LATE and ran_s < limit_s / 2  # The cell is, and no branch of it alone.
        if reason is None or culprit not in branches or is_slow:
            break
        # A label that stands for the same branch would do the same.
        culprits |= {
            label: BranchResult(label, Status.ERROR, reason)
            for label in branches
            if ran(label) == ran(culprit)
        }
        if len(culprits) == len(cell.branches):
            finished = CellResult(cell, Status.OK, ())
            break
    results = culprits | {each.branch: each for each in finished.results}
    if finished.status is Status.OK:
        finished = replace(finished, results=tuple(results[each] for each in cell.branches))
    yield replace(finished, cell=cell)


def _watch(
    executor: Executor, cell: Cell, folder: Path, limit_s: float
) -> Iterator[CellResult | None]:
    """Have one cell measured: yield None while it runs, then its result."""
    future: Future[CellResult] = executor.submit(call, "measure_cell", cell, str(folder))
    deadline = math.inf
    try:
        while not wait([future], HEARTBEAT_S).done:
            if time.monotonic() > deadline:
                yield _failed(cell, WorkerError("error.worker_late"))
                return
            # A worker that has to start first is not counted.
            if future.running():
                deadline = min(deadline, time.monotonic() + limit_s)
            yield None
        try:
            yield result(future)
        except WorkerError as error:
            yield _failed(cell, error)
    finally:
        future.cancel()


def _failed(cell: Cell, error: DetachLabError) -> CellResult:
    message = error.values.get("text")
    if message is None:
        return CellResult(cell, Status.ERROR, (), error.key)
    return CellResult(cell, Status.ERROR, (), "error.step_failed", str(message))
