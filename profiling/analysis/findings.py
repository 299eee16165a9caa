"""What a comparison shows: headline, chart titles, shell, report and API all say it by this.

Of one cell, by these rules:

- **Correct** is a branch that ran and has no gradient known to be wrong. A group that the reference
  gives a gradient is checked. Whether a gradient is there at all can be told without a reference: a
  branch that *lacks* one which the baseline has is not correct, unless all others lack one too.
- **Candidates** are the correct branches but for the baseline, with which they are compared.
- **Faster** is what the corrected test calls significantly faster. The fastest is the candidate of
  the smallest ratio among those; *tied* with it are the others among those whose 95% interval
  overlaps its own. What is not significant is told of where it could mislead: a candidate with a
  smaller ratio than the fastest or, where nothing is faster, with an interval all below 1.
- **Lower** is a peak at least 1% below the baseline's: less is not worth saying. The lowest is the
  smallest among those; tied with it are the others among those within 1% of it.
- **Numbers** of tied branches are given as the range from the smallest to the largest. Ratios have
  three digits and intervals are rounded outward; neither is ever rounded across 1.

`find` answers with plain data; the other functions put it into words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from profiling.analysis.statistics import SIGNIFICANCE, by_group
from profiling.model.run import Cell
from profiling.model.units import Unit, show_bytes, show_interval, show_ratio
from profiling.model.words import Text

# From this share of all processors on, what others do is told: on two, one busy process has a half.
DISTURBED_SHARE = 0.2
# A peak that differs by less is the same: allocators and operators' scratch make it differ so.
PEAK_TOLERANCE = 0.01

# Outcomes of a group that no reference says anything of.
_NOT_CHECKED = {"unchecked", "absent", "extra"}

Named = Callable[[Sequence[str], Text], str]


class Ratio(NamedTuple):
    """How a branch's time compares with the baseline's.

    Attributes:
        low: Lower end of the ratio's 95% interval; NaN, as `high`, with few rounds.
        verdict: ``faster``, ``slower``, ``no_difference``, or nothing where it cannot be told.
    """

    branch: str
    ratio: float
    low: float
    high: float
    verdict: str


class Faster(NamedTuple):
    """The fastest candidate and those tied with it, by their ratio.

    Attributes:
        ratios: The smallest and the largest of their ratios.
        interval: The lowest and the highest end of their intervals.
    """

    branches: tuple[str, ...]
    ratios: tuple[float, float]
    interval: tuple[float, float]


class Lower(NamedTuple):
    """The candidate with the lowest peak and those tied with it, by their peak.

    Attributes:
        peaks: The smallest and the largest of their peaks, in bytes.
    """

    branches: tuple[str, ...]
    peaks: tuple[int, int]


class Findings(NamedTuple):
    """What the measurements of one cell show.

    Attributes:
        ran: The branches that ran.
        right: The branches whose gradients are all right; `wrong` those with one that is not.
        lacking: The parameter groups for which a branch that ran has fewer gradients than the
            baseline though no reference says so, by branch.
        checked: Whether any gradient could be checked.
        unchecked: The parameter groups that could not be.
        correct: The branches that ran and speak for themselves: none of their gradients is known to
            be wrong, nor lacking where there are others that do not lack any.
        candidates: What of them is compared with the baseline.
        enough: Whether the rounds are enough for any difference in time to be significant.
        ratios: Of each branch but the baseline that has a ratio.
        faster: None where nothing is significantly faster.
        unsure: A candidate that may be faster still but is not significantly so; None if none is.
        peaks: In bytes, of each branch that has one.
        lower: None where no peak is lower.
        others_cpu_share: Share of all processors that other processes used while it was timed.
    """

    baseline: str
    ran: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    lacking: dict[str, tuple[str, ...]]
    checked: bool
    unchecked: tuple[str, ...]
    correct: tuple[str, ...]
    candidates: tuple[str, ...]
    enough: bool
    ratios: dict[str, Ratio]
    faster: Faster | None
    unsure: Ratio | None
    peaks: dict[str, int]
    lower: Lower | None
    others_cpu_share: float | None

    @property
    def scope(self) -> str:
        """What is known of the gradients of the branches that are compared.

        ``correct``, all of them; ``not_wrong``, where only some groups or branches could be told;
        ``lacking``, where each lacks one that the baseline has; ``all``, where nothing is known.
        """
        if any(name in self.lacking for name in self.candidates):
            return "lacking"
        if self.checked and not self.unchecked:
            return "correct"
        return "not_wrong" if self.checked or self.lacking else "all"

    @property
    def time(self) -> str:
        """What is known of times.

        ``faster``; ``unsure`` or ``none`` where nothing is; ``few`` where the rounds are too few to
        tell; empty where there is nothing to compare.
        """
        if not any(name in self.ratios for name in self.candidates):
            return ""
        if self.faster is not None:
            return "faster"
        if not self.enough:
            return "few"
        return "none" if self.unsure is None else "unsure"

    @property
    def peak(self) -> str:
        """What is known of peaks: ``lower``, ``none``, or nothing where none can be compared."""
        known = any(name in self.peaks for name in self.candidates)
        if not known or self.baseline not in self.peaks:
            return ""
        return "none" if self.lower is None else "lower"


def find(summary: pd.DataFrame) -> Findings:
    """Return what one cell shows.

    Args:
        summary: Its rows, as from `profiling.analysis.statistics.cell_summary`.
    """
    rows = summary.to_dict("records")
    baseline = str(rows[0]["baseline"])
    ran = tuple(row["branch"] for row in rows if row["status"] == "ok")
    right = tuple(row["branch"] for row in rows if _is(row["gradients_right"], True))
    wrong = tuple(row["branch"] for row in rows if _is(row["gradients_right"], False))
    outcomes = {row["branch"]: by_group(row["gradients"]) for row in rows}
    lacking = {
        name: groups
        for name in ran
        if name not in wrong and (groups := _with(outcomes[name], "absent"))
    }
    sound = tuple(name for name in ran if name not in wrong)
    correct = tuple(name for name in sound if name not in lacking)
    if set(correct) <= {baseline}:
        correct = sound
    candidates = tuple(name for name in correct if name != baseline)
    ratios = {
        row["branch"]: Ratio(
            row["branch"], row["ratio"], row["ratio_low"], row["ratio_high"], row["verdict"]
        )
        for row in rows
        if row["branch"] != baseline and not pd.isna(row["ratio"])
    }
    peaks = {
        row["branch"]: int(row["peak_bytes"]) for row in rows if not pd.isna(row["peak_bytes"])
    }
    timed = [ratios[name] for name in candidates if name in ratios]
    enough = _enough(max(int(row["rounds"]) for row in rows), ratios)
    faster = _faster(timed)
    shares = [row["others_cpu_share"] for row in rows if not pd.isna(row["others_cpu_share"])]
    return Findings(
        baseline=baseline,
        ran=ran,
        right=right,
        wrong=wrong,
        lacking=lacking,
        checked=any(set(outcomes[name].values()) - _NOT_CHECKED for name in ran),
        unchecked=_unchecked(outcomes[name] for name in ran),
        correct=correct,
        candidates=candidates,
        enough=enough,
        ratios=ratios,
        faster=faster,
        unsure=_unsure(timed, faster) if enough else None,
        peaks=peaks,
        lower=_lower(
            {name: peaks[name] for name in candidates if name in peaks}, peaks.get(baseline)
        ),
        others_cpu_share=max(shares, default=None),
    )


def _with(outcomes: Mapping[str, str], *wanted: str) -> tuple[str, ...]:
    return tuple(group for group, outcome in outcomes.items() if outcome in wanted)


def _unchecked(branches: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the groups that no reference says anything of."""
    groups = (_with(outcomes, *_NOT_CHECKED) for outcomes in branches)
    return tuple(dict.fromkeys(group for each in groups for group in each))


