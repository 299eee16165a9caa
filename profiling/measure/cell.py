"""Measures a cell in separate passes: prediction, gradients, memory, saved tensors, time, trace.

No pass shares a run with another, since each disturbs what another one measures. Traces are read
when all is recorded: that disturbs nothing, and a device that is lent can be given back before.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from profiling import catalogue
from profiling.measure import (
    device,
    gradients,
    memory,
    mode,
    prediction,
    profiler,
    reading,
    timing,
)
from profiling.measure.failure import Failure, attempt, give_memory_back, is_out_of_memory
from profiling.measure.own_workload import Reference
from profiling.measure.prediction import Predictions
from profiling.measure.step import State, Step
from profiling.model.recording import Recording, Unread, no_trace
from profiling.model.request import EAGER
from profiling.model.run import (
    BranchResult,
    Cell,
    CellResult,
    Notice,
    PeakPart,
    Reach,
    Sample,
    Status,
    ran,
)
from profiling.model.units import show_bytes

Running = Callable[[str], AbstractContextManager[object]]


@functools.cache
def warm_up() -> None:
    """Do once, in the main thread, what the first cell of a process would otherwise wait for."""
    profiler.warm_up()
    prediction.warm_up()
    # What is loaded now will never be garbage, and collections are part of measuring.
    gc.collect()
    gc.freeze()


def measure_cell(cell: Cell, folder: Path, running: Running = contextlib.nullcontext) -> CellResult:
    """Record all branches of a cell and read what was recorded.

    Args:
        cell: The planned cell.
        folder: An existing folder; traces are written below its ``traces``.
        running: Is entered with a branch's label while the branch runs, except while it is timed,
            and while its trace is read.
    """
    return reading.read_cell(record_cell(cell, folder, running), folder, running)


def record_cell(cell: Cell, folder: Path, running: Running = contextlib.nullcontext) -> Recording:
    """Do all that needs the device; a cell that cannot be built gets a result that says why.

    The arguments are those of `measure_cell`.
    """
    start = time.perf_counter()
    warm_up()
    recording = attempt(lambda: _Passes(cell, folder, running).run())
    if isinstance(recording, Failure):
        why = recording
        recording = Recording(CellResult(cell, why.status, (), why.reason, why.message, why.values))
    elif device.in_use():
        give_memory_back()  # Others may need it while this process waits.
    duration_s = time.perf_counter() - start
    return replace(recording, result=replace(recording.result, duration_s=duration_s))


class Addition(NamedTuple):
    """What a pass adds to a branch's result."""

    samples: list[Sample]
    parts: tuple[PeakPart, ...] = ()
    scratch: tuple[PeakPart, ...] = ()
    notices: tuple[Notice, ...] = ()


Additions = dict[str, "Addition | Failure"]


