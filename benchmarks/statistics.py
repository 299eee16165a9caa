"""Prints how far verdicts and times can be trusted.

The A/A rate, the power on a planted slowdown, the median beside torch.utils.benchmark's, and what
the comparison that the page offers first costs beside the steps it times (of every workload:
``benchmarks.overhead``).

Run: ``python -m benchmarks.statistics [COMPARISONS]``
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch

from benchmarks.overhead import overhead, warm_engine
from demos.page.links import FIRST_WORKLOAD
from profiling import catalogue
from profiling.analysis.statistics import p_value, paired_ratio, verdict
from profiling.measure.device import get
from profiling.measure.selfcheck import Slowed, beside_timer, totals
from profiling.measure.step import State, Step
from profiling.measure.timing import time_steps
from profiling.model.run import Cell

BUDGET_S = 0.5
SLOWDOWN = 0.05
TIMER_S = 5.0
COMPARISONS = 9
CELL = Cell("elementwise", 20_000, ("detach", "detach#2"), device="cpu", budget_s=BUDGET_S)


def judge(first: Step, second: Step, seed: int) -> tuple[str, float]:
    """Compare two steps and return the verdict on the second and its ratio."""
    timed = time_steps([first, second], get("cpu"), seed, BUDGET_S)
    baseline, values = totals(timed, 0), totals(timed, 1)
    ratio = paired_ratio(values, baseline).estimate
    return verdict(ratio, p_value(values, baseline)), ratio


def same(comparisons: int) -> list[tuple[str, float]]:
    """Compare a branch with itself so many times; return each verdict and ratio."""
    state = State(CELL)
    first, second = (state.step(branch) for branch in CELL.branches)
    return [judge(first, second, seed) for seed in range(comparisons)]


def callables() -> dict[str, Callable[[], Any]]:
    """Return callables of about 0.3 µs, 30 µs, 3 ms and 100 ms."""
    h = torch.randn(1000, requires_grad=True)
    # Small enough for one thread: where two share so little work, waking them is what is timed.
    small = torch.randn(20_000)
    middle, large = (torch.randn(size, size) for size in (480, 1500))
    return {
        "0.3 µs": h.detach,
        "30 µs": small.sigmoid,
        "3 ms": lambda: middle @ middle,
        "100 ms": lambda: large @ large,
    }


def main(comparisons: int) -> None:
    """Print all of it, the rates over a number of comparisons."""
    engine = warm_engine()
    usual = catalogue.workload(FIRST_WORKLOAD).usual
    pairs = [overhead(engine, FIRST_WORKLOAD, usual) for _ in range(COMPARISONS)]
    engine.close()
    ratios = pd.Series([wall_s / timed_s for wall_s, timed_s in pairs])
    print(
        f"{FIRST_WORKLOAD}: a comparison takes {ratios.median():.2f}× as long as the steps it times"
        f" ({ratios.min():.2f} to {ratios.max():.2f} of {COMPARISONS})"
    )
    for name, function in callables().items():
        print(f"{name}: our median is {beside_timer(function, TIMER_S):.3f} of torch's Timer's")
    judged = same(comparisons)
    state = State(CELL)
    first, second = (state.step(branch) for branch in CELL.branches)
    extra_s = SLOWDOWN * float(totals(time_steps([first], get("cpu"), 0, 1.0), 0).median())
    slowed = Slowed(second, extra_s)
    planted = [judge(first, slowed, seed) for seed in range(comparisons)]
    different = sum(each != "no_difference" for each, _ in judged)
    found = sum(each == "slower" for each, _ in planted)
    estimate = pd.Series([ratio for _, ratio in planted]).median()
    print(f"A/A: {different} of {comparisons} called different ({different / comparisons:.1%})")
    print(f"planted {SLOWDOWN:.0%} slower: {found} of {comparisons} found, ratio {estimate:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
