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

import msgspec

from profiling.engine import notes
from profiling.engine.worker import call
from profiling.errors import DetachLabError, WorkerError
from profiling.records import Cell, CellResult, Request, Run, Status

T = TypeVar("T")
HEARTBEAT_S = 0.25


def cell_by_cell(executor: Executor, run: Run, folder: Path, limit_s: float) -> Iterator[Run]:
    """Measure each cell of a run in a job of its own.

    A cell whose worker dies or is late gets a result that says so, and the next cell goes on.

    Args:
        executor: Where the jobs run.
        run: What is planned; results are added to those it has.
        folder: The run's own, which exists.
        limit_s: Seconds of measuring after which a cell is given up.
    """
    for cell in run.cells:
        for finished in _watch(executor, cell, folder, limit_s):
            if finished is not None:
                run = msgspec.structs.replace(run, results=(*run.results, finished))
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
            yield msgspec.structs.replace(run, results=(*run.results, *missing))
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
