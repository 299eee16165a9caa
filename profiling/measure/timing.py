"""The time pass: forward and backward of every branch, interleaved, with no profiler near."""

from __future__ import annotations

import contextlib
import gc
import math
import random
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from profiling.measure.failure import Failure
from profiling.measure.others import Others
from profiling.measure.step import Step
from profiling.model.run import Sample

MAX_WARM_UP_ROUNDS = 3
# A warm-up that has taken this share of the budget has warmed enough: every step has run at least
# twice before it, to be tried and for its memory.
WARM_UP_SHARE = 0.025
# With fewer pairs no difference, however large, can be told among many branches.
MIN_ROUNDS = 10
# Steps so long that these rounds take this many times the budget end with fewer; below the fewest
# there is no interval.
FEWEST_ROUNDS = 5
PATIENCE = 5
MAX_ROUNDS = 5000
# The half width of every ratio's interval that is precise enough, as a share of the ratio.
PRECISION = 0.02
# Below this many rounds an interval this narrow is luck.
MIN_PRECISE_ROUNDS = 30
# A sample of a looped step is this long at least, so that the clock's own time does not count.
LOOPED_SAMPLE_S = 200e-6


class Times(NamedTuple):
    """What one timed step took, in seconds; None where a phase or a clock does not exist."""

    forward: float
    backward: float | None = None
    host_forward: float | None = None
    host_backward: float | None = None

    @property
    def total(self) -> float:
        """Forward and backward together."""
        return self.forward + (self.backward or 0.0)


class Timed(NamedTuple):
    """The samples of a time pass.

    Attributes:
        samples: For each step, its samples by round, in seconds; empty for one that failed.
        failures: Why steps failed on the way, by position.
        stopped_by: ``"precision"``, ``"budget"`` or ``"rounds"``: what ended it.
        warm_up_rounds: Rounds that were run before the first that counts; none where one round is
            as long as a warm-up, since the steps have run before.
        loops: Steps that one sample is the mean of; 1 unless the steps are looped.
        others_share: Share of all processors that other processes used meanwhile, if known.
    """

    samples: list[list[Sample]]
    failures: dict[int, Failure]
    stopped_by: str
    warm_up_rounds: int
    loops: int
    others_share: float | None = None


def time_steps(
    steps: Sequence[Step],
    device: str,
    seed: int,
    budget_s: float,
    baseline: int = 0,
    *,
    looped: bool = False,
) -> Timed:
    """Time all branches in rounds of seeded random order, until it is precise or the budget used.

    A round holds every branch once, so that a machine that drifts drifts for all of them and
    equal sample indices form a pair. A step that raises is left out from then on.

    Args:
        steps: The branches; each must have run before.
        device: ``"cpu"`` (wall time by perf_counter) or ``"cuda"`` (device time by events, and the
            host's wall time beside it).
        seed: Seed of the order.
        budget_s: Seconds of timed steps in all; `MIN_ROUNDS` rounds are taken anyway, or
            `FEWEST_ROUNDS` if these take `PATIENCE` times as long.
        baseline: Place of the step that the others' ratios are to be precise against.
        looped: Whether a sample is the mean of many steps in a row, with nothing put back between
            them: for steps without a backward that leave nothing behind.
    """
    if not steps:
        return Timed([], {}, "", 0, 1)
    with _no_collection():
        loops = loops_for(steps) if looped and device == "cpu" else 1
        race = _Race(steps, _clock(device, looped, loops), baseline, loops, seed)
        warm_up_rounds = race.warm_up(budget_s)
        others = Others()
        stopped_by = race.run(budget_s)
        others_share = others.share()
    samples = [race.samples(position) for position in range(len(steps))]
    return Timed(samples, race.failures, stopped_by, warm_up_rounds, loops, others_share)


def loops_for(steps: Sequence[Step]) -> int:
    """Return how many steps make a sample of the fastest `LOOPED_SAMPLE_S` long."""
    loops, order = 1, list(steps)
    while loops < 1_000_000:
        fast = next((step for step in order if _sample_s(step, loops) < LOOPED_SAMPLE_S), None)
        if fast is None:
            break
        # Asked first from now on, it mostly spares the others, which may be much longer.
        order.remove(fast)
        order.insert(0, fast)
        loops *= 2
    return loops


def _sample_s(step: Step, loops: int) -> float:
    try:
        # The best of some: a single slow call must not pass for a slow step.
        return min(time_looped(step, loops).total for _ in range(3)) * loops
    except (Exception, SystemExit):
        return math.inf  # It fails again where that is noted.


