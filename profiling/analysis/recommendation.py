"""What to write, in one sentence: the branch that a colleague would name, and what it gains.

By the rules of `profiling.analysis.findings`:

- **Recommended** are the correct branches that are both fastest and lowest. Where none is both, the
  fastest and the lowest are each named for what they are good for; where there is only one of the
  two, that one is. Where nothing is gained, a correct baseline is as good as any; where that is
  wrong, the branches that are correct are named.
- **Gains** are told against the baseline, with what they cost beside them: a time that is
  significantly longer, a peak that is at least 1% higher. What is the same is not called a gain.
- **Wrong branches** that take still less, of time significantly or of memory, are named as what
  they are, so that nobody who looks at the bars alone takes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from profiling.analysis.findings import Findings, Ratio, alike, span
from profiling.model.units import show_share, significant
from profiling.model.words import Text

# From this speed on it is told as a multiple; below, as a share of the time.
_MULTIPLE = 1.5


def recommendation(found: Findings, text: Text) -> str:
    """Return the sentence; empty where nothing can be recommended.

    Args:
        found: What a cell shows.
        text: The words.
    """
    if not found.candidates or found.scope == "lacking":
        return ""
    if found.time in ("", "few") and found.lower is None:
        return ""  # Nothing is known that would tell them apart.
    fast = found.faster.branches if found.faster else ()
    low = found.lower.branches if found.lower else ()
    both = tuple(name for name in fast if name in low)
    if both:
        said = _use(both, found, text)
    elif fast and low:
        said = text("recommend.for_speed") + _clause(fast, found, text)
        said += text("recommend.for_memory") + _clause(low, found, text) + text("recommend.end")
    elif fast or low:
        said = _use(fast or low, found, text)
    elif found.baseline in found.correct:
        said = text(f"recommend.none.{found.time}", baseline=found.baseline)
    else:
        said = _use(found.candidates, found, text)
    return said + _tempting(both or (*fast, *low) or found.correct, found, text)


def _use(names: Sequence[str], found: Findings, text: Text) -> str:
    return text("recommend.use") + _clause(names, found, text) + text("recommend.end")


def _clause(names: Sequence[str], found: Findings, text: Text) -> str:
    """Name branches in the order in which they ran, and say what they gain and cost."""
    names = [name for name in found.ran if name in names]
    gains: list[str] = []
    costs: list[str] = []
    for gain, cost in (_time(names, found, text), _peak(names, found, text)):
        gains += [gain] if gain else []
        costs += [cost] if cost else []
    said = text("recommend.named", names=_either(names, text), scope=_scope(found, text))
    for part, told in (("gains", gains), ("costs", costs)):
        if told:
            is_named = _is_unlike(found) or (part == "costs" and bool(gains))
            key = f"recommend.{part}.{'shortly' if is_named else 'whole'}"
            joined = text("recommend.and").join(told)
            said += text(key, **{part: joined}, baseline=found.baseline)
    return said


def _scope(found: Findings, text: Text) -> str:
    scope = "unlike" if _is_unlike(found) else found.scope
    return text(f"recommend.{scope}", baseline=found.baseline)


def _is_unlike(found: Findings) -> bool:
    """Return whether the baseline, which is named then, is wrong unlike what is recommended."""
    return found.scope == "correct" and found.baseline in found.wrong


def _time(names: Sequence[str], found: Findings, text: Text) -> tuple[str, str]:
    """Return how much faster some branches are, or else how much slower."""
    known = [found.ratios[name] for name in names if name in found.ratios]
    verdicts = {each.verdict for each in known}
    if len(known) < len(names) or len(verdicts) != 1:
        return "", ""
    ratios = [each.ratio for each in known]
    if verdicts == {"faster"}:
        if 1 / max(ratios) >= _MULTIPLE:
            times = span(_times, 1 / max(ratios), 1 / min(ratios))
            return text("recommend.faster", times=times), ""
        share = span(_percent, 1 - max(ratios), 1 - min(ratios))
        return text("recommend.less_time", share=share), ""
    if verdicts == {"slower"}:
        if min(ratios) >= _MULTIPLE:
            times = span(_times, min(ratios), max(ratios))
            return "", text("recommend.slower", times=times)
        share = span(_percent, min(ratios) - 1, max(ratios) - 1)
        return "", text("recommend.more_time", share=share)
    return "", ""


def _peak(names: Sequence[str], found: Findings, text: Text) -> tuple[str, str]:
    """Return how much less peak memory some branches need, or else how much more."""
    base = found.peaks.get(found.baseline)
    peaks = [found.peaks[name] for name in names if name in found.peaks]
    if not base or len(peaks) < len(names) or any(alike(peak, base) for peak in peaks):
        return "", ""
    if max(peaks) < base:
        share = span(_percent, 1 - max(peaks) / base, 1 - min(peaks) / base)
        return text("recommend.less_peak", share=share), ""
    if min(peaks) > base:
        share = span(_percent, min(peaks) / base - 1, max(peaks) / base - 1)
        return "", text("recommend.more_peak", share=share)
    return "", ""


def _tempting(names: Iterable[str], found: Findings, text: Text) -> str:
    """Name the wrong branches that take less than any of those that are recommended."""
    names = list(names)
    times = [found.ratios[name].low for name in names if name in found.ratios]
    fastest = min(times + [1.0] * (found.baseline in names), default=0.0)
    lowest = min((found.peaks[name] for name in names if name in found.peaks), default=0)

    def is_faster(ratio: Ratio | None) -> bool:
        return ratio is not None and ratio.verdict == "faster" and ratio.high < fastest

    def is_lower(peak: int | None) -> bool:
        return peak is not None and peak < lowest and not alike(peak, lowest)

    tempting = [
        name
        for name in found.wrong
        if name != found.baseline
        and (is_faster(found.ratios.get(name)) or is_lower(found.peaks.get(name)))
    ]
    if not tempting:
        return ""
    listed = text("language.list").join(f"`{name}`" for name in tempting)
    return text(f"recommend.tempting.{'one' if len(tempting) == 1 else 'several'}", names=listed)


def _either(names: Sequence[str], text: Text) -> str:
    named = [f"`{name}`" for name in names]
    if len(named) < 3:
        return text("recommend.or").join(named)
    most = text("language.list").join(named[:-1])
    return most + text("recommend.or") + named[-1]


def _times(speed: float) -> str:
    return significant(speed, 2).removesuffix(".0")


def _percent(share: float) -> str:
    """Round a share to whole percent; only all is 100%."""
    rounded = f"{share:.0%}"
    return show_share(share) if rounded in ("0%", "100%") else rounded