class _Passes:
    """The passes over one cell."""

    def __init__(self, cell: Cell, folder: Path, running: Running) -> None:
        """Predict what every branch needs; nothing is allocated yet."""
        self._cell = cell
        self._folder = folder
        self._running = running
        self._entry = catalogue.workload(cell.workload, cell.file)
        self._runnable = [each for each in cell.branches if ran(each) not in self._entry.absent]
        self._device = device.get(cell.device)
        self._device.select()
        self._notices: list[Notice] = []
        self._unread: list[Unread] = []
        self._free_bytes = self._device.free_bytes()
        predicted = attempt(lambda: self._predict(running))
        # What cannot be predicted, for whatever reason, is run all the same.
        nothing = Predictions(None, None, None, dict.fromkeys(self._runnable))
        self._predicted = nothing if isinstance(predicted, Failure) else predicted

    def _predict(self, running: Running) -> Predictions:
        """Predict all branches, or only the state where fake tensors do not take their way."""
        if mode.of_cell(self._cell).predicts:
            return prediction.predict(self._cell, self._runnable, running)
        told = prediction.predict(replace(self._cell, mode=EAGER), (), running)
        return told._replace(branches=dict.fromkeys(self._runnable))

    def run(self) -> Recording:
        """Measure what fits."""
        results = {branch: self._before(branch) for branch in self._cell.branches}
        result = CellResult(
            self._cell,
            Status.OK,
            (),
            parameter_bytes=self._predicted.parameter_bytes,
            input_bytes=self._predicted.input_bytes,
        )
        if any(each.status is Status.OK for each in results.values()):
            result = self._measure(result, results)
        return Recording(replace(result, results=tuple(results.values())), tuple(self._unread))

    def _before(self, branch: str) -> BranchResult:
        """Return what is known of a branch before it runs: absent, too large, or to be run."""
        if branch not in self._runnable:
            reason = self._entry.absent_reason(ran(branch))
            return BranchResult(branch, Status.UNSUPPORTED, reason)
        source = self._entry.source(ran(branch)).text
        result = BranchResult(
            branch,
            Status.OK,
            source=source,
            source_sha256=hashlib.sha256(source.encode()).hexdigest(),
        )
        predicted = self._predicted.branches[branch]
        if predicted is not None:
            sample = Sample("step", "predicted", "bytes", 0, predicted.peak_bytes)
            result = replace(result, samples=(sample,))
        needed = prediction.needed_bytes(self._predicted, predicted)
        if needed <= self._free_bytes or self._cell.force:
            return result
        return replace(
            result,
            status=Status.OUT_OF_MEMORY,
            reason="error.will_not_fit",
            values={"needed": show_bytes(needed), "free": show_bytes(self._free_bytes)},
        )

    def _measure(self, result: CellResult, results: dict[str, BranchResult]) -> CellResult:
        """Run every pass over the branches that are ok so far, updating their results."""
        state = State(self._cell)
        reference = self._reference(state)
        steps = {name: state.step(name) for name, each in results.items() if _is_ok(each)}

        def settle(additions: Additions) -> None:
            for branch, addition in additions.items():
                results[branch] = _extended(results[branch], addition)
                if not _is_ok(results[branch]):
                    del steps[branch]

        for branch in list(steps):
            results[branch] = self._check(results[branch], steps[branch], state, reference)
            if not _is_ok(results[branch]):
                del steps[branch]
        settle(self._each(steps, lambda step: self._memory(step, state)))
        timed = self._time(steps)
        settle(_timed_additions(steps, timed))
        settle(_without_failures(self._trace(steps)))
        return replace(
            result,
            stopped_by=timed.stopped_by,
            warm_up_rounds=timed.warm_up_rounds,
            loops=timed.loops,
            others_cpu_share=timed.others_share,
            notices=(*self._device.untold(), *self._notices),
        )

    def _reference(self, state: State) -> Reference | None:
        """Compute the correct gradients, if that fits in memory."""
        needed = prediction.needed_bytes(self._predicted, self._predicted.reference)
        if needed > self._free_bytes and not self._cell.force:
            return None
        try:
            reference = state.reference()
            self._device.synchronize()  # An error of it that comes late is not a branch's.
            return reference
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        give_memory_back()
        return None

    def _check(
        self, result: BranchResult, step: Step, state: State, reference: Reference | None
    ) -> BranchResult:
        """Run a branch once, unobserved, and compare its gradients with the reference."""

        def run() -> tuple[tuple[Reach, ...], float]:
            state.mode.begin()
            start = time.perf_counter()
            step.check()
            self._device.synchronize()
            first_s = time.perf_counter() - start
            precision = state.mode.precision
            return gradients.gradient_reach(state.groups, reference, precision), first_s

        with self._running(step.branch):
            outcome = attempt(run)
        if not isinstance(outcome, Failure):
            reach, first_s = outcome
            told = Addition(state.mode.samples(first_s), notices=tuple(state.mode.notices()))
            return replace(_extended(result, told), reach=reach)
        expected = self._entry.expected_reason(ran(step.branch), outcome.message)
        if expected is not None:
            outcome.status, outcome.reason = Status.EXPECTED_ERROR, expected
        return _extended(result, outcome)

    def _memory(self, step: Step, state: State) -> Addition:
        predicted = self._predicted.branches[step.branch]
        found = memory.measure_memory(step, self._device, predicted)
        saved = memory.measure_saved(step, state)
        return Addition([*found.samples, *saved], found.parts, found.scratch)

    def _time(self, steps: dict[str, Step]) -> timing.Timed:
        cell = self._cell
        labels = list(steps)
        timed = timing.time_steps(
            list(steps.values()),
            self._device,
            cell.seed,
            cell.budget_s,
            labels.index(cell.baseline) if cell.baseline in labels else 0,
            looped=self._entry.looped,
        )
        # The first to fail may have cost all others the device.
        for position, failure in list(timed.failures.items())[:1]:
            with self._running(labels[position]):
                give_memory_back(failure.message)
        return timed

    def _trace(self, steps: dict[str, Step]) -> Additions:
        """Record every branch's trace."""
        (self._folder / "traces").mkdir(exist_ok=True)
        copy = attempt(self._device.copy_bandwidth) if steps else None
        if isinstance(copy, Failure):  # There was no memory left for it.
            copy = None
        if steps and self._device.has_kernels:
            seen = attempt(lambda: profiler.sees_kernels(self._device))
            if seen is not True:
                self._notices.append(Notice("notice.no_kernels_recorded"))
        # Memory that was given back since the time pass is mapped again outside of a trace.
        self._each(dict(list(steps.items())[:1]), _run)
        recorded = self._each(steps, lambda step: self._record(step, copy))
        worked = [step for step in steps.values() if isinstance(recorded[step.branch], Addition)]
        self._unread = [self._to_read(step) for step in worked]
        return recorded

    def _record(self, step: Step, copy_bytes_per_s: float | None) -> Addition:
        path = self._folder / self._trace_path(step)
        profiler.record_step(step, self._device, path, shapes=True)
        if self._is_read_already():
            return Addition([])
        return Addition([Sample("step", "copy_bandwidth", "bytes_per_s", 0, copy_bytes_per_s)])

    def _to_read(self, step: Step) -> Unread:
        unread = Unread(step.branch, self._trace_path(step), not self._is_read_already())
        if not (unread.has_counts and self._device.has_allocations and self._device.counts()):
            return unread
        predicted = self._predicted.branches[step.branch]
        operators = None if predicted is None else predicted.operators
        return replace(unread, memory_of=self._device.trace_name, predicted=operators)

    def _is_read_already(self) -> bool:
        """Whether the memory pass has read what a trace tells beside its events."""
        return self._device.has_allocations and not self._device.has_counters

    def _each(self, steps: dict[str, Step], measure: Callable[[Step], Addition]) -> Additions:
        def waited(step: Step) -> Addition:
            addition = measure(step)
            self._device.synchronize()  # An error that comes late is not the next branch's.
            return addition

        additions: Additions = {}
        for branch, step in steps.items():
            with self._running(branch):
                additions[branch] = attempt(lambda step=step: waited(step))  # type: ignore[misc]
        return additions

    def _trace_path(self, step: Step) -> str:
        cell, label = self._cell, step.branch.replace("#", "-")
        how, device = cell.computation.replace(" ", "-"), cell.device.replace(":", "-")
        return f"traces/{cell.workload}-{label}-{cell.size}-{how}-{device}.json"


def _run(step: Step) -> Addition:
    step.reset()
    step.backward(step.forward())
    return Addition([])


def _without_failures(traced: Additions) -> Additions:
    """Turn failures into notices: what was measured before a trace failed is as good as ever."""
    return {
        branch: Addition([], notices=(no_trace(branch, each.message or each.reason),))
        if isinstance(each, Failure)
        else each
        for branch, each in traced.items()
    }


def _timed_additions(steps: dict[str, Step], timed: timing.Timed) -> Additions:
    return {
        branch: timed.failures.get(position) or Addition(timed.samples[position])
        for position, branch in enumerate(steps)
    }


def _is_ok(result: BranchResult) -> bool:
    return result.status is Status.OK


def _extended(result: BranchResult, addition: Addition | Failure) -> BranchResult:
    if isinstance(addition, Failure):
        return replace(
            result,
            status=addition.status,
            reason=addition.reason,
            message=addition.message,
            values=addition.values,
        )
    return replace(
        result,
        samples=(*result.samples, *addition.samples),
        peak_parts=addition.parts or result.peak_parts,
        scratch=addition.scratch or result.scratch,
        notices=(*result.notices, *addition.notices),
    )