def alike(one: float, other: float) -> bool:
    """Return whether two peaks are too close to each other to be worth telling apart."""
    return abs(one - other) < PEAK_TOLERANCE * max(one, other) or one == other


def _faster(candidates: list[Ratio]) -> Faster | None:
    known = sorted((each for each in candidates if each.verdict == "faster"), key=_ratio)
    if not known:
        return None
    tied = [each for each in known if each.low <= known[0].high]
    return Faster(
        tuple(each.branch for each in tied),
        (tied[0].ratio, tied[-1].ratio),
        (min(each.low for each in tied), max(each.high for each in tied)),
    )


def _unsure(candidates: list[Ratio], faster: Faster | None) -> Ratio | None:
    known = sorted((each for each in candidates if each.verdict == "no_difference"), key=_ratio)
    for each in known:
        if each.ratio < faster.ratios[0] if faster else each.high < 1:
            return each
    return None


def _lower(peaks: dict[str, int], baseline: int | None) -> Lower | None:
    if baseline is None:
        return None
    below = {
        name: peak for name, peak in peaks.items() if peak < baseline and not alike(peak, baseline)
    }
    if not below:
        return None
    lowest = min(below.values())
    tied = sorted((name for name in below if alike(below[name], lowest)), key=below.__getitem__)
    return Lower(tuple(tied), (lowest, below[tied[-1]]))


