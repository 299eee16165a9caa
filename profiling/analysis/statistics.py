"""The ratio of two medians whose samples were taken apart from each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.analysis import tables
from profiling.model.run import Run

RESAMPLES = 1000
MIN_PAIRS = 5
SIGNIFICANCE = 0.05
_OUTCOME = ("status", "reason", "values", "message")
_TIMING = ("stopped_by", "warm_up_rounds", "loops", "others_cpu_share")
_METRICS = {
    "peak_bytes": ("step", "peak"),
    "predicted_peak_bytes": ("step", "predicted"),
    "live_bytes": ("forward", "live"),
    "saved_bytes": ("forward", "saved"),
    "allocated_bytes": ("step", "allocated"),
    "allocations": ("step", "allocations"),
    "block_peak_bytes": ("step", "block_peak"),
    "reserved_peak_bytes": ("step", "reserved_peak"),
    "ops": ("step", "ops"),
    "kernels": ("step", "kernels"),
    "launches": ("step", "launches"),
    "copies": ("step", "copies"),
    "syncs": ("step", "syncs"),
}
_RATES = {
    "clone_bytes_per_s": ("step", "clone_bandwidth"),
    "copy_bytes_per_s": ("step", "copy_bandwidth"),
}

_SHARES = ("others_cpu_share", *_RATES)
# Fewer samples on either side give no interval.
MIN_SAMPLES = 5

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate and the 95 % interval around it; all NaN where it cannot be told."""

    estimate: float
    low: float
    high: float


_UNKNOWN = Interval(np.nan, np.nan, np.nan)


