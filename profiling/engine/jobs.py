"""What the worker runs: one function for each kind of question, plain data in and out."""

from __future__ import annotations

import functools
import gc
import time
from pathlib import Path

from msgspec.structs import replace

from profiling.engine import notes, plan, selfcheck
from profiling.engine.outcomes import Failure, attempt, clear_device
from profiling.engine.passes import Passes
from profiling.measure import device, graph, machine, prediction, stepper
from profiling.model.errors import InputError
from profiling.model.graph import BranchGraph
from profiling.model.lesson import LessonRequest, LessonTrace, PartTrace
from profiling.model.run import Cell, CellResult, Check, Environment, Request, Run
from profiling.traces import table
from profiling.traces.table import Trace


def detect(preferred: str) -> Environment:
    """Describe the machine."""
    return machine.detect(preferred)


@functools.cache
def prepare() -> None:
    """Do once what a process's first comparison would otherwise wait for."""
    prediction.warm_up()
    # What was loaded will never be garbage, and collections are part of measuring.
    gc.collect()
    gc.freeze()


def self_check(kind: str) -> tuple[Check, ...]:
    """Put the measuring on a kind of device to the test."""
    return tuple(selfcheck.self_check(device.get(kind)))


def run_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson."""
    return stepper.run_lesson(request)


def branch_graph(cell: Cell) -> BranchGraph:
    """Run the one branch of a cell once and return its backward graph."""
    return graph.branch_graph(cell)


def step_code(source: str, seconds: float) -> PartTrace:
    """Step through a person's own code; only the playground's processes are asked for this."""
    return stepper.step_code(source, seconds)


def read_trace(path: str, progress: str) -> Trace:
    """Read anybody's trace, writing how far it is into a file.

    Args:
        path: The trace.
        progress: The file, which gets the share that is done, from 0 to 1.

    Raises:
        InputError: The file is not a trace, or is larger than memory allows.
    """
    try:
        return table.read_trace(Path(path), lambda share: _note(share, Path(progress)))
    except MemoryError:
        raise InputError("error.trace_memory") from None


def _note(share: float, progress: Path) -> None:
    progress.write_text(f"{share:.3f}", encoding="ascii")


def compare(request: Request, folder: str) -> Run:
    """Plan and measure a whole comparison on this process's own device, noting what is finished.

    Args:
        request: A checked request.
        folder: An existing folder, named after the run.

    Raises:
        InputError: The device cannot do what is asked for.
    """
    place = Path(folder)
    # The process may have served another visitor before.
    clear_device()
    run = plan.new_run(request, machine.detect("auto"), place.name)
    notes.note(run, place)
    for cell in run.cells:
        if not notes.is_wanted(place):
            break
        run = replace(run, results=(*run.results, measure_cell(cell, folder)))
        notes.note(run, place)
    clear_device()
    return run


def measure_cell(cell: Cell, folder: str) -> CellResult:
    """Measure all branches of a cell: gradient reach, memory, time, trace, each in its own run.

    Args:
        cell: The planned cell.
        folder: An existing folder; traces are written below its ``traces``.
    """
    start = time.perf_counter()
    prepare()
    result = attempt(lambda: Passes(cell, Path(folder)).run())
    if isinstance(result, Failure):
        result = CellResult(cell, result.status, (), result.reason, result.message, result.values)
    return replace(result, duration_s=time.perf_counter() - start)
