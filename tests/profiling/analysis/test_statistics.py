from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from profiling.analysis.statistics import (
    MIN_PAIRS,
    Interval,
    holm,
    p_value,
    paired_ratio,
    summary,
    verdict,
)
from tests.profiling.planted import noise, run_of, timed

NAN = float("nan")


def series(values: Sequence[float]) -> pd.Series:
    return pd.Series(list(values), dtype="float64")


def judged(values: pd.Series, baseline: pd.Series) -> str:
    """Return the verdict on a branch that is compared alone."""
    return verdict(paired_ratio(values, baseline).estimate, p_value(values, baseline))


def test_the_ratio_is_the_median_over_pairs() -> None:
    found = paired_ratio(series([1, 4, 9]), series([1, 2, 3]))
    assert found.estimate == 2.0
    # The ratio of the medians is another number.
    assert paired_ratio(series([1, 10, 3]), series([1, 2, 30])).estimate == 1.0


def test_identical_samples_do_not_differ() -> None:
    values = series(noise(1, 30))
    found = paired_ratio(values, values)
    assert found == Interval(1.0, 1.0, 1.0)
    assert judged(values, values) == "no_difference"


@pytest.mark.parametrize(
    ("factor", "expected"), [(0.5, "faster"), (0.9, "faster"), (1.2, "slower")]
)
def test_a_planted_effect_is_found(factor: float, expected: str) -> None:
    baseline = series(noise(1, 50))
    values = series(noise(2, 50)) * baseline * factor
    found = paired_ratio(values, baseline)
    assert found.low < factor < found.high
    assert found.estimate == pytest.approx(factor, rel=0.05)
    assert judged(values, baseline) == expected


def test_drift_that_both_share_does_not_hide_an_effect() -> None:
    drift = series([1.0 + round_ / 2 for round_ in range(40)])
    baseline, values = drift * series(noise(3, 40, 0.01)), drift * 0.97 * series(noise(4, 40, 0.01))
    assert judged(values, baseline) == "faster"


def test_noise_alone_seldom_looks_like_an_effect() -> None:
    found = [
        judged(series(noise(2 * trial, 25)), series(noise(2 * trial + 1, 25)))
        for trial in range(200)
    ]
    # Of 200 intervals at 95% some ten are expected to miss; with these seeds nine do.
    assert found.count("no_difference") == 191


@pytest.mark.parametrize("count", range(1, MIN_PAIRS))
def test_few_pairs_give_a_ratio_without_an_interval(count: int) -> None:
    found = paired_ratio(series([2.0] * count), series([1.0] * count))
    assert found.estimate == 2.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert verdict(found.estimate, p_value(series([2.0] * count), series([1.0] * count))) == ""


def test_as_many_pairs_as_needed_give_an_interval() -> None:
    found = paired_ratio(series([2.0] * MIN_PAIRS), series([1.0] * MIN_PAIRS))
    assert found == Interval(2.0, 2.0, 2.0)


def test_only_rounds_that_both_have_are_pairs() -> None:
    values = pd.Series({0: 2.0, 1: 2.0, 7: 100.0})
    baseline = pd.Series({0: 1.0, 1: 1.0, 2: 0.001})
    found = paired_ratio(values, baseline)
    assert found.estimate == 2.0
    assert math.isnan(found.low)


def test_no_pairs_give_nothing() -> None:
    assert all(math.isnan(number) for number in paired_ratio(series([]), series([1.0])))
    assert all(math.isnan(number) for number in paired_ratio(series([1.0]), series([])))


def test_the_interval_is_the_same_every_time_and_depends_on_its_seed() -> None:
    values, baseline = series(noise(5, 20)), series(noise(6, 20))
    assert paired_ratio(values, baseline) == paired_ratio(values, baseline)
    first, second = (paired_ratio(values, baseline, seed) for seed in (1, 2))
    assert first.estimate == second.estimate
    assert (first.low, first.high) != (second.low, second.high)


def test_numpys_own_random_numbers_are_left_alone() -> None:
    np.random.seed(0)
    wanted = np.random.random()
    np.random.seed(0)
    paired_ratio(series(noise(5, 20)), series(noise(6, 20)))
    assert np.random.random() == wanted


@pytest.mark.parametrize(
    ("ratio", "p", "expected"),
    [
        (0.9, 0.049, "faster"),
        (0.9, 0.05, "no_difference"),
        (1.1, 0.049, "slower"),
        (1.1, 1.0, "no_difference"),
        (NAN, 0.01, ""),
        (0.9, NAN, ""),
    ],
)
def test_a_verdict_needs_a_small_p_value(ratio: float, p: float, expected: str) -> None:
    assert verdict(ratio, p) == expected


@pytest.mark.parametrize("count", [5, 8, 12])
def test_p_of_pairs_that_all_point_one_way_is_that_of_the_sign_patterns(count: int) -> None:
    values = series([2.0 + place / 10 for place in range(count)])
    assert p_value(values, series([1.0] * count)) == pytest.approx(2 / 2**count)


def test_p_does_not_care_which_side_is_the_baseline() -> None:
    first, second = series(noise(5, 20)), series(noise(6, 20))
    assert p_value(first, second) == pytest.approx(p_value(second, first))


def test_holm_corrects_for_the_number_of_branches() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    corrected = holm([NAN, 0.02])
    assert math.isnan(corrected[0])
    assert corrected[1] == 0.02


def test_one_chance_finding_among_many_branches_is_not_called_different() -> None:
    baseline = noise(0, 25)
    same = {f"b{place}": noise(place + 1, 25) for place in range(9)}
    planted = {
        "detach": [step * 1.1 * extra for step, extra in zip(baseline, noise(77, 25), strict=True)]
    }
    branches = {"attached": baseline, **same, **planted}
    table = summary(run_of(*(timed(name, steps) for name, steps in branches.items())))
    alone = summary(run_of(timed("attached", baseline), timed("detach", planted["detach"])))
    corrected = table.set_index("branch")["p_value"]
    assert corrected["detach"] > alone.set_index("branch")["p_value"]["detach"]
    assert set(table.loc[table["branch"].isin(list(same)), "verdict"]) == {"no_difference"}
