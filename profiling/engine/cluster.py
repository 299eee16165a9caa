"""A Dask cluster: its machines measure cells side by side, each in a worker process of ours.

A task of Dask's runs in a thread, which nobody can end, and counts the death of its process as the
task's own. So each task has its cell measured by the same killable process as on one machine, and
limits, cancelling and the blame of a branch hold. Results and traces come back as data: the
machines need not share files.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from profiling.engine import jobs
from profiling.engine.cells import HEARTBEAT_S, CellJob, failed, result_of
from profiling.engine.files import compiled_folder
from profiling.engine.process import WorkerProcess
from profiling.engine.progress import Notes
from profiling.engine.worker import initialize
from profiling.model.errors import InputError, WorkerError
from profiling.model.run import Cell, CellResult, Environment, Run

# Who does not answer by then is not there.
_CONNECTING_S = 15.0
# What Dask sets for its own workers, in whose threads nothing of torch's runs here.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Measured(NamedTuple):
    """A cell that was measured on another machine.

    Attributes:
        result: Its result, with that machine's environment.
        files: Contents of the traces, by their path in the run's folder.
    """

    result: CellResult
    files: dict[str, bytes]


class Cluster:
    """A connection to a Dask scheduler."""

    def __init__(self, address: str) -> None:
        """Connect.

        Args:
            address: Of the scheduler, such as ``"tcp://host:8786"``.

        Raises:
            InputError: The package `distributed` is missing, or nobody answers at the address.
        """
        try:
            dask = _dask()
        except ImportError:
            raise InputError("error.no_distributed") from None
        try:
            self._client = dask.Client(address, timeout=_CONNECTING_S)
            self._client.wait_for_workers(1, timeout=_CONNECTING_S)
        except (OSError, ValueError, TypeError, TimeoutError) as error:
            text = str(error) or type(error).__name__
            raise InputError("error.no_cluster", address=address, text=text) from None

    def environment(self, preferred: str) -> Environment:
        """Return what one of its machines is; the others may differ.

        Raises:
            WorkerError: The worker there cannot start.
        """
        described: Environment = _result(self._client.submit(detect_here, preferred, pure=False))
        return described

    def measure(self, run: Run, folder: Path, preferred: str, limit_s: float) -> Iterator[Run]:
        """Measure the cells of a run side by side and yield the run so far, again and again.

        Closing the iterator ends the measuring.

        Args:
            run: What is planned; results are in the order of its cells.
            folder: The run's own, which exists.
            preferred: The device to prefer.
            limit_s: Seconds that a cell may take, without the time it waits for a machine.
        """
        results: dict[int, CellResult] = {}
        waiting = {
            place: self._client.submit(measure_here, cell, preferred, limit_s, pure=False)
            for place, cell in enumerate(run.cells)
        }
        futures = list(waiting.values())
        try:
            while waiting:
                for place in [each for each, future in waiting.items() if future.done()]:
                    results[place] = _taken(waiting.pop(place), run.cells[place], folder)
                yield replace(run, results=tuple(results[place] for place in sorted(results)))
                if waiting:
                    time.sleep(HEARTBEAT_S)
        finally:
            self._client.cancel(futures, force=True)

    def close(self) -> None:
        """Disconnect; the cluster stays."""
        self._client.close()


def _dask() -> Any:
    """Return the package, which is installed where there is a cluster."""
    return importlib.import_module("distributed")


def _taken(future: Any, cell: Cell, folder: Path) -> CellResult:
    """Return a cell's result, with its traces written to the run's folder."""
    try:
        measured: Measured = _result(future)
    except WorkerError as error:
        return failed(cell, error)
    for name, content in measured.files.items():
        path = folder / "traces" / Path(name).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return measured.result


def _result(future: Any) -> Any:
    """Return a task's result.

    Raises:
        WorkerError: What it raised, or that the machines it was given to have ended.
    """
    try:
        return future.result()
    except (_dask().KilledWorker, CancelledError) as error:
        raise WorkerError("error.worker_died") from error
    except WorkerError:
        raise
    except Exception as error:
        raise WorkerError("error.worker_failed", text=str(error) or repr(error)) from error


class _Machine:
    """What measures in a process of Dask's: a worker process of ours and its files."""

    def __init__(self, preferred: str) -> None:
        for name in _THREADS:
            os.environ.pop(name, None)
        # Dask deletes what is in it, also for one of its processes that was killed.
        own = Path(tempfile.mkdtemp(dir=_dask().get_worker().local_directory))
        self.folder = own / "cells"
        self.folder.mkdir()
        start = (preferred, own / "worker", compiled_folder(own / "compiled"))
        self.worker = WorkerProcess(initialize, start)
        self.environment: Environment = result_of(self.worker.submit(jobs.detect, preferred))


# Of several cells at once each would disturb the other's times.
_measuring = threading.Lock()
_machine = functools.cache(_Machine)


def detect_here(preferred: str) -> Environment:
    """Describe this machine."""
    with _measuring:
        return _machine(preferred).environment


def measure_here(cell: Cell, preferred: str, limit_s: float) -> Measured | None:
    """Measure a cell on this machine; None if nobody waits for it any more.

    Args:
        cell: The cell.
        preferred: The device to prefer.
        limit_s: Seconds that the cell may take.
    """
    is_awaited = _awaited()
    with _measuring:
        if not is_awaited():
            return None
        machine = _machine(preferred)
        folder = Path(tempfile.mkdtemp(dir=machine.folder))
        (folder / "notes").mkdir()
        job = CellJob(
            machine.worker.limited(limit_s), cell, folder, Notes(folder / "notes"), limit_s
        )
        try:
            while (finished := job.finished(HEARTBEAT_S)) is None:
                if not is_awaited():
                    return None
            files = {
                result.trace: (folder / result.trace).read_bytes()
                for result in finished.results
                if result.trace is not None
            }
        finally:
            job.cancel()
            shutil.rmtree(folder, ignore_errors=True)
    return Measured(replace(finished, environment=machine.environment), files)


def _awaited() -> Callable[[], bool]:
    """Return a function that tells whether this task is still wanted.

    Dask lets a thread run on when its task is cancelled or its client is gone, and only notes it.
    """
    worker = _dask().get_worker()
    key = worker.get_current_task()

    def is_awaited() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    return is_awaited