def _enough(rounds: int, ratios: dict[str, Ratio]) -> bool:
    """Return whether the least p-value of so many pairs is significant after its correction."""
    tested = sum(1 for each in ratios.values() if each.verdict)
    return tested > 0 and 0.5 ** (rounds - 1) * tested < SIGNIFICANCE


def _ratio(each: Ratio) -> float:
    return each.ratio


def _is(value: object, wanted: bool) -> bool:
    return not pd.isna(value) and bool(value) is wanted  # type: ignore[call-overload]


def told(found: Findings, cell: Cell, text: Text) -> str:
    """Return the headline, and that others disturbed the timing where they did."""
    return headline(found, cell, text) + disturbance(found, text)


def headline(found: Findings, cell: Cell, text: Text) -> str:
    """Say what a cell shows.

    Args:
        found: As from `find`.
        cell: The cell.
        text: The words.
    """
    where = text(
        "finding.where",
        size=f"{cell.size:,}",
        unit=text(f"size.{cell.unit}"),
        dtype=cell.computation,
        device=cell.device,
    )
    said = _compared(found, text) if found.candidates else _nothing(found, text)
    said = where + said + text("finding.end")
    if found.wrong and found.correct:
        said += text("finding.wrong", names=_listed(found.wrong, text))
    if found.lacking:
        named = (
            text("finding.of_groups", name=name, groups=_listed(groups, text))
            for name, groups in found.lacking.items()
        )
        names = text("language.list").join(named)
        said += text("finding.lacking", names=names, baseline=found.baseline)
    elif found.checked and found.unchecked:
        said += text("finding.unchecked", names=_listed(found.unchecked, text))
    return said


def disturbance(found: Findings, text: Text) -> str:
    """Say so where other processes kept the machine busy while one cell's branches were timed."""
    share = found.others_cpu_share
    if share is None or share < DISTURBED_SHARE:
        return ""
    return text("finding.disturbed", share=f"{share:.0%}")


def time_title(found: Findings, text: Text) -> str:
    """Say what a cell shows of times, short enough for a chart."""
    if found.time == "none":
        return text(f"chart.time.title.none.{_known(found)}", baseline=found.baseline)
    clauses = _times(found, "chart.time.title", first_of, text)
    return text("finding.and").join(clauses) or text("chart.time.title")


def peak_title(
    found: Findings, unit: Unit, text: Text, exact: Callable[[int], str] | None = None
) -> str:
    """Say what a cell shows of peaks, short enough for a chart.

    Args:
        found: As from `find`.
        unit: The unit of the chart.
        text: The words.
        exact: Writes a difference that is the same for all that are named; in the unit if None.
    """
    if not found.peak:
        return text("chart.peak.title")
    if found.lower is None:
        return text(f"chart.peak.title.none.{_known(found)}", baseline=found.baseline)
    least, most = (found.peaks[found.baseline] - peak for peak in reversed(found.lower.peaks))
    difference = exact(least) if exact and least == most else span(unit.show, least, most)
    return text(
        f"chart.peak.title.lower.{_number(found.lower.branches)}",
        names=first_of(found.lower.branches, text),
        difference=difference,
        baseline=found.baseline,
    )


def time_over_size_title(found: Mapping[int, Findings], text: Text) -> str:
    """Say what the largest size shows of times, and how the same branches did at the smallest.

    Args:
        found: The findings by size.
        text: The words.
    """
    small, large = min(found), max(found)
    if not found[large].time:
        return text("chart.time_over_size.title")
    clauses = [text("chart.at_size", size=f"{large:,}", finding=time_title(found[large], text))]
    faster, before = found[large].faster, found[small].ratios
    if faster is not None and small != large and all(name in before for name in faster.branches):
        ratios = [before[name].ratio for name in faster.branches]
        verdicts = {before[name].verdict for name in faster.branches}
        if verdicts <= {"faster", "slower"}:
            ratio = span(show_ratio, min(ratios), max(ratios))
            clauses.append(text("chart.time_over_size.title.then", ratio=ratio, size=f"{small:,}"))
        elif verdicts == {"no_difference"}:
            clauses.append(text("chart.time_over_size.title.then_none", size=f"{small:,}"))
    return text("finding.and").join(clauses)


