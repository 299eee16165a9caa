"""What the raw samples say: medians, spreads, ratios with intervals, and verdicts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from demos.workloads import BASELINE
from profiling import tables
from profiling.records import Run

RESAMPLES = 1000
MIN_PAIRS = 5
_METRICS = {
    "peak_bytes": ("step", "peak"),
    "live_bytes": ("forward", "live"),
    "saved_bytes": ("forward", "saved"),
    "ops": ("step", "ops"),
}


class Interval(NamedTuple):
    """An estimate and the 95 % interval around it; all NaN where it cannot be told."""

    estimate: float
    low: float
    high: float


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
    ratios = (values / baseline).dropna().to_numpy(dtype="float64")
    if len(ratios) == 0:
        return Interval(np.nan, np.nan, np.nan)
    estimate = float(np.median(ratios))
    if len(ratios) < MIN_PAIRS:
        return Interval(estimate, np.nan, np.nan)
    picks = np.random.default_rng(seed).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(ratios[picks], axis=1), [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def verdict(ratio: Interval) -> str:
    """Say ``faster``, ``slower`` or ``no_difference``; nothing where there is no interval."""
    if np.isnan(ratio.low):
        return ""
    if ratio.high < 1:
        return "faster"
    return "slower" if ratio.low > 1 else "no_difference"


def summary(run: Run) -> pd.DataFrame:
    """Return one row a branch and cell with everything derived from its samples.

    Returns:
        Columns as described in `profiling.columns.SUMMARY`, without the environment's.
    """
    samples = tables.samples(run)
    reach = tables.reach(run)
    rows = []
    for key, branch in tables.branches(run).set_index(tables.KEY, drop=False).iterrows():
        mine = _of(samples, key)
        steps = _step_times(mine)
        baseline = _step_times(_of(samples, _baseline(key)))
        is_baseline = branch["branch"] == BASELINE
        ratio = Interval(np.nan, np.nan, np.nan) if is_baseline else paired_ratio(steps, baseline)
        rows.append(
            {
                **{name: branch[name] for name in (*tables.KEY, "status", "reason", "message")},
                "rounds": len(steps),
                **_times(mine, steps),
                "ratio": 1.0 if is_baseline and len(steps) else ratio.estimate,
                "ratio_low": ratio.low,
                "ratio_high": ratio.high,
                "verdict": verdict(ratio),
                **{name: _single(mine, *metric) for name, metric in _METRICS.items()},
                **_gradients(_of(reach, key)),
            }
        )
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(("rounds", *_METRICS), "Int64")) if rows else table


def _of(table: pd.DataFrame, key: Any) -> pd.DataFrame:
    return table[(table[tables.KEY] == pd.Series(key, index=tables.KEY)).all(axis=1)]


def _baseline(key: Any) -> tuple[Any, ...]:
    return tuple(
        BASELINE if name == "branch" else part for name, part in zip(tables.KEY, key, strict=True)
    )


def _phase_times(samples: pd.DataFrame, phase: str) -> pd.Series:
    chosen = samples[(samples["phase"] == phase) & (samples["metric"] == "time")]
    return chosen.set_index("index")["value"]


def _step_times(samples: pd.DataFrame) -> pd.Series:
    """Forward plus backward, by round."""
    return _phase_times(samples, "forward") + _phase_times(samples, "backward")


def _times(samples: pd.DataFrame, steps: pd.Series) -> dict[str, float]:
    return {
        "step_median_s": steps.median(),
        "step_p25_s": float(steps.quantile(0.25)),
        "step_p75_s": float(steps.quantile(0.75)),
        "forward_median_s": _phase_times(samples, "forward").median(),
        "backward_median_s": _phase_times(samples, "backward").median(),
    }


def _single(samples: pd.DataFrame, phase: str, metric: str) -> float | None:
    chosen = samples[(samples["phase"] == phase) & (samples["metric"] == metric)]["value"]
    return None if chosen.empty else chosen.max()


def _gradients(reach: pd.DataFrame) -> dict[str, Any]:
    """Summarise reach as ``group:outcome`` parts and as one yes or no, empty without any."""
    parts = [f"{row.group}:{row.outcome}" for row in reach.itertuples()]
    right = bool(reach["right"].all()) if parts else None
    return {"gradients": ";".join(parts), "gradients_right": right}
