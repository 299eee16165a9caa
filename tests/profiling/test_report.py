from __future__ import annotations

from typing import Any

import pandas as pd

from profiling.analysis.findings import Group, disturbance, finding, rows
from profiling.analysis.statistics import summary
from profiling.model.words import Text, translator
from tests.conftest import FinishedRun
from tests.profiling.charts.conftest import failed, faster, row
from tests.profiling.charts.conftest import table as frame
from tests.profiling.planted import branch, reach, run_of, times

ENGLISH, CHINESE = translator("en"), translator("zh")
WHERE = "At 1,000 elements (float32, cpu), "
WHERE_ZH = "在 1,000 个元素（float32，cpu）下，"
WRONG_ONE = "; `attached` did not give the gradients that should hold."
WRONG_ONE_ZH = "；`attached` 没有给出应有的梯度。"
WRONG = row("attached", gradients_right=False)
MIB = 2**20


def said(*cells: dict[str, Any], text: Text = ENGLISH) -> str:
    return finding(frame(*cells), "elements", text)


def test_the_fastest_and_the_smallest() -> None:
    cells = (
        WRONG,
        faster("detach", 0.5, 0.45, 0.55, peak_bytes=3 * MIB),
        faster("no_grad", 0.3, 0.28, 0.32, peak_bytes=2 * MIB),
    )
    assert said(*cells) == (
        WHERE + "of the branches with the right gradients `no_grad` ran fastest, in 0.30× the time "
        "of `attached` (95 % interval 0.28–0.32); `no_grad` had the lowest peak, 2.00 MiB "
        "instead of 4.00 MiB" + WRONG_ONE
    )
    assert said(*cells, text=CHINESE) == (
        WHERE_ZH + "梯度正确的写法中，`no_grad` 最快，耗时为 `attached` 的 0.30 倍（95 % 区间 "
        "0.28–0.32）；`no_grad` 的峰值最低，为 2.00 MiB，基准为 4.00 MiB" + WRONG_ONE_ZH
    )


def test_without_a_reference_all_branches_are_compared() -> None:
    cells = (
        row("attached", gradients_right=None, gradients="w:unchecked"),
        faster("detach", 0.5, 0.45, 0.55, gradients_right=None, gradients="w:unchecked"),
    )
    assert said(*cells) == (
        WHERE + "of all branches, with nothing to check gradients against, `detach` ran "
        "fastest, in 0.50× the time of `attached` (95 % interval 0.45–0.55); none of them had a "
        "lower peak than `attached` (4.00 MiB)."
    )
    (group,) = rows(frame(*cells), ENGLISH)[0].groups
    assert group == Group("w: not checked", None)


def test_too_few_rounds_for_any_verdict_are_said_to_be_so() -> None:
    slow = row("attached")
    few = row(
        "detach", rounds=5, ratio=0.3, ratio_low=0.28, ratio_high=0.3, verdict="no_difference"
    )
    assert said(slow, few).startswith(WHERE + "5 rounds are too few to tell times apart; ")
    assert "none was measurably faster" in said(slow, few | {"rounds": 6, "ratio_high": 1.02})


def test_a_clear_interval_that_the_corrected_test_does_not_bear_out_is_not_called_none() -> None:
    maybe = row(
        "detach", rounds=12, ratio=0.3, ratio_low=0.2, ratio_high=0.42, verdict="no_difference"
    )
    assert said(row("attached"), maybe).startswith(
        WHERE
        + "`detach` took 0.30× the time of `attached` (95 % interval 0.20–0.42), which a test "
        "corrected for all comparisons cannot tell from chance yet; "
    )


def test_a_saving_too_small_to_be_shown_is_none() -> None:
    cells = (row("attached"), row("detach", peak_bytes=4 * MIB - 4))
    assert "none of them had a lower peak than `attached` (4.00 MiB)" in said(*cells)


def test_a_refused_branch_says_what_it_needs_and_what_is_free() -> None:
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


def test_a_machine_that_others_kept_busy_is_told_of() -> None:
    def told(share: float | None, text: Text = ENGLISH) -> str:
        branches = ("attached", "detach")
        return disturbance(frame(*(row(each, others_cpu_share=share) for each in branches)), text)

    assert (told(None), told(0.19)) == ("", "")
    assert told(0.456) == (
        " Other processes used 46% of all processors meanwhile: times and their ratios may be off."
    )
    assert told(0.2, CHINESE) == ("计时期间其他进程占用了全部处理器的 20%：耗时及其比值可能不准。")