def paired_ratio(values: pd.Series, baseline: pd.Series, seed: int = 0) -> Interval:
    """Estimate how many times the baseline's value a branch's value is.

    The estimate is the median of the ratios of pairs, the interval its bootstrap percentiles.

    Args:
        values: The branch's samples by round.
        baseline: The baseline's samples by round; rounds that both have form the pairs.
        seed: Seed of the resampling.

    Returns:
        The ratio; its interval is NaN below `MIN_PAIRS` pairs.
    """
    ratios = _ratios(values, baseline)
    if len(ratios) == 0:
        return _UNKNOWN
    estimate = float(np.median(ratios))
    if len(ratios) < MIN_PAIRS:
        return Interval(estimate, np.nan, np.nan)
    picks = np.random.default_rng(seed).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(ratios[picks], axis=1), [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def p_value(values: pd.Series, baseline: pd.Series) -> float:
    """Return how probable pairs at least as uneven are if both sides take equally long.

    Wilcoxon's signed-rank test on the logarithms of the ratios: because the order within a round
    is random, these are symmetric around 0 when nothing differs. NaN below `MIN_PAIRS` pairs.
    """
    # It takes longer to import than all of the page, which has no use for it until it shows a run.
    from scipy.stats import wilcoxon

    logarithms = np.log(_ratios(values, baseline))
    if len(logarithms) < MIN_PAIRS:
        return float("nan")
    uneven = logarithms[logarithms != 0]
    return float(wilcoxon(uneven).pvalue) if len(uneven) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, after Holm; NaN stay and do not count.

    Example:
        >>> holm([0.01, 0.04, 0.03, float("nan")])
        [0.03, 0.06, 0.06, nan]
    """
    known = sorted((value, place) for place, value in enumerate(p_values) if value == value)
    corrected = [float("nan")] * len(p_values)
    highest = 0.0
    for rank, (value, place) in enumerate(known):
        highest = max(highest, min(1.0, value * (len(known) - rank)))
        corrected[place] = highest
    return corrected


def verdict(ratio: float, corrected_p: float) -> str:
    """Say ``faster``, ``slower`` or ``no_difference``; nothing where it cannot be told."""
    if np.isnan(ratio) or np.isnan(corrected_p):
        return ""
    if corrected_p >= SIGNIFICANCE:
        return "no_difference"
    return "faster" if ratio < 1 else "slower"


def summary(run: Run) -> pd.DataFrame:
    """Return one row a branch and cell with everything derived from its samples.

    Returns:
        Columns as described in `profiling.analysis.metrics.SUMMARY`, without the environment's.
    """
    samples = tables.samples(run)
    reach = tables.reach(run)
    rows: list[dict[str, Any]] = []
    for key, branch in tables.branches(run).set_index(tables.KEY, drop=False).iterrows():
        mine = _of(samples, key)
        steps = _step_times(mine)
        rows.append(
            {
                **{name: branch[name] for name in (*tables.KEY, *_OUTCOME)},
                "rounds": len(steps),
                **{name: branch[name] for name in _TIMING},
                **_times(mine, steps),
                **_compared(run, samples, key, steps),
                **{name: _single(mine, *metric) for name, metric in (_METRICS | _RATES).items()},
                "scratch": branch["scratch"],
                **_gradients(_of(reach, key)),
            }
        )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    whole = ("rounds", "warm_up_rounds", "loops", *_METRICS)
    return _judged(table).astype(dict.fromkeys(whole, "Int64") | dict.fromkeys(_SHARES, "Float64"))


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Add verdicts, with the p-values corrected over the branches of each cell."""
    cell = [name for name in tables.KEY if name != "branch"]
    corrected = table.groupby(cell, sort=False)["p_value"].transform(lambda values: holm([*values]))
    verdicts = [verdict(*pair) for pair in zip(table["ratio"], corrected, strict=True)]
    place = table.columns.get_loc("p_value")
    table = table.assign(p_value=corrected)
    table.insert(int(str(place)) + 1, "verdict", verdicts)
    return table


def _compared(run: Run, samples: pd.DataFrame, key: Any, steps: pd.Series) -> dict[str, Any]:
    """Compare a branch's steps with those of the baseline in its cell."""
    name = run.cells[0].baseline
    mine = dict(zip(tables.KEY, key, strict=True))
    if mine["branch"] == name:
        ratio, p = Interval(1.0 if len(steps) else np.nan, np.nan, np.nan), np.nan
    else:
        baseline = _step_times(_of(samples, tuple((mine | {"branch": name}).values())))
        ratio, p = paired_ratio(steps, baseline), p_value(steps, baseline)
    return {
        "baseline": name,
        "ratio": ratio.estimate,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "p_value": p,
    }


def _ratios(values: pd.Series, baseline: pd.Series) -> Any:
    return (values / baseline).dropna().to_numpy(dtype="float64")


def _of(table: pd.DataFrame, key: Any) -> pd.DataFrame:
    return table[(table[tables.KEY] == pd.Series(key, index=tables.KEY)).all(axis=1)]


def _phase_times(samples: pd.DataFrame, phase: str, metric: str = "time") -> pd.Series:
    chosen = samples[(samples["phase"] == phase) & (samples["metric"] == metric)]
    return chosen.set_index("index")["value"]


def _step_times(samples: pd.DataFrame, metric: str = "time") -> pd.Series:
    """Forward plus backward, where there is one, by round."""
    forward = _phase_times(samples, "forward", metric)
    backward = _phase_times(samples, "backward", metric)
    return forward if backward.empty else forward + backward


def _times(samples: pd.DataFrame, steps: pd.Series) -> dict[str, float]:
    return {
        "step_median_s": steps.median(),
        "step_p25_s": float(steps.quantile(0.25)),
        "step_p75_s": float(steps.quantile(0.75)),
        "forward_median_s": _phase_times(samples, "forward").median(),
        "backward_median_s": _phase_times(samples, "backward").median(),
        "host_median_s": _step_times(samples, "host").median(),
    }


def _single(samples: pd.DataFrame, phase: str, metric: str) -> float | None:
    chosen = samples[(samples["phase"] == phase) & (samples["metric"] == metric)]["value"]
    return None if chosen.empty else chosen.max()


def _gradients(reach: pd.DataFrame) -> dict[str, Any]:
    """Summarise reach as ``group:outcome`` parts and as one yes or no, empty without any."""
    parts = [f"{row.group}:{row.outcome}" for row in reach.itertuples()]
    right: bool | None = None
    if reach["right"].eq(False).any():
        right = False
    elif parts and reach["right"].notna().all():
        right = True
    return {"gradients": ";".join(parts), "gradients_right": right}


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


def unpaired_verdict(ratio: Interval) -> str:
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