def peak_over_size_title(found: Mapping[int, Findings], unit: Unit, text: Text) -> str:
    """Say what the largest size shows of peaks.

    Args:
        found: The findings by size.
        unit: The unit of the chart.
        text: The words.
    """
    large = max(found)
    if not found[large].peak:
        return text("chart.memory_over_size.title")
    finding = peak_title(found[large], unit, text)
    return text("chart.at_size", size=f"{large:,}", finding=finding)


def gradients_title(found: Findings, text: Text) -> str:
    """Say how many branches have the right gradients or, where not all is known, which do not."""
    count = len(found.right) + len(found.wrong)
    if found.unchecked or not count:
        for name, those in (("wrong", found.wrong), ("lacking", tuple(found.lacking))):
            if those:
                named = first_of(those, text)
                return text(f"chart.reach.title.{name}", names=named, baseline=found.baseline)
        return text("chart.reach.title.unchecked")
    return text("chart.reach.title", right=len(found.right), count=count)


def first_of(names: Sequence[str], text: Text) -> str:
    """Name the first of some branches, and how many share its place."""
    if len(names) == 1:
        return names[0]
    return text("chart.tied", first=names[0], count=len(names) - 1)


def span(show: Callable[[float], str], low: float, high: float) -> str:
    """Write a range of numbers, or one number where both ends read the same."""
    return "–".join(dict.fromkeys((show(low), show(high))))


def _known(found: Findings) -> str:
    return "correct" if found.scope == "correct" else "all"


def _compared(found: Findings, text: Text) -> str:
    """Say how the candidates compare with the baseline."""
    clauses = _times(found, "finding.time", _listed, text)
    if found.peak:
        clauses.append(_peaks(found, text))
    if not clauses:
        return text("finding.no_baseline", baseline=found.baseline)
    scope = text(f"finding.scope.{found.scope}", baseline=found.baseline)
    return scope + text("finding.and").join(clauses)


def _nothing(found: Findings, text: Text) -> str:
    """Say why nothing is compared."""
    if not found.ran:
        return text("finding.none_ran")
    if not found.correct:
        return text("finding.none_correct")
    (only,) = found.correct
    if len(found.ran) == 1:
        return text("finding.alone", name=only)
    return text(f"finding.only_{'not_wrong' if found.unchecked else 'correct'}", name=only)


def _times(found: Findings, area: str, named: Named, text: Text) -> list[str]:
    """Say what is known of times, in the words of an area."""
    clauses = []
    faster, unsure = found.faster, found.unsure
    if faster is not None:
        clauses.append(
            text(
                f"{area}.faster.{_number(faster.branches)}",
                names=named(faster.branches, text),
                ratio=span(show_ratio, *faster.ratios),
                interval=show_interval(*faster.interval),
                baseline=found.baseline,
            )
        )
    if unsure is not None:
        clauses.append(
            text(
                f"{area}.unsure",
                names=named((unsure.branch,), text),
                ratio=show_ratio(unsure.ratio),
                interval=show_interval(unsure.low, unsure.high),
                baseline=found.baseline,
            )
        )
    if found.time in ("none", "few"):
        clauses.append(text(f"{area}.{found.time}", baseline=found.baseline))
    return clauses


def _peaks(found: Findings, text: Text) -> str:
    base = show_bytes(found.peaks[found.baseline])
    if found.lower is None:
        return text("finding.peak.none", baseline=found.baseline, base=base)
    return text(
        f"finding.peak.lower.{_number(found.lower.branches)}",
        names=_listed(found.lower.branches, text),
        peak=span(show_bytes, *found.lower.peaks),
        base=base,
    )


def _listed(names: Sequence[str], text: Text) -> str:
    return text("language.list").join(f"`{name}`" for name in names)


def _number(names: Sequence[str]) -> str:
    return "one" if len(names) == 1 else "several"
