"""The time pass: forward and backward of every branch, interleaved, with no profiler near."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Sequence

import torch

from profiling.measure.step import Step
from profiling.records import Sample

WARM_UP_ROUNDS = 3
MIN_ROUNDS = 3
MAX_ROUNDS = 1000


def time_steps(
    steps: Sequence[Step], device: str, seed: int, budget_s: float
) -> list[list[Sample]]:
    """Time all branches in rounds of seeded random order until the budget is used.

    A round holds every branch once, so that a machine that drifts drifts for all of them and
    equal sample indices form a pair.

    Args:
        steps: The branches; each must be able to run.
        device: ``"cpu"`` (wall time by perf_counter) or ``"cuda"`` (device time by events).
        seed: Seed of the order.
        budget_s: Seconds of timed steps in all; at least `MIN_ROUNDS` rounds are taken anyway.

    Returns:
        For each step, in the given order, one forward and one backward sample a round, in seconds.
    """
    if not steps:
        return []
    time_once = _time_cuda if device == "cuda" else _time_cpu
    shuffle = random.Random(seed).shuffle
    samples: list[list[Sample]] = [[] for _ in steps]
    order = list(range(len(steps)))
    used = 0.0
    gc.collect()
    gc_was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(WARM_UP_ROUNDS):
            warm_up = sum(sum(time_once(step)) for step in steps)
            # Steps this long are as warm after one round as after three.
            if warm_up >= budget_s:
                break
        for index in range(MAX_ROUNDS):
            if index >= MIN_ROUNDS and used >= budget_s:
                break
            shuffle(order)
            for position in order:
                forward, backward = time_once(steps[position])
                used += forward + backward
                samples[position] += [
                    Sample("forward", "time", "s", index, forward),
                    Sample("backward", "time", "s", index, backward),
                ]
    finally:
        if gc_was_enabled:
            gc.enable()
    return samples


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