def time_looped(step: Step, loops: int) -> Times:
    """Time one sample of many steps in a row; the result is that of one step."""
    step.reset()
    timer = timeit.Timer(step.call)
    # Threads that fell asleep since the last sample would be woken within this one.
    timer.timeit(max(2, loops // 100))
    return Times(timer.timeit(loops) / loops)


class _Race:
    """Rounds of all steps that have not failed."""

    def __init__(
        self,
        steps: Sequence[Step],
        time_once: Callable[[Step], Times],
        baseline: int,
        loops: int,
        seed: int,
    ) -> None:
        self.failures: dict[int, Failure] = {}
        self._steps = steps
        self._time_once = time_once
        self._baseline = baseline
        self._loops = loops
        self._order = list(range(len(steps)))
        self._shuffle = random.Random(seed).shuffle
        self._rounds: list[dict[int, Times]] = []
        self._used_s = 0.0

    def warm_up(self, budget_s: float) -> int:
        warming_s = 0.0
        for count in range(1, MAX_WARM_UP_ROUNDS + 1):
            times = self._round()
            warming_s += self._seconds(times)
            if warming_s >= budget_s * WARM_UP_SHARE:
                if count == 1:
                    self._count(times)
                    return 0
                return count
        return MAX_WARM_UP_ROUNDS

    def run(self, budget_s: float) -> str:
        next_check = MIN_PRECISE_ROUNDS
        while self._order and len(self._rounds) < MAX_ROUNDS:
            if self._used_s >= budget_s * self._patience():
                return "budget"
            if len(self._rounds) >= next_check:
                if self._is_precise():
                    return "precision"
                next_check = len(self._rounds) * 5 // 4
            self._count(self._round())
        return "rounds" if self._order else ""

    def samples(self, position: int) -> list[Sample]:
        if position in self.failures:
            return []
        return [
            Sample(phase, metric, "s", index, seconds)
            for index, round_ in enumerate(self._rounds)
            for (phase, metric), seconds in zip(_KINDS, round_[position], strict=True)
            if seconds is not None
        ]

    def _count(self, times: dict[int, Times]) -> None:
        self._used_s += self._seconds(times)
        self._rounds.append(times)

    def _round(self) -> dict[int, Times]:
        self._shuffle(self._order)
        times: dict[int, Times] = {}
        for position in list(self._order):
            try:
                times[position] = self._time_once(self._steps[position])
            except (Exception, SystemExit) as error:
                self.failures[position] = Failure(error)
                self._order.remove(position)
        return times

    def _patience(self) -> float:
        """Return how many budgets the rounds taken so far may have used."""
        if len(self._rounds) >= MIN_ROUNDS:
            return 1
        return PATIENCE if len(self._rounds) >= FEWEST_ROUNDS else math.inf

    def _seconds(self, times: dict[int, Times]) -> float:
        return sum(each.total for each in times.values()) * self._loops

    def _is_precise(self) -> bool:
        """Whether the 95 % interval of every ratio's median, by order statistics, is narrow."""
        if self._baseline in self.failures:
            return False
        count = len(self._rounds)
        reach = 0.98 * math.sqrt(count)
        low, high = math.floor(count / 2 - reach), math.ceil(count / 2 + reach)
        for position in self._order:
            ratios = sorted(
                round_[position].total / (round_[self._baseline].total or 1e-9)
                for round_ in self._rounds
            )
            width = ratios[min(high, count - 1)] - ratios[max(low, 0)]
            if width / 2 > PRECISION * ratios[count // 2]:
                return False
        return True


_KINDS = (("forward", "time"), ("backward", "time"), ("forward", "host"), ("backward", "host"))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _clock(device: str, looped: bool, loops: int) -> Callable[[Step], Times]:
    if device == "cuda":
        return _time_cuda
    return (lambda step: time_looped(step, loops)) if looped else _time_cpu


def _time_cpu(step: Step) -> Times:
    step.reset()
    start = time.perf_counter_ns()
    result = step.forward()
    middle = time.perf_counter_ns()
    step.backward(result)
    end = time.perf_counter_ns()
    return Times((middle - start) / 1e9, (end - middle) / 1e9)


def _time_cuda(step: Step) -> Times:
    """Time a step on the device, and until its calls have returned on the host."""
    step.reset()
    start, middle, end = (torch.cuda.Event(enable_timing=True) for _ in range(3))
    torch.cuda.synchronize()
    host_start = time.perf_counter_ns()
    start.record()
    result = step.forward()
    middle.record()
    host_middle = time.perf_counter_ns()
    step.backward(result)
    end.record()
    host_end = time.perf_counter_ns()
    torch.cuda.synchronize()
    return Times(
        start.elapsed_time(middle) / 1e3,
        middle.elapsed_time(end) / 1e3,
        (host_middle - host_start) / 1e9,
        (host_end - host_middle) / 1e9,
    )
