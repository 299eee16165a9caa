"""What raw samples say: medians, spreads, ratios with intervals, verdicts, and the summary of them.

`SUMMARY` declares the columns of the summary, which are those of summary.csv. To add one, add a
line there and its words to the locales (``column.summary.NAME``); the column of a metric alone is
declared with the metric, in `profiling.model.metrics`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.analysis.tables import KEY, key, outcomes, results_of
from profiling.model.metrics import METRICS, Metric
from profiling.model.run import BranchResult, CellResult, Run

RESAMPLES = 1000
# Fewer pairs, or fewer samples on a side, give no interval and no verdict.
MIN_PAIRS = 5
SIGNIFICANCE = 0.05

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate and the 95% interval around it; all NaN where it cannot be told."""

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
    low, high = np.quantile(_medians(ratios, np.random.default_rng(seed)), [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def unpaired_ratio(values: Floats, baseline: Floats, seed: int = 0) -> Interval:
    """Estimate how many times the baseline's median the values' median is.

    Both sides are resampled independently of each other. What disturbed only one of two runs does
    not widen the interval: only interleaved rounds can take that out.

    Args:
        values: Samples of one run, in any unit.
        baseline: Samples of the other one, in the same unit.
        seed: Seed of the resampling.

    Returns:
        The ratio; its interval is NaN below `MIN_PAIRS` samples on a side, and all is NaN without
        samples or where the baseline's median is 0.
    """
    if not len(values) or not len(baseline) or np.median(baseline) == 0:
        return _UNKNOWN
    estimate = float(np.median(values) / np.median(baseline))
    if min(len(values), len(baseline)) < MIN_PAIRS:
        return Interval(estimate, np.nan, np.nan)
    source = np.random.default_rng(seed)
    below = _medians(baseline, source)
    ratios = _medians(values, source) / np.where(below == 0, np.nan, below)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
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
    """Return ``faster``, ``slower`` or ``no_difference``; nothing where it cannot be told."""
    if np.isnan(ratio) or np.isnan(corrected_p):
        return ""
    if corrected_p >= SIGNIFICANCE:
        return "no_difference"
    return "faster" if ratio < 1 else "slower"


def interval_verdict(ratio: Interval) -> str:
    """Return the verdict of an interval alone, where there are no pairs to test."""
    if np.isnan(ratio.low) or np.isnan(ratio.high):
        return ""
    if ratio.high < 1:
        return "faster"
    return "slower" if ratio.low > 1 else "no_difference"


class Measured:
    """One branch of one cell, as the columns of the summary see it.

    Attributes:
        finished: Its cell.
        result: What was measured of it.
        steps: Seconds of each step by round.
        ratio: Of its steps to the baseline's; `cell_summary` sets it.
        p_value: Of the difference from the baseline, corrected over the cell; likewise.
    """

    def __init__(self, finished: CellResult, result: BranchResult) -> None:
        """Sort the branch's samples."""
        self.finished = finished
        self.result = result
        self.ratio = _UNKNOWN
        self.p_value = float("nan")
        self._samples: dict[tuple[str, str], dict[int, float | None]] = {}
        for sample in result.samples:
            by_round = self._samples.setdefault((sample.phase, sample.metric), {})
            by_round[sample.index] = sample.value
        self.steps = self.step_times()

    def samples(self, phase: str, metric: str) -> pd.Series:
        """Return the samples of a metric in a phase by round, NaN where one is missing."""
        return pd.Series(self._samples.get((phase, metric), {}), dtype="float64")

    def step_times(self, metric: str = "time") -> pd.Series:
        """Return the seconds of each step by round: forward plus, where there is one, backward.

        Args:
            metric: ``"time"``, or ``"host"`` for the time until the host's calls returned.
        """
        forward, backward = (self.samples(phase, metric) for phase in METRICS[metric].phases)
        return forward if backward.empty else forward + backward

    def median(self, phase: str) -> float:
        """Return the median time of a phase in seconds; NaN where it was not measured."""
        return float(self.samples(phase, "time").median())

    def largest(self, metric: str) -> float | None:
        """Return the largest value of a metric of one phase; None where it was not measured."""
        (phase,) = METRICS[metric].phases
        values = self._samples.get((phase, metric), {}).values()
        return max((value for value in values if value is not None), default=None)


class Column(NamedTuple):
    """A column of the summary.

    Attributes:
        name: Its name; the locale key ``column.summary.NAME`` says what it means.
        value: Derives it from a branch.
        dtype: Its pandas dtype.
    """

    name: str
    value: Callable[[Measured], Any]
    dtype: str = "object"


def _of_metric(metric: Metric) -> Column:
    dtype = "Int64" if metric.whole else "Float64"
    return Column(metric.column, lambda branch: branch.largest(metric.name), dtype)


SUMMARY = (
    Column("rounds", lambda branch: len(branch.steps), "Int64"),
    Column("stopped_by", lambda branch: branch.finished.stopped_by),
    Column("warm_up_rounds", lambda branch: branch.finished.warm_up_rounds, "Int64"),
    Column("loops", lambda branch: branch.finished.loops, "Int64"),
    Column("others_cpu_share", lambda branch: branch.finished.others_cpu_share, "Float64"),
    Column("step_median_s", lambda branch: branch.steps.median(), "float64"),
    Column("step_p25_s", lambda branch: branch.steps.quantile(0.25), "float64"),
    Column("step_p75_s", lambda branch: branch.steps.quantile(0.75), "float64"),
    Column("forward_median_s", lambda branch: branch.median("forward"), "float64"),
    Column("backward_median_s", lambda branch: branch.median("backward"), "float64"),
    Column("host_median_s", lambda branch: branch.step_times("host").median(), "float64"),
    Column("baseline", lambda branch: branch.finished.cell.baseline),
    Column("ratio", lambda branch: branch.ratio.estimate, "float64"),
    Column("ratio_low", lambda branch: branch.ratio.low, "float64"),
    Column("ratio_high", lambda branch: branch.ratio.high, "float64"),
    Column("p_value", lambda branch: branch.p_value, "float64"),
    Column("verdict", lambda branch: verdict(branch.ratio.estimate, branch.p_value)),
    *(_of_metric(metric) for metric in METRICS.values() if metric.column),
    Column("scratch", lambda branch: _scratch(branch.result)),
    Column("gradients", lambda branch: gradients(branch.finished, branch.result)),
    Column("gradients_right", lambda branch: _gradients_right(branch.result)),
    Column("gradient_errors", lambda branch: _gradient_errors(branch.result)),
)

# What a row says besides: which branch it is, and what became of it.
_OUTCOME = ("status", "reason", "values", "message")


def cell_summary(finished: CellResult) -> pd.DataFrame:
    """Return one row a branch of a cell with everything derived from its samples.

    Returns:
        Columns `KEY`, ``status``, ``reason``, ``values`` (of the reason's placeholders),
        ``message``, and those of `SUMMARY`.
    """
    cell = finished.cell
    branches = [Measured(finished, result) for result in results_of(finished)]
    by_name = {branch.result.branch: branch for branch in branches}
    _compare(branches, by_name.get(cell.baseline))
    rows = [
        {
            **key(cell, branch.result.branch),
            "status": branch.result.status.value,
            **{name: getattr(branch.result, name) for name in _OUTCOME[1:]},
            **{column.name: column.value(branch) for column in SUMMARY},
        }
        for branch in branches
    ]
    return _framed(rows)


def summary(run: Run) -> pd.DataFrame:
    """Return the rows of `cell_summary` of every finished cell of a run."""
    return joined(map(cell_summary, run.results))


def joined(summaries: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several cells' summaries as one table."""
    return pd.concat([_framed([]), *summaries], ignore_index=True)


def by_group(parts: str) -> dict[str, str]:
    """Return what a summary's column says of each parameter group, in its order.

    Example:
        >>> by_group("stem:none;head:equal")
        {'stem': 'none', 'head': 'equal'}
    """
    return dict(part.split(":") for part in parts.split(";") if part)


def gradients(finished: CellResult, result: BranchResult) -> str:
    """Return what became of each parameter group's gradient, as ``group:outcome`` parts."""
    return ";".join(f"{each.group}:{outcome}" for each, outcome in outcomes(finished, result))


def _compare(branches: list[Measured], baseline: Measured | None) -> None:
    """Compare each branch with the baseline, p-values corrected over the cell."""
    if baseline is None:
        return
    for branch in branches:
        if branch is not baseline:
            branch.ratio = paired_ratio(branch.steps, baseline.steps)
            branch.p_value = p_value(branch.steps, baseline.steps)
    if len(baseline.steps):
        baseline.ratio = Interval(1.0, np.nan, np.nan)
    corrected = holm([branch.p_value for branch in branches])
    for branch, value in zip(branches, corrected, strict=True):
        branch.p_value = value


@functools.cache
def _dtypes() -> dict[str, str]:
    """Return the dtype of every column, the same however few rows or values there are."""
    plain = dict.fromkeys((*KEY, *_OUTCOME), "object") | {"size": "int64"}
    return plain | {column.name: column.dtype for column in SUMMARY}


def _framed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=dtype)
            for name, dtype in _dtypes().items()
        }
    )


def _ratios(values: pd.Series, baseline: pd.Series) -> Floats:
    ratios: Floats = (values / baseline).dropna().to_numpy(dtype="float64")
    return ratios


def _medians(samples: Floats, source: np.random.Generator) -> Floats:
    """Return the medians of `RESAMPLES` resamples."""
    picks = source.integers(len(samples), size=(RESAMPLES, len(samples)))
    medians: Floats = np.median(samples[picks], axis=1)
    return medians


def _scratch(result: BranchResult) -> str:
    return ";".join(f"{part.op} {part.bytes}" for part in result.scratch)


def _gradients_right(result: BranchResult) -> bool | None:
    """Return whether every group has the gradient it should have; None where it is not known."""
    right = [each.right for each in result.reach]
    if False in right:
        return False
    return True if right and None not in right else None


def _gradient_errors(result: BranchResult) -> str:
    known = [each for each in result.reach if each.relative_error is not None]
    return ";".join(f"{each.group}:{each.relative_error:.3g}" for each in known)
