"""The time pass: forward and backward of all branches, interleaved, without a profiler."""

from __future__ import annotations

import contextlib
import gc
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from profiling.measure.device import Device, Times
from profiling.measure.failure import Failure
from profiling.measure.machine import OtherProcesses
from profiling.measure.step import Step
from profiling.model.run import Sample

MAX_WARM_UP_ROUNDS = 3
# A warm-up ends once it has taken this share of the budget: every step has run at least twice
# before it, in its check and in the memory pass.
WARM_UP_SHARE = 0.025
# With fewer pairs no difference among many branches could be significant, however large.
MIN_ROUNDS = 10
# If these rounds take PATIENCE times the budget, timing ends earlier, but not before the fewest
# rounds, below which there is no interval.
FEWEST_ROUNDS = 5
PATIENCE = 5
MAX_ROUNDS = 5000
# Half the width of every ratio's interval, as a share of the ratio, that is precise enough.
PRECISION = 0.02
# With fewer rounds an interval is this narrow only by chance.
MIN_PRECISE_ROUNDS = 30
# A sample of a looped step is at least this long, so that the clock's own time does not count.
LOOPED_SAMPLE_S = 200e-6


class Timed(NamedTuple):
    """The samples of a time pass.

    Attributes:
        samples: For each step, its samples by round, in seconds; empty for one that failed.
        failures: Why steps failed, by position.
        stopped_by: What ended it: ``"precision"``, ``"budget"`` or ``"rounds"``.
        warm_up_rounds: Rounds before the first that counts; 0 if one round is as long as a warm-up.
        loops: Number of steps that one sample is the mean of; 1 unless the steps are looped.
        others_share: Share of all CPUs that other processes used meanwhile, if known.
    """

    samples: list[list[Sample]]
    failures: dict[int, Failure]
    stopped_by: str
    warm_up_rounds: int
    loops: int
    others_share: float | None = None


def time_steps(
    steps: Sequence[Step],
    device: Device,
    seed: int,
    budget_s: float,
    baseline: int = 0,
    *,
    looped: bool = False,
) -> Timed:
    """Time all branches in rounds of random order, until it is precise or the budget is used.

    A round runs every branch once, so a drifting machine affects all of them alike, and samples
    with equal indices form a pair. A step that raises is left out from then on.

    Args:
        steps: The branches; each must have run before.
        device: Where they run; its clock is used.
        seed: Seed of the order.
        budget_s: Seconds of timed steps in total. `MIN_ROUNDS` rounds are taken anyway, or
            `FEWEST_ROUNDS` if these take `PATIENCE` times as long.
        baseline: Position of the step that ratios are taken to.
        looped: Whether a sample is the mean of many steps in a row without a reset between them:
            for steps that have no backward and change nothing.
    """
    if not steps:
        return Timed([], {}, "", 0, 1)
    with _no_collection():
        loops = loops_for(steps, device) if looped else 1
        race = _Race(steps, _clock(device, looped, loops), baseline, loops, seed)
        warm_up_rounds = race.warm_up(budget_s)
        others = OtherProcesses()
        stopped_by = race.run(budget_s)
        others_share = others.share()
    samples = [race.samples(position) for position in range(len(steps))]
    return Timed(samples, race.failures, stopped_by, warm_up_rounds, loops, others_share)


def loops_for(steps: Sequence[Step], device: Device) -> int:
    """Return how many steps in a row of the fastest branch take `LOOPED_SAMPLE_S`."""
    loops, order = 1, list(steps)
    while loops < 1_000_000:
        samples = ((step, _sample_s(step, loops, device)) for step in order)
        fast = next((step for step, seconds in samples if seconds < LOOPED_SAMPLE_S), None)
        if fast is None:
            break
        # Tried first from now on, it mostly spares the others, which may be much slower.
        order.remove(fast)
        order.insert(0, fast)
        loops *= 2
    return loops


def _sample_s(step: Step, loops: int, device: Device) -> float:
    try:
        # The best of several: one slow call must not make a step look slow.
        return min(time_looped(step, loops, device).total for _ in range(3)) * loops
    except (Exception, SystemExit):
        return math.inf  # It fails again in a round, where that is recorded.


def time_looped(step: Step, loops: int, device: Device) -> Times:
    """Time one sample of many steps in a row and return the mean."""
    step.reset()
    return device.time_loop(step.call, loops)


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
        """Whether the 95% interval of every median ratio, by order statistics, is narrow."""
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


def _clock(device: Device, looped: bool, loops: int) -> Callable[[Step], Times]:
    def time_once(step: Step) -> Times:
        if looped:
            return time_looped(step, loops, device)
        step.reset()
        return device.time_phases(step.forward, step.backward)

    return time_once
