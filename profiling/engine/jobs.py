"""What the worker runs: one function for each kind of question, plain data in and out."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from msgspec.structs import replace

from demos import catalogue
from profiling.lesson_records import LessonRequest, LessonTrace
from profiling.measure import environment, lesson, memory, profiler, reach, timing
from profiling.measure.step import State, Step
from profiling.records import (
    BranchResult,
    Cell,
    CellResult,
    Environment,
    Reach,
    Sample,
    Status,
    ran,
)
from profiling.traces.load import load_trace

T = TypeVar("T")


def detect(preferred: str) -> Environment:
    """Describe the machine."""
    return environment.detect(preferred)


def run_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson."""
    return lesson.run_lesson(request)


def measure_cell(cell: Cell, folder: str) -> CellResult:
    """Measure all branches of a cell: gradient reach, memory, time, trace, each in its own run.

    Args:
        cell: The planned cell.
        folder: An existing folder; traces are written below its ``traces``.
    """
    start = time.perf_counter()
    result = _attempt(lambda: _Measurement(cell, Path(folder)).run())
    if isinstance(result, _Failure):
        result = CellResult(cell, result.status, (), result.reason, result.message)
    return replace(result, duration_s=time.perf_counter() - start)


class _Failure:
    """Why something could not be measured."""

    def __init__(self, error: BaseException) -> None:
        # The text alone is kept: the error's traceback would keep every tensor alive.
        self.message = str(error) or type(error).__name__
        self.status, self.reason = Status.ERROR, "error.step_failed"
        if _is_out_of_memory(error):
            self.status, self.reason = Status.OUT_OF_MEMORY, "error.out_of_memory"


class _Measurement:
    """The passes over one cell."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self.stopped_by = ""
        self._cell = cell
        self._folder = folder
        self._entry = catalogue.workload(cell.workload)
        self._state = State(cell)
        self._reference = self._state.reference()

    def run(self) -> CellResult:
        results = {branch: self._try(branch) for branch in self._cell.branches}
        steps = {
            branch: self._state.step(branch)
            for branch, result in results.items()
            if result.status is Status.OK
        }
        for measure in (self._memory, self._time, self._trace):
            for branch, addition in measure(steps).items():
                if isinstance(addition, _Failure):
                    results[branch] = _failed(results[branch], addition)
                    del steps[branch]
                else:
                    samples, trace = addition
                    results[branch] = _extended(results[branch], samples, trace)
        return CellResult(
            self._cell, Status.OK, tuple(results.values()), stopped_by=self.stopped_by
        )

    def _try(self, branch: str) -> BranchResult:
        """Run a branch once, unobserved: does it work, and which gradients come out?"""
        if ran(branch) in self._entry.absent:
            reason = self._entry.absent_reason(ran(branch))
            return BranchResult(branch, Status.UNSUPPORTED, reason)
        source = self._entry.sources[ran(branch)].text
        result = BranchResult(
            branch,
            Status.OK,
            source=source,
            source_sha256=hashlib.sha256(source.encode()).hexdigest(),
        )
        step = self._state.step(branch)
        outcome = _attempt(lambda: self._reach(step))
        if not isinstance(outcome, _Failure):
            return replace(result, reach=outcome)
        expected = self._entry.raises.get(ran(branch))
        if expected is not None and expected in outcome.message:
            outcome.status = Status.EXPECTED_ERROR
            outcome.reason = f"workload.{self._cell.workload}.raises.{ran(branch)}"
        return _failed(result, outcome)

    def _reach(self, step: Step) -> tuple[Reach, ...]:
        step.reset()
        step.backward(step.forward())
        return reach.gradient_reach(self._state.groups, self._reference)

    def _memory(self, steps: dict[str, Step]) -> _Additions:
        device = self._cell.device

        def measure(step: Step) -> _Addition:
            samples = memory.measure_memory(step, device) + memory.measure_saved(step, self._state)
            return samples, None

        return _each(steps, measure)

    def _time(self, steps: dict[str, Step]) -> _Additions:
        cell = self._cell
        labels = list(steps)
        baseline = labels.index(cell.baseline) if cell.baseline in labels else 0
        timed = _attempt(
            lambda: timing.time_steps(
                list(steps.values()), cell.device, cell.seed, cell.budget_s, baseline
            )
        )
        if isinstance(timed, _Failure):
            return dict.fromkeys(steps, timed)
        self.stopped_by = timed.stopped_by
        return {label: (mine, None) for label, mine in zip(labels, timed.samples, strict=True)}

    def _trace(self, steps: dict[str, Step]) -> _Additions:
        cell = self._cell
        traces = self._folder / "traces"
        traces.mkdir(exist_ok=True)

        def measure(step: Step) -> _Addition:
            label = step.branch.replace("#", "-")
            name = f"{cell.workload}-{label}-{cell.size}-{cell.dtype}-{cell.device}.json.gz"
            # Memory that the pass before gave back has to be mapped again, outside of the trace.
            step.reset()
            step.backward(step.forward())
            profiler.record_step(step, cell.device, traces / name, shapes=True)
            ops = load_trace(traces / name)["category"].eq("cpu_op").sum()
            return [Sample("step", "ops", "count", 0, int(ops))], f"traces/{name}"

        return _each(steps, measure)


_Addition = tuple[list[Sample], "str | None"]
_Additions = dict[str, "_Addition | _Failure"]


def _each(steps: dict[str, Step], measure: Callable[[Step], _Addition]) -> _Additions:
    additions: _Additions = {}
    for branch, step in steps.items():
        additions[branch] = _attempt(lambda step=step: measure(step))  # type: ignore[misc]
    return additions


def _attempt(action: Callable[[], T]) -> T | _Failure:
    try:
        return action()
    except Exception as error:
        failure = _Failure(error)
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return failure


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short; the CPU allocator says so in words only, torch may wrap it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    signs = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
    if any(sign in str(error) for sign in signs):
        return True
    return error.__cause__ is not None and _is_out_of_memory(error.__cause__)


def _extended(result: BranchResult, samples: list[Sample], trace: str | None) -> BranchResult:
    return replace(result, samples=result.samples + tuple(samples), trace=trace or result.trace)


def _failed(result: BranchResult, failure: _Failure) -> BranchResult:
    return replace(result, status=failure.status, reason=failure.reason, message=failure.message)
