"""Checks the measuring itself, with steps whose results are known."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from profiling.analysis.statistics import p_value, paired_ratio
from profiling.measure import gradients, memory, prediction, profiler
from profiling.measure.cell import warm_up
from profiling.measure.device import Device, get
from profiling.measure.failure import Failure, attempt
from profiling.measure.step import State, Step
from profiling.measure.timing import Timed, loops_for, time_looped, time_steps
from profiling.model.run import Cell, Check
from profiling.traces.operators import device_work
from profiling.traces.table import load_trace

PLANTED_SLOWDOWN = 0.2
_BUDGET_S = 2.0
_BYTES = 12_345
# Chance alone makes one check in a thousand fail.
_SIGNIFICANCE = 0.001


class Slowed(Step):
    """A step whose forward takes a planted time longer."""

    def __init__(self, step: Step, extra_s: float) -> None:
        """Wrap a step."""
        self.branch = step.branch
        self._step = step
        self._extra_ns = int(extra_s * 1e9)

    def reset(self) -> None:
        """Reset the wrapped step."""
        self._step.reset()

    def forward(self) -> Any:
        """Run the wrapped forward, then wait, busily, for the planted time."""
        result = self._step.forward()
        end = time.perf_counter_ns() + self._extra_ns
        while time.perf_counter_ns() < end:
            pass
        return result

    def backward(self, result: Any) -> None:
        """Run the wrapped backward."""
        self._step.backward(result)


class Call(Step):
    """A callable as a step that leaves nothing behind."""

    def __init__(self, function: Callable[[], Any]) -> None:
        """Wrap a callable."""
        self.branch = "call"
        self._function = function

    @property
    def call(self) -> Callable[[], Any]:
        """Return the callable itself."""
        return self._function

    def reset(self) -> None:
        """Nothing has to be undone."""

    def forward(self) -> Any:
        """Call it."""
        return self._function()

    def backward(self, result: Any) -> None:
        """There is none."""

    def tensors(self) -> Iterator[torch.Tensor]:
        """Yield nothing: it works on nothing that is there before."""
        yield from ()


def totals(timed: Timed, position: int) -> pd.Series:
    """Return the seconds of each round's step, forward and backward together."""
    rounds: dict[int, float] = {}
    for sample in timed.samples[position]:
        if sample.metric == "time":
            rounds[sample.index] = rounds.get(sample.index, 0.0) + (sample.value or 0.0)
    return pd.Series(rounds)


def beside_timer(function: Callable[[], Any], seconds: float) -> float:
    """Return our median over that of `torch.utils.benchmark.Timer`, sample by sample in turns."""
    # Not above: it asks whether there is CUDA, which is not to be asked before a worker is forked.
    from torch.utils.benchmark import Timer

    timer = Timer("function()", globals={"function": function}, num_threads=torch.get_num_threads())
    step = Call(function)
    cpu = get("cpu")
    loops = loops_for([step], cpu)
    ours: list[float] = []
    theirs: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(ours) < 5:
        ours.append(time_looped(step, loops, cpu).total)
        theirs.append(timer.timeit(loops).mean)
    return float(pd.Series(ours).median() / pd.Series(theirs).median())


def self_check(device: Device) -> Iterator[Check]:
    """Run every check, in less than a minute together; one that raises has not passed."""
    warm_up()
    for check in (_clock, _timer, _same, _slower, _bytes, _prediction, _gradients, _trace):
        outcome = attempt(lambda check=check: check(device))  # type: ignore[misc]
        name = check.__name__.strip("_")
        if isinstance(outcome, Failure):
            outcome = Check("raised", False, {"check": name, "text": outcome.message})
        yield outcome


def _clock(device: Device) -> Check:
    ticks = [time.perf_counter_ns() for _ in range(1000)]
    steps = [later - sooner for sooner, later in itertools.pairwise(ticks)]
    smallest = min(step for step in steps if step > 0)
    return Check("clock", smallest < 1000, {"ns": str(smallest)})


def _timer(device: Device) -> Check:
    ratio = beside_timer(torch.ones(1000, requires_grad=True).detach, 1.0)
    return Check("timer", 0.9 < ratio < 1.1, {"ratio": f"{ratio:.3f}"})


def _same(device: Device) -> Check:
    state = _state(device)
    p, ratio = _compared([state.step("detach"), state.step("detach")], device)
    return Check("same", p >= _SIGNIFICANCE, {"ratio": f"{ratio:.3f}", "p": f"{p:.2g}"})


def _slower(device: Device) -> Check:
    state = _state(device)
    step = state.step("detach")
    usual_s = float(totals(time_steps([step], device, 0, 0.2), 0).median())
    p, ratio = _compared([step, Slowed(step, PLANTED_SLOWDOWN * usual_s)], device)
    values = {"planted": f"{1 + PLANTED_SLOWDOWN:.2f}", "ratio": f"{ratio:.3f}"}
    return Check("slower", p < _SIGNIFICANCE and ratio > 1, values)


def _bytes(device: Device) -> Check:
    step = Call(lambda: (None, torch.empty(_BYTES, dtype=torch.uint8, device=device.spec)))
    found = memory.measure_memory(step, device).samples[0].value
    values = {"wanted": f"{_BYTES:,}", "found": f"{found or 0:,.0f}"}
    return Check("bytes", found == _BYTES, values)


def _prediction(device: Device) -> Check:
    cell = _cell(device)
    predicted = prediction.predict(cell, ["attached"]).branches["attached"]
    step = State(cell).step("attached")
    step.reset()
    step.backward(step.forward())
    found = memory.measure_memory(step, device).samples[0].value
    wanted = predicted.peak_bytes if predicted is not None else None
    return Check("prediction", found == wanted, {"wanted": str(wanted), "found": f"{found:.0f}"})


def _gradients(device: Device) -> Check:
    state = _state(device)
    step = state.step("attached")
    step.reset()
    reference = state.reference()
    step.backward(step.forward())
    reached = gradients.gradient_reach(state.groups, reference)
    outcomes = {each.group: each.outcome for each in reached}
    found = ", ".join(f"{group}: {outcome}" for group, outcome in outcomes.items())
    return Check("gradients", outcomes == {"x": "unwanted", "w": "equal"}, {"found": found})


def _trace(device: Device) -> Check:
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        path = Path(folder) / "trace.json"
        profiler.record_step(_state(device).step("detach"), device, path, shapes=True)
        trace = load_trace(path)
    ops, events = trace["category"].eq("cpu_op").sum(), trace["name"].eq("[memory]").sum()
    kernels = device_work(trace)["kernels"]
    enough = min(ops, events) > 0 and (not device.has_kernels or (kernels or 0) > 0)
    values = {"ops": str(ops), "events": str(events), "kernels": str(kernels or 0)}
    return Check("trace", bool(enough), values)


def _compared(steps: list[Step], device: Device) -> tuple[float, float]:
    """Time two steps and return the p-value of their difference and their ratio."""
    timed = time_steps(steps, device, 0, _BUDGET_S)
    baseline, values = totals(timed, 0), totals(timed, 1)
    return p_value(values, baseline), paired_ratio(values, baseline).estimate


def _cell(device: Device) -> Cell:
    branches = ("attached", "detach")
    return Cell("elementwise", 20_000, branches, device=device.spec, budget_s=_BUDGET_S)


def _state(device: Device) -> State:
    return State(_cell(device))
