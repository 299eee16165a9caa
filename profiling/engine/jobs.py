"""What a worker runs: a function for each kind of question, plain data in and out.

The page's process submits these functions and has no torch; they import what they need when they
run, which is in the worker.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from msgspec.structs import replace

from profiling.analysis.diagnosis import Diagnosis, diagnose
from profiling.engine import plan
from profiling.engine.progress import Notes, RunningBranch
from profiling.model.errors import InputError, SpentProcessError
from profiling.model.graph import BranchGraph
from profiling.model.lesson import LessonRequest, LessonTrace, PartTrace
from profiling.model.recording import RecordedRun, Recording
from profiling.model.request import Request
from profiling.model.run import Cell, CellResult, Check, Environment, Status
from profiling.model.watch import load_watch


def detect(preferred: str) -> Environment:
    """Describe the machine.

    Args:
        preferred: The device to prefer: as `profiling.measure.device.find` takes it.
    """
    from profiling.measure import machine

    return machine.detect(preferred)


def prepare() -> None:
    """Do now what this process's first comparison would otherwise wait for."""
    from profiling.measure import cell

    cell.warm_up()


def self_check(spec: str) -> tuple[Check, ...]:
    """Check the measuring on a device."""
    from profiling.measure import device, selfcheck

    return tuple(selfcheck.self_check(device.get(spec)))


def run_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson on the device that it is placed on, and give back what it used there.

    Raises:
        DeviceLostError: The device now fails at everything.
    """
    from profiling.measure import stepper
    from profiling.measure.failure import give_memory_back

    trace = stepper.run_lesson(request)
    if request.device != "cpu":
        give_memory_back()
    return trace


def run_lent_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson on this process's own device.

    Raises:
        InputError: There is no such device.
    """
    from profiling.measure import machine
    from profiling.measure.failure import clear_device

    # The process may have served another visitor before.
    clear_device()
    try:
        trace = run_lesson(plan.place_lesson(request, machine.detect("auto")))
    except SpentProcessError:
        end_process()
    clear_device()
    return trace


def branch_graph(cell: Cell) -> BranchGraph:
    """Run the one branch of a cell once and return its backward graph."""
    from profiling.measure import graph

    return graph.branch_graph(cell)


def step_code(source: str, seconds: float) -> PartTrace:
    """Step through a person's own code; only the playground's processes are asked for this."""
    from profiling.measure import stepper

    return stepper.step_code(source, seconds)


def explain(path: Path) -> Diagnosis:
    """Read the record of a watched script from any source, and diagnose it.

    Raises:
        InputError: The file is no such record, or is larger than memory allows.
    """
    try:
        return diagnose(load_watch(path))
    except MemoryError:
        raise InputError("error.watch_memory") from None


def explain_lesson(request: LessonRequest) -> Diagnosis:
    """Run a lesson's wrong code again, and say what is wrong with its gradients."""
    from profiling.measure import watching

    return diagnose(watching.watch_lesson(request))


def explain_code(source: str, seconds: float) -> Diagnosis:
    """Run a person's own code again; only the playground's processes are asked for this."""
    from profiling.measure import watching

    return diagnose(watching.watch_code(source, seconds))


def measure_cell(cell: Cell, folder: Path, notes: Notes) -> CellResult:
    """Measure all branches of a cell, noting which one is running.

    Args:
        cell: The planned cell.
        folder: An existing folder; traces are written below its ``traces``.
        notes: The job's own.
    """
    from profiling.measure import cell as measuring

    return measuring.measure_cell(cell, folder, notes.running())


def read_cell(recording: Recording, folder: Path, notes: Notes) -> CellResult:
    """Read and compress the traces of a cell that was recorded elsewhere, noting which one.

    Args:
        recording: The cell.
        folder: The folder that it was recorded in.
        notes: The job's own.
    """
    from profiling.measure import reading

    return reading.read_cell(recording, folder, notes.running())


def compare(request: Request, folder: Path, notes: Notes) -> RecordedRun:
    """Plan and record a whole comparison on this process's own device, noting the run so far.

    It ends after the cell at hand when nobody waits for it any more. Traces are left to be read by
    `read_cell`, which needs no device.

    Args:
        request: A checked request.
        folder: An existing folder, named after the run.
        notes: The job's own.

    Raises:
        InputError: The device cannot do what is asked for.
    """
    from profiling.measure.failure import clear_device

    # The process may have served another visitor before, and it may be killed at any moment.
    clear_device()
    with _temporary_files_in(folder):
        run = _record(request, folder, notes)
    clear_device()
    return run


def end_process() -> NoReturn:
    """End this process at once: what is noted stays, and the next call gets another process."""
    os._exit(1)


def _record(request: Request, folder: Path, notes: Notes) -> RecordedRun:
    from profiling.measure import cell as measuring
    from profiling.measure import machine

    run = RecordedRun(plan.new_run(request, machine.detect("auto"), folder.name))
    notes.write(run)
    for cell in run.planned.cells:
        if not notes.is_awaited():
            break
        try:
            recording = measuring.record_cell(cell, folder, notes.running())
        except SpentProcessError as error:
            running = notes.read(RunningBranch)
            text = str(error.values["text"])
            message = text if running is None else f"{running.branch}: {text}"
            lost = Recording(CellResult(cell, Status.ERROR, (), error.key, message))
            notes.write(replace(run, recordings=(*run.recordings, lost)))
            end_process()
        run = replace(run, recordings=(*run.recordings, recording))
        notes.write(run)
    return run


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Have temporary files go with a folder, which is deleted whatever becomes of this process."""
    # torch stays with the folder that it finds when it first needs one.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