def test_ties_are_named_together() -> None:
    cells = (
        WRONG,
        faster("detach", 0.31, 0.29, 0.33, peak_bytes=2 * MIB),
        faster("no_grad", 0.30, 0.28, 0.32, peak_bytes=2 * MIB),
        faster("frozen", 0.40, 0.35, 0.45, peak_bytes=3 * MIB),
    )
    assert said(*cells) == (
        WHERE + "of the branches with the right gradients `detach`, `no_grad` ran fastest, in "
        "0.30× the time of `attached` (95 % interval 0.28–0.32); `detach`, `no_grad` had the "
        "lowest peak, 2.00 MiB instead of 4.00 MiB" + WRONG_ONE
    )


def test_wrong_gradients_never_win() -> None:
    cells = (
        WRONG,
        faster("detach", 0.1, 0.1, 0.1, peak_bytes=1, gradients_right=False),
        faster("no_grad", 0.5, 0.4, 0.6, peak_bytes=2 * MIB),
    )
    assert said(*cells) == (
        WHERE + "of the branches with the right gradients `no_grad` ran fastest, in 0.50× the time "
        "of `attached` (95 % interval 0.40–0.60); `no_grad` had the lowest peak, 2.00 MiB instead "
        "of 4.00 MiB; `attached`, `detach` did not give the gradients that should hold."
    )


def test_one_that_ran_alone_is_compared_with_nothing() -> None:
    cells = (row("attached"), failed("detach"))
    assert said(*cells) == (WHERE + "`attached` alone ran, so there is nothing to compare it with.")
    assert said(*cells, text=CHINESE) == WHERE_ZH + (
        "只有 `attached` 跑通，因此没有可以与之比较的写法。"
    )


def test_without_any_right_branch_nothing_is_praised() -> None:
    assert said(WRONG, failed("detach", "error")) == (
        WHERE + "no branch that ran gives every parameter the gradient it should have."
    )
    assert said(WRONG, text=CHINESE) == (
        WHERE_ZH + "跑通的写法中没有一种让所有参数都得到应有的梯度。"
    )


def test_without_an_interval_times_are_not_compared() -> None:
    cells = (WRONG, row("detach", ratio=0.5, peak_bytes=MIB))
    assert said(*cells) == (
        WHERE + "there were too few pairs with `attached` to compare times; `detach` had the "
        "lowest peak, 1.00 MiB instead of 4.00 MiB" + WRONG_ONE
    )
    assert said(*cells, text=CHINESE) == (
        WHERE_ZH + "与 `attached` 配对的样本太少，无法比较耗时；`detach` 的峰值最低，为 1.00 MiB，"
        "基准为 4.00 MiB" + WRONG_ONE_ZH
    )


def test_no_gain_in_time_or_memory_is_said_so() -> None:
    cells = (
        WRONG,
        row("detach", ratio=0.99, ratio_low=0.97, ratio_high=1.01, verdict="no_difference"),
        row("no_grad", ratio=1.3, ratio_low=1.2, ratio_high=1.4, verdict="slower"),
    )
    assert said(*cells) == (
        WHERE
        + "of the branches with the right gradients none was measurably faster than `attached`; "
        "none of them had a lower peak than `attached` (4.00 MiB)" + WRONG_ONE
    )
    assert said(*cells, text=CHINESE) == (
        WHERE_ZH + "梯度正确的写法中，没有一种比 `attached` 快得可以测出来；它们的峰值都不低于 "
        "`attached`（4.00 MiB）" + WRONG_ONE_ZH
    )


def test_without_a_baseline_memory_is_not_compared() -> None:
    lone = [row(name, ratio=float("nan")) for name in ("detach", "frozen")]
    assert said(*lone) == (WHERE + "there were too few pairs with `attached` to compare times.")


def test_the_place_is_named_in_the_workloads_own_unit() -> None:
    large = row("attached", size=4096, dtype="float16", device="cuda", gradients_right=False)
    assert finding(frame(large), "batch", ENGLISH).startswith(
        "At 4,096 rows a batch (float16, cuda), "
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
    assert finding(measured, "elements", ENGLISH) == (
        "At 4 elements (float32, cpu), of the branches with the right gradients `detach` ran "
        "fastest, in 0.50× the time of `attached` (95 % interval 0.50–0.50)" + WRONG_ONE
    )


def test_a_measured_cell_can_be_told(finished_run: FinishedRun, text: Text) -> None:
    measured: pd.DataFrame = summary(finished_run.run)
    cell_ = measured[measured["size"] == 8]
    shown = rows(cell_, text)
    assert [each.branch for each in shown] == list(finished_run.run.request.branches)
    right = {each.branch: each.right for each in shown}
    assert (right["attached"], right["detach"], right["frozen"]) == (False, True, None)
    assert finding(cell_, "batch", text).startswith(
        text("finding.where", size="8", unit=text("size.batch"), dtype="float32", device="cpu")
    )
