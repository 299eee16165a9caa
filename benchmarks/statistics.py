"""Prints how far verdicts can be trusted: the A/A rate, and the power on a planted slowdown.

Run: ``python -m benchmarks.statistics [COMPARISONS]``
"""

from __future__ import annotations

import sys
import time
from typing import Any

import pandas as pd

from profiling.measure.step import State, Step
from profiling.measure.timing import Timed, time_steps
from profiling.records import Cell
from profiling.statistics import p_value, paired_ratio, verdict

BUDGET_S = 0.5
SLOWDOWN = 0.05
CELL = Cell("elementwise", 20_000, "float32", "cpu", ("detach", "detach#2"), {}, 0, BUDGET_S)


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


def totals(timed: Timed, position: int) -> pd.Series:
    """Return the time of each round's step in seconds."""
    values = [sample.value or 0.0 for sample in timed.samples[position]]
    return pd.Series([sum(pair) for pair in zip(values[::2], values[1::2], strict=True)])


def judge(first: Step, second: Step, seed: int) -> tuple[str, float]:
    """Compare two steps and return the verdict on the second and its ratio."""
    timed = time_steps([first, second], "cpu", seed, BUDGET_S)
    baseline, values = totals(timed, 0), totals(timed, 1)
    ratio = paired_ratio(values, baseline).estimate
    return verdict(ratio, p_value(values, baseline)), ratio


def main(comparisons: int) -> None:
    """Print both rates over a number of comparisons."""
    state = State(CELL)
    first, second = state.step("detach"), state.step("detach#2")
    extra_s = SLOWDOWN * float(totals(time_steps([first], "cpu", 0, 1.0), 0).median())
    slowed = Slowed(second, extra_s)
    same = [judge(first, second, seed)[0] for seed in range(comparisons)]
    planted = [judge(first, slowed, seed) for seed in range(comparisons)]
    different = sum(each != "no_difference" for each in same)
    found = sum(each == "slower" for each, _ in planted)
    estimate = pd.Series([ratio for _, ratio in planted]).median()
    print(f"A/A: {different} of {comparisons} called different ({different / comparisons:.1%})")
    print(f"planted {SLOWDOWN:.0%} slower: {found} of {comparisons} found, ratio {estimate:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
