from __future__ import annotations

import math
import random

import numpy as np
import pytest

from profiling.analysis.statistics import (
    MIN_PAIRS,
    Floats,
    Interval,
    interval_verdict,
    unpaired_ratio,
)

NAN = float("nan")


def noise(seed: int, count: int, spread: float = 0.1) -> Floats:
    """Return positive numbers around 1 that are skewed as times are."""
    source = random.Random(seed)
    return np.array([math.exp(source.gauss(0, spread)) for _ in range(count)])


def test_the_ratio_is_that_of_the_medians_not_of_pairs() -> None:
    assert unpaired_ratio(np.array([1.0, 10, 3]), np.array([1.0, 2, 30])).estimate == 1.5
    # The order of either side does not matter, and they may differ in number.
    values, baseline = noise(1, 30), noise(2, 20)
    found = unpaired_ratio(values, baseline)
    assert found.estimate == np.median(values) / np.median(baseline)
    assert unpaired_ratio(values[::-1], baseline[::-1]).estimate == found.estimate


def test_a_run_beside_itself_has_the_ratio_1_and_does_not_differ() -> None:
    for seed in range(20):
        values = noise(seed, 30)
        found = unpaired_ratio(values, values)
        assert found.estimate == 1.0
        assert found.low < 1 < found.high
        assert interval_verdict(found) == "no_difference"


@pytest.mark.parametrize(
    ("factor", "expected"), [(0.5, "faster"), (0.8, "faster"), (1.25, "slower")]
)
def test_a_planted_effect_is_found(factor: float, expected: str) -> None:
    found = [
        unpaired_ratio(noise(seed, 50) * factor, noise(seed + 1000, 50)) for seed in range(100)
    ]
    assert sum(each.low < factor < each.high for each in found) >= 90
    assert {interval_verdict(each) for each in found} == {expected}


def test_what_shifts_one_whole_run_is_not_taken_out() -> None:
    values = noise(1, 50)
    assert interval_verdict(unpaired_ratio(values * 1.5, values)) == "slower"


def test_noise_alone_seldom_looks_like_an_effect() -> None:
    found = [
        interval_verdict(unpaired_ratio(noise(seed, 25), noise(seed + 1000, 25)))
        for seed in range(200)
    ]
    assert found.count("no_difference") >= 180


def test_equal_samples_have_an_interval_of_no_width() -> None:
    found = unpaired_ratio(np.full(9, 3.0), np.full(7, 2.0))
    assert found == Interval(1.5, 1.5, 1.5)
    assert interval_verdict(found) == "slower"


def test_the_same_seed_gives_the_same_interval() -> None:
    sides = noise(1, 30), noise(2, 30)
    assert unpaired_ratio(*sides) == unpaired_ratio(*sides, seed=0)
    assert unpaired_ratio(*sides) != unpaired_ratio(*sides, seed=1)


@pytest.mark.parametrize("few", [(MIN_PAIRS - 1, 30), (30, MIN_PAIRS - 1)])
def test_few_samples_on_either_side_give_no_interval(few: tuple[int, int]) -> None:
    found = unpaired_ratio(noise(1, few[0]), noise(2, few[1]))
    assert found.estimate > 0
    assert np.isnan([found.low, found.high]).all()
    assert interval_verdict(found) == ""


@pytest.mark.parametrize("sides", [([], [1.0]), ([1.0], []), ([], []), ([1.0], [0.0])])
def test_where_there_is_no_ratio_all_is_unknown(sides: tuple[list[float], list[float]]) -> None:
    found = unpaired_ratio(np.array(sides[0]), np.array(sides[1]))
    assert np.isnan(found).all()
    assert interval_verdict(found) == ""


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval(0.9, 0.8, 0.99), "faster"),
        (Interval(0.9, 0.8, 1.0), "no_difference"),
        (Interval(1.1, 1.0, 1.2), "no_difference"),
        (Interval(1.1, 1.01, 1.2), "slower"),
        (Interval(1.1, NAN, NAN), ""),
        (Interval(NAN, NAN, NAN), ""),
    ],
)
def test_the_verdict_follows_the_interval(interval: Interval, expected: str) -> None:
    assert interval_verdict(interval) == expected
