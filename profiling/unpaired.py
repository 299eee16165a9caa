"""The ratio of two medians whose samples were taken apart from each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from profiling.statistics import RESAMPLES, Interval

# Fewer samples on either side give no interval.
MIN_SAMPLES = 5

Floats = npt.NDArray[np.float64]


def unpaired_ratio(values: Floats, baseline: Floats, seed: int = 0) -> Interval:
    """Estimate how many times the baseline's median the values' median is.

    Both sides are resampled independently of each other, so what disturbed one run alone widens
    nothing here: only rounds that were interleaved can take that out.

    Args:
        values: Samples of one run, in any unit.
        baseline: Samples of the other one, in the same unit.
        seed: Seed of the resampling.

    Returns:
        The ratio; its interval is NaN below `MIN_SAMPLES` samples on a side, and all is NaN
        without samples or where the baseline's median is 0.
    """
    if not len(values) or not len(baseline) or np.median(baseline) == 0:
        return Interval(np.nan, np.nan, np.nan)
    estimate = float(np.median(values) / np.median(baseline))
    if min(len(values), len(baseline)) < MIN_SAMPLES:
        return Interval(estimate, np.nan, np.nan)
    source = np.random.default_rng(seed)
    below = _medians(baseline, source)
    ratios = _medians(values, source) / np.where(below == 0, np.nan, below)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def verdict(ratio: Interval) -> str:
    """Say ``faster``, ``slower`` or ``no_difference``; nothing without an interval."""
    if np.isnan(ratio.low) or np.isnan(ratio.high):
        return ""
    if ratio.high < 1:
        return "faster"
    return "slower" if ratio.low > 1 else "no_difference"


def _medians(samples: Floats, source: np.random.Generator) -> Floats:
    """Return the medians of `RESAMPLES` resamples."""
    picks = source.integers(len(samples), size=(RESAMPLES, len(samples)))
    medians: Floats = np.median(samples[picks], axis=1)
    return medians
