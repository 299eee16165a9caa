"""The time pass: forward and backward of every branch, interleaved, with no profiler near."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from profiling.measure.step import Step
from profiling.records import Sample

WARM_UP_ROUNDS = 3
MIN_ROUNDS = 3
MAX_ROUNDS = 5000
# The half width of every ratio's interval that is precise enough, as a share of the ratio.
PRECISION = 0.02
# Below this many rounds an interval this narrow is luck.
MIN_PRECISE_ROUNDS = 30


class Timed(NamedTuple):
    """The samples of a time pass.

    Attributes:
        samples: For each step, one forward and one backward sample a round, in seconds.
        stopped_by: ``"precision"``, ``"budget"`` or ``"rounds"``: what ended it.
    """

    samples: list[list[Sample]]
    stopped_by: str


def time_steps(
    steps: Sequence[Step], device: str, seed: int, budget_s: float, baseline: int = 0
) -> Timed:
    """Time all branches in rounds of seeded random order, until it is precise or the budget used.

    A round holds every branch once, so that a machine that drifts drifts for all of them and
    equal sample indices form a pair.

    Args:
        steps: The branches; each must be able to run.
        device: ``"cpu"`` (wall time by perf_counter) or ``"cuda"`` (device time by events).
        seed: Seed of the order.
        budget_s: Seconds of timed steps in all; at least `MIN_ROUNDS` rounds are taken anyway.
        baseline: Place of the step that the others' ratios are to be precise against.
    """
    if not steps:
        return Timed([], "")
    time_once = _time_cuda if device == "cuda" else _time_cpu
    gc.collect()
    gc_was_enabled = gc.isenabled()
    gc.disable()
    try:
        _warm_up(steps, time_once, budget_s)
        rounds, stopped_by = _rounds(steps, time_once, random.Random(seed), budget_s, baseline)
    finally:
        if gc_was_enabled:
            gc.enable()
    samples = [
        [
            Sample(phase, "time", "s", index, seconds)
            for index, round_ in enumerate(rounds)
            for phase, seconds in zip(("forward", "backward"), round_[position], strict=True)
        ]
        for position in range(len(steps))
    ]
    return Timed(samples, stopped_by)


_TimeOnce = Callable[[Step], tuple[float, float]]
_Round = list[tuple[float, float]]


def _warm_up(steps: Sequence[Step], time_once: _TimeOnce, budget_s: float) -> None:
    for _ in range(WARM_UP_ROUNDS):
        # Steps this long are as warm after one round as after three.
        if sum(sum(time_once(step)) for step in steps) >= budget_s:
            break


def _rounds(
    steps: Sequence[Step],
    time_once: _TimeOnce,
    source: random.Random,
    budget_s: float,
    baseline: int,
) -> tuple[list[_Round], str]:
    rounds: list[_Round] = []
    order = list(range(len(steps)))
    used, next_check = 0.0, MIN_PRECISE_ROUNDS
    while len(rounds) < MAX_ROUNDS:
        if len(rounds) >= MIN_ROUNDS and used >= budget_s:
            return rounds, "budget"
        if len(rounds) >= next_check:
            if _is_precise(rounds, baseline):
                return rounds, "precision"
            next_check = len(rounds) * 5 // 4
        source.shuffle(order)
        round_ = [(0.0, 0.0)] * len(steps)
        for position in order:
            round_[position] = time_once(steps[position])
            used += sum(round_[position])
        rounds.append(round_)
    return rounds, "rounds"


def _is_precise(rounds: Sequence[_Round], baseline: int) -> bool:
    """Whether the 95 % interval of every ratio's median, by order statistics, is narrow."""
    totals = [[sum(phases) for phases in round_] for round_ in rounds]
    reach = 0.98 * math.sqrt(len(rounds))
    low, high = math.floor(len(rounds) / 2 - reach), math.ceil(len(rounds) / 2 + reach)
    for position in range(len(rounds[0])):
        ratios = sorted(round_[position] / (round_[baseline] or 1e-9) for round_ in totals)
        middle = ratios[len(ratios) // 2]
        if (ratios[min(high, len(ratios) - 1)] - ratios[max(low, 0)]) / 2 > PRECISION * middle:
            return False
    return True


def _time_cpu(step: Step) -> tuple[float, float]:
    step.reset()
    start = time.perf_counter_ns()
    result = step.forward()
    middle = time.perf_counter_ns()
    step.backward(result)
    end = time.perf_counter_ns()
    return (middle - start) / 1e9, (end - middle) / 1e9


def _time_cuda(step: Step) -> tuple[float, float]:
    step.reset()
    start, middle, end = (torch.cuda.Event(enable_timing=True) for _ in range(3))
    torch.cuda.synchronize()
    start.record()
    result = step.forward()
    middle.record()
    step.backward(result)
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(middle) / 1e3, middle.elapsed_time(end) / 1e3
