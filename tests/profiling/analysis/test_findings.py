"""What a comparison shows: the rules, the sentences, and that they never contradict each other."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.analysis.analysis import Analysis
from profiling.analysis.findings import (
    disturbance,
    find,
    gradients_title,
    headline,
    peak_over_size_title,
    peak_title,
    time_over_size_title,
    time_title,
    told,
)
from profiling.analysis.rows import Group, rows
from profiling.analysis.statistics import summary
from profiling.catalogue import BRANCHES
from profiling.model.units import byte_unit, show_interval, show_ratio
from profiling.model.words import Text, translator
from tests.conftest import FinishedRun
from tests.profiling.charts.conftest import failed, faster, row, shown
from tests.profiling.charts.conftest import table as frame
from tests.profiling.planted import branch, cell, reach, run_of, times

ENGLISH, CHINESE = translator("en"), translator("zh")
CELL = cell("elementwise", size=1000, unit="elements")
WHERE = "At 1,000 elements (float32, cpu), "
WHERE_ZH = "在 1,000 个元素（float32，cpu）下，"
CORRECT, CORRECT_ZH = WHERE + "among the correct branches: ", WHERE_ZH + "梯度正确的写法中："
WRONG_ONE, WRONG_ONE_ZH = ". Wrong gradients: `attached`.", "。梯度不正确：`attached`。"
WRONG = row("attached", gradients_right=False)
MIB = 2**20


def said(*cells: dict[str, Any], text: Text = ENGLISH) -> str:
    return headline(shown(*cells), CELL, text)


def unclear(name: str, ratio: float, low: float, high: float, **values: Any) -> dict[str, Any]:
    return faster(name, ratio, low, high, **{"verdict": "no_difference", **values})


def test_the_fastest_and_the_smallest() -> None:
    cells = (
        WRONG,
        faster("detach", 0.5, 0.45, 0.55, peak_bytes=3 * MIB),
        faster("no_grad", 0.3, 0.28, 0.32, peak_bytes=2 * MIB),
    )
    assert said(*cells) == (
        CORRECT + "`no_grad` is fastest, at 0.300× the time of `attached` (95% interval "
        "0.280–0.320); `no_grad` has the lowest peak, 2.00 MiB instead of 4.00 MiB" + WRONG_ONE
    )
    assert said(*cells, text=CHINESE) == (
        CORRECT_ZH + "`no_grad` 最快，耗时为 `attached` 的 0.300 倍（95% bootstrap 置信区间 "
        "0.280–0.320）；`no_grad` 的峰值最低，为 2.00 MiB，基准为 4.00 MiB" + WRONG_ONE_ZH
    )
    found = shown(*cells)
    assert time_title(found, ENGLISH) == (
        "no_grad takes 0.300× the time of attached (95% interval 0.280–0.320)"
    )
    assert peak_title(found, byte_unit([4 * MIB]), ENGLISH) == (
        "no_grad peaks 2.00 MiB below attached"
    )
    assert gradients_title(found, ENGLISH) == "2 of 3 branches get exactly the right gradients"


def test_without_a_reference_all_branches_are_compared() -> None:
    cells = (
        row("attached", gradients_right=None, gradients="w:unchecked"),
        faster("detach", 0.5, 0.45, 0.55, gradients_right=None, gradients="w:unchecked"),
    )
    assert said(*cells) == (
        WHERE + "among all branches (nothing to check gradients against): `detach` is fastest, at "
        "0.500× the time of `attached` (95% interval 0.450–0.550); no peak is 1% or more below "
        "that of `attached` (4.00 MiB)."
    )
    assert peak_title(shown(*cells), byte_unit([1]), ENGLISH) == (
        "No branch peaks 1% or more below attached"
    )
    (group,) = rows(frame(*cells), ENGLISH)[0].groups
    assert group == Group("w: not checked", None)


def test_a_branch_without_a_gradient_that_the_baseline_has_is_never_recommended() -> None:
    known: dict[str, Any] = {"gradients_right": None, "gradients": "body:unchecked;head:unchecked"}
    broken = known | {"gradients": "body:absent;head:unchecked"}
    cells = (
        row("attached", **known),
        faster("detach", 0.2, 0.19, 0.21, peak_bytes=MIB, **broken),
        faster("no_grad", 0.5, 0.45, 0.55, **known),
    )
    assert said(*cells) == (
        WHERE + "among the branches with no gradient known to be wrong: `no_grad` is fastest, at "
        "0.500× the time of `attached` (95% interval 0.450–0.550); no peak is 1% or more below "
        "that of `attached` (4.00 MiB). No gradient although `attached` gives one: `detach` "
        "(`body`). Only a reference can say whether it should be there."
    )
    assert (
        gradients_title(shown(*cells), ENGLISH) == "No gradient in detach where attached gives one"
    )
    assert rows(frame(*cells), ENGLISH)[1].groups[0] == Group(
        "body: missing, unlike the baseline", None
    )
    # Where each of the others lacks one, that may be what they are for.
    assert said(*cells[:2]).startswith(
        WHERE + "no other branch gives a gradient to every parameter that gets one in `attached`; "
        "among them: `detach` is fastest, "
    )
    assert "No gradient although `attached` gives one: `detach` (`body`)." in said(*cells[:2])


def test_a_reference_for_some_groups_only_speaks_of_those() -> None:
    partly = "body:unchecked;head:{}"
    equal = {"gradients_right": None, "gradients": partly.format("equal")}
    different = {"gradients_right": False, "gradients": partly.format("different")}
    quick = faster("detach", 0.5, 0.45, 0.55)
    assert said(row("attached", **equal), quick | equal) == (
        WHERE + "among the branches with no gradient known to be wrong: `detach` is fastest, at "
        "0.500× the time of `attached` (95% interval 0.450–0.550); no peak is 1% or more below "
        "that of `attached` (4.00 MiB). Not checked: `body`."
    )
    cells = (row("attached", **equal), quick | different)
    assert said(*cells) == (
        WHERE + "only `attached` has no gradient known to be wrong. Wrong gradients: `detach`. "
        "Not checked: `body`."
    )
    assert gradients_title(shown(*cells), ENGLISH) == (
        "Wrong gradients in detach; not every group could be checked"
    )


def test_ties_are_named_together_with_the_range_of_their_ratios() -> None:
    cells = (
        WRONG,
        faster("detach", 0.347, 0.29, 0.36, peak_bytes=2 * MIB),
        faster("no_grad", 0.281, 0.27, 0.32, peak_bytes=2 * MIB + 8),
        faster("frozen", 0.40, 0.35, 0.45, peak_bytes=3 * MIB),
        unclear("item", 0.9, 0.3, 1.2, peak_bytes=3 * MIB),
    )
    assert said(*cells) == (
        CORRECT + "`no_grad`, `detach` are fastest, at 0.281–0.347× the time of `attached` (95% "
        "intervals within 0.270–0.360); `detach`, `no_grad` have the lowest peak, 2.00 MiB "
        "instead of 4.00 MiB" + WRONG_ONE
    )
    found = shown(*cells)
    assert time_title(found, ENGLISH) == (
        "no_grad and 1 more take 0.281–0.347× the time of attached "
        "(95% intervals within 0.270–0.360)"
    )
    assert peak_title(found, byte_unit([4 * MIB]), ENGLISH) == (
        "detach and 1 more peak 2.00 MiB below attached"
    )


def test_peaks_that_are_tied_are_named_with_the_range_of_what_they_save() -> None:
    found = shown(
        row("attached", peak_bytes=2_000_000),
        row("detach", peak_bytes=1_000_000),
        row("no_grad", peak_bytes=1_008_000),
    )
    assert found.lower == (("detach", "no_grad"), (1_000_000, 1_008_000))
    assert peak_title(found, byte_unit([1]), ENGLISH, lambda count: f"exactly {count}") == (
        "detach and 1 more peak 992000 B–1000000 B below attached"
    )
    assert headline(found, CELL, ENGLISH).endswith(
        "`detach`, `no_grad` have the lowest peak, 977 KiB–984 KiB instead of 1.91 MiB."
    )


def test_what_is_not_significant_is_never_called_fastest() -> None:
    # The smallest ratio is not significant, another one is.
    cells = (row("attached"), unclear("detach", 0.238, 0.1, 1.4), faster("no_grad", 0.9, 0.8, 0.95))
    assert said(*cells).startswith(
        CORRECT + "`no_grad` is fastest, at 0.900× the time of `attached` (95% interval "
        "0.800–0.950); `detach` at 0.238× the time of `attached` (95% interval 0.100–1.40) is "
        "not yet significant; "
    )
    # A larger one is not worth a word.
    cells = (row("attached"), unclear("detach", 0.95, 0.9, 1.4), faster("no_grad", 0.9, 0.8, 0.95))
    assert "significant" not in said(*cells)


def test_a_clear_interval_that_the_corrected_test_does_not_bear_out_is_not_called_none() -> None:
    cells = (row("attached"), unclear("detach", 0.3, 0.2, 0.996), unclear("no_grad", 0.2, 0.1, 1.3))
    assert said(*cells).startswith(
        CORRECT + "`detach` at 0.300× the time of `attached` (95% interval 0.200–0.996) is not "
        "yet significant; "
    )
    assert said(*cells, text=CHINESE).startswith(
        CORRECT_ZH + "`detach` 的耗时为 `attached` 的 0.300 倍（95% bootstrap 置信区间 "
        "0.200–0.996），尚不显著；"
    )


def test_no_gain_in_time_or_memory_is_said_so() -> None:
    cells = (
        WRONG,
        unclear("detach", 0.99, 0.97, 1.01),
        faster("no_grad", 1.3, 1.2, 1.4, verdict="slower"),
        faster("detach_kept", 0.5, 0.4, 0.6, gradients_right=False, peak_bytes=1),
    )
    both = ". Wrong gradients: `attached`, `detach_kept`."
    assert said(*cells) == (
        CORRECT + "no significant speed-up over `attached`; no peak is 1% or more below that of "
        "`attached` (4.00 MiB)" + both
    )
    assert said(*cells, text=CHINESE) == (
        CORRECT_ZH + "没有比 `attached` 显著更快的写法；没有峰值比 `attached`（4.00 MiB）低 1% "
        "或更多的写法。梯度不正确：`attached`、`detach_kept`。"
    )
    found = shown(*cells)
    assert time_title(found, ENGLISH) == "No correct branch is significantly faster than attached"
    assert peak_title(found, byte_unit([1]), ENGLISH) == (
        "No correct branch peaks 1% or more below attached"
    )


@pytest.mark.parametrize(
    ("peak", "lower"), [(3_960_000, True), (3_960_001, False), (4_000_064, False)]
)
def test_a_peak_is_lower_from_one_per_cent_on(peak: int, lower: bool) -> None:
    found = shown(row("attached", peak_bytes=4_000_000), row("detach", peak_bytes=peak))
    assert (found.lower is not None) is lower
    assert found.peak == ("lower" if lower else "none")


def test_too_few_rounds_for_any_verdict_are_said_to_be_so() -> None:
    slow = row("attached", rounds=5)
    few = unclear("detach", 0.3, 0.28, 0.31, rounds=5)
    assert said(slow, few).startswith(CORRECT + "too few rounds to compare times with `attached`; ")
    assert "not yet significant" in said(slow | {"rounds": 6}, few | {"rounds": 6})
    # More comparisons need more rounds.
    more = unclear("no_grad", 0.9, 0.8, 1.1, rounds=6)
    assert "too few rounds" in said(slow | {"rounds": 6}, few | {"rounds": 6}, more)
    # Nor does a ratio without an interval say anything.
    assert said(WRONG, row("detach", ratio=0.5, peak_bytes=MIB)) == (
        CORRECT + "too few rounds to compare times with `attached`; `detach` has the lowest peak, "
        "1.00 MiB instead of 4.00 MiB" + WRONG_ONE
    )
    assert time_title(shown(slow, few), ENGLISH) == "Too few rounds to compare times with attached"


def test_one_that_ran_alone_is_compared_with_nothing() -> None:
    cells = (row("attached"), failed("detach"))
    assert said(*cells) == WHERE + "only `attached` ran, so there is nothing to compare it with."
    assert said(*cells, text=CHINESE) == WHERE_ZH + (
        "只有 `attached` 跑通，没有可以与之比较的写法。"
    )


def test_a_baseline_that_alone_is_right_is_compared_with_nothing() -> None:
    assert said(row("attached"), faster("detach", 0.5, 0.4, 0.6, gradients_right=False)) == (
        WHERE + "only `attached` gives the correct gradients. Wrong gradients: `detach`."
    )


def test_without_any_right_branch_nothing_is_praised() -> None:
    assert said(WRONG, failed("detach", "error")) == (
        WHERE + "no branch that ran gives every parameter its correct gradient."
    )
    assert said(WRONG, text=CHINESE) == (
        WHERE_ZH + "跑通的写法中没有一种让所有参数都得到正确的梯度。"
    )


def test_a_cell_of_which_nothing_ran_says_so() -> None:
    refused = failed(
        "detach",
        "out_of_memory",
        reason="error.will_not_fit",
        values={"needed": "9 GiB", "free": "1 GiB"},
    )
    assert rows(frame(refused), ENGLISH)[0].note.startswith(
        "Not run: it needs about 9 GiB, but only 1 GiB are free."
    )
    assert said(refused) == WHERE + "no branch ran."


def test_without_a_baseline_nothing_is_compared() -> None:
    lone = [row(name, ratio=float("nan")) for name in ("detach", "frozen")]
    for cells in (lone, [failed("attached", "error"), *lone]):
        assert said(*cells) == (
            WHERE + "`attached` was not measured, so there is nothing to compare with."
        )
        assert time_title(shown(*cells), ENGLISH) == "Time of a step by branch"
        assert peak_title(shown(*cells), byte_unit([1]), ENGLISH) == (
            "Peak memory of a step by branch"
        )


def test_a_machine_that_others_kept_busy_is_told_of() -> None:
    def busy(share: float | None, text: Text = ENGLISH) -> str:
        branches = ("attached", "detach")
        return disturbance(shown(*(row(each, others_cpu_share=share) for each in branches)), text)

    assert (busy(None), busy(0.19)) == ("", "")
    assert busy(0.456) == (
        " Other processes used 46% of all processors meanwhile: times and their ratios may be off."
    )
    assert busy(0.2, CHINESE) == "计时期间其他进程占用了全部处理器的 20%：耗时及其比值可能不准。"


def test_the_place_is_named_in_the_workloads_own_unit() -> None:
    large = cell(size=4096, dtype="float16", device="cuda", unit="batch")
    assert headline(shown(WRONG), large, ENGLISH).startswith(
        "At 4,096 rows a batch (float16, cuda), "
    )


def test_sizes_are_told_by_the_largest() -> None:
    small = shown(WRONG, unclear("no_grad", 0.9, 0.7, 1.1))
    large = shown(WRONG, faster("no_grad", 0.5, 0.4, 0.6, peak_bytes=MIB))
    assert time_over_size_title({8: small, 1024: large}, ENGLISH) == (
        "Size 1,024: no_grad takes 0.500× the time of attached (95% interval 0.400–0.600); "
        "no significant difference at size 8"
    )
    assert time_over_size_title({8: large, 1024: small}, ENGLISH) == (
        "Size 1,024: No correct branch is significantly faster than attached"
    )
    assert peak_over_size_title({8: small, 1024: large}, byte_unit([MIB]), CHINESE) == (
        "规模 1,024：no_grad 的峰值比 attached 低 3.00 MiB"
    )
    nothing = shown(failed("attached"))
    assert peak_over_size_title({8: large, 9: nothing}, byte_unit([MIB]), ENGLISH) == (
        "Peak memory of a step over size"
    )


def test_a_summary_of_samples_reads_as_one_made_by_hand() -> None:
    run = run_of(
        branch("attached", samples=times([(1e-3, 3e-3)] * 6), reach=(reach("x", "unwanted"),)),
        branch("detach", samples=times([(1e-3, 1e-3)] * 6), reach=(reach("x", "none"),)),
    )
    measured = summary(run)
    attached, detach = rows(measured, ENGLISH)
    assert (attached.time, attached.right, detach.time, detach.right) == (
        "4.00 ms",
        False,
        "2.00 ms",
        True,
    )
    assert (detach.ratio, detach.interval) == ("0.500×", "0.500–0.500")
    assert headline(find(measured), run.cells[0], ENGLISH) == (
        "At 4 rows a batch (float32, cpu), among the correct branches: `detach` is fastest, at "
        "0.500× the time of `attached` (95% interval 0.500–0.500)" + WRONG_ONE
    )


def test_a_measured_cell_can_be_told(finished_run: FinishedRun, text: Text) -> None:
    one = Analysis(*finished_run).cell(8)
    right = {each.branch: each.right for each in rows(one.summary, text)}
    assert list(right) == list(finished_run.run.request.branches)
    assert (right["attached"], right["detach"], right["frozen"]) == (False, True, None)
    assert told(one.findings, one.finished.cell, text).startswith(
        text("finding.where", size="8", unit=text("size.batch"), dtype="float32", device="cpu")
    )


@st.composite
def ratios(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a ratio with an interval and a verdict that fits its side of 1, or some of it."""
    ratio = draw(st.floats(0.05, 3) | st.floats(0.99, 1.01))
    if draw(st.booleans()):
        return {"ratio": ratio}
    low, high = ratio * draw(st.floats(0.5, 1)), ratio * draw(st.floats(1, 2))
    verdict = draw(st.sampled_from(["no_difference", "faster" if ratio < 1 else "slower"]))
    return {"ratio": ratio, "ratio_low": low, "ratio_high": high, "verdict": verdict}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Draw the rows of a cell."""
    peaks = st.integers(0, 5 * MIB) | st.sampled_from([4 * MIB, 4 * MIB - 64, MIB, MIB + 64])
    outcomes = ["equal", "equal", "different", "unchecked", "absent"]
    listed = []
    for name in BRANCHES[: draw(st.integers(1, 6))]:
        values = draw(ratios()) if name != "attached" else {}
        outcome = draw(st.sampled_from(outcomes))
        values |= {"peak_bytes": draw(peaks), "gradients": f"w:{outcome}"}
        values["gradients_right"] = {"equal": True, "different": False}.get(outcome)
        ran = draw(st.sampled_from([True, True, True, False]))
        listed.append(row(name, **values) if ran else failed(name))
    return frame(*listed)


def named(text: str) -> list[str]:
    return re.findall("`([^`]+)`", text)


def clause(pattern: str, text: str) -> re.Match[str] | None:
    return re.search(rf"((?:`[\w#]+`(?:, )?)+) {pattern}", text)


@settings(deadline=None)
@given(tables())
def test_headline_titles_and_table_never_contradict_each_other(cells: pd.DataFrame) -> None:
    found = find(cells)
    told_, shown_ = (
        headline(found, CELL, ENGLISH),
        {each.branch: each for each in rows(cells, ENGLISH)},
    )
    by_name = {each["branch"]: each for each in cells.to_dict("records")}
    title, peaks = time_title(found, ENGLISH), peak_title(found, byte_unit([MIB]), ENGLISH)
    sound = {
        name
        for name, each in by_name.items()
        if each["status"] == "ok" and each["gradients_right"] is not False
    }
    lacking = {name for name in sound if by_name[name]["gradients"] == "w:absent"}
    correct = (sound - lacking - {"attached"}) or sound - {"attached"}
    quicker = {name for name in correct if by_name[name]["verdict"] == "faster"}

    fastest = clause(r"(?:is|are) fastest, at ([\d.–]+)×", told_)
    assert (fastest is not None) == (" take" in title) == bool(quicker)
    assert ("no significant speed-up" in told_) == ("significantly faster" in title)
    assert ("too few rounds" in told_) == ("Too few rounds" in title)
    if fastest is not None:
        names, ratio = named(fastest[1]), fastest[2]
        assert set(names) <= quicker
        assert f"{ratio}×" in title
        assert title.startswith(names[0])
        # The ends of the range are numbers of the table, and no other row is faster.
        ends = {shown_[name].ratio.removesuffix("×") for name in names}
        assert set(ratio.split("–")) <= ends
        assert all(by_name[name]["ratio"] >= by_name[names[0]]["ratio"] for name in quicker)
        for other in quicker - set(names):
            assert by_name[other]["ratio_low"] > by_name[names[0]]["ratio_high"]
    unsure = clause(
        r"at [\d.]+× the time of `attached` \(95% interval ([\d.–]+)\) is not yet", told_
    )
    assert (unsure is not None) == ("not yet significant" in title)
    if unsure is not None:
        (name,) = named(unsure[1])
        assert by_name[name]["verdict"] == "no_difference"
        assert unsure[2] == shown_[name].interval

    lowest = clause("(?:has|have) the lowest peak, (.*?) instead of", told_)
    base = by_name["attached"]["peak_bytes"]
    assert (lowest is not None) == (" below " in peaks and not peaks.startswith("No "))
    assert ("no peak is 1% or more below" in told_) == (peaks.startswith("No "))
    if not pd.isna(base) and correct:
        below = {name for name in correct if by_name[name]["peak_bytes"] < base - 0.01 * base}
        assert bool(below) <= (lowest is not None)
    if lowest is not None:
        names = named(lowest[1])
        assert set(names) <= correct
        assert all(by_name[name]["peak_bytes"] < base for name in names)
        assert (
            min(by_name[name]["peak_bytes"] for name in correct) == by_name[names[0]]["peak_bytes"]
        )
        assert peaks.startswith(names[0])

    lacked = re.search("No gradient although `attached` gives one: (.*?)[.]", told_)
    assert set(re.findall(r"`(\w+)` \(", lacked[1] if lacked else "")) == lacking
    wrong = re.search("Wrong gradients: (.*?)[.]", told_)
    if wrong is not None:
        assert set(named(wrong[1])) == {
            each.branch for each in shown_.values() if each.right is False
        }


def sentences(cells: pd.DataFrame, text: Text) -> list[str]:
    found = find(cells)
    return [
        headline(found, CELL, text),
        time_title(found, text),
        peak_title(found, byte_unit([MIB]), text),
        time_over_size_title({8: found, 16: found}, text),
    ]


@settings(deadline=None)
@given(tables())
def test_both_languages_name_the_same_branches_and_numbers(cells: pd.DataFrame) -> None:
    for pair in zip(sentences(cells, ENGLISH), sentences(cells, CHINESE), strict=True):
        english, chinese = (re.sub("95 ?%|bootstrap", "", each) for each in pair)
        things = re.compile(r"[\d.]+\d|[a-z]+_[a-z_]+", re.ASCII)
        assert set(things.findall(english)) == set(things.findall(chinese))
        assert "{" not in english + chinese


@settings(deadline=None)
@given(st.floats(1e-3, 1e3) | st.floats(0.9, 1.1), st.floats(1, 2), st.floats(1, 2))
def test_ratios_and_intervals_keep_their_side_of_1_and_are_rounded_outward(
    ratio: float, below: float, above: float
) -> None:
    def side(number: float | Decimal) -> int:
        return (number > 1) - (number < 1)

    low, high = ratio / below, ratio * above
    shown_low, shown_high = map(Decimal, show_interval(low, high).split("–"))
    assert shown_low <= Decimal(repr(low))
    assert shown_high >= Decimal(repr(high))
    assert (side(shown_low), side(shown_high)) == (side(low), side(high))
    assert side(Decimal(show_ratio(ratio))) == side(ratio)
    assert shown_low <= Decimal(show_ratio(ratio)) <= shown_high
    # Nor are they given more digits than it takes.
    assert float(shown_high) <= high * 1.01
    assert float(shown_low) >= low * 0.99
