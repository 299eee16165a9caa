"""The rows of the table: numbers, words and notes of one branch each."""

from __future__ import annotations

from typing import Any

import pytest

from profiling.analysis.rows import Group, rows
from profiling.analysis.statistics import summary
from profiling.model.run import CellResult, Status
from profiling.model.words import Text, table, translator
from tests.profiling.charts.conftest import failed, faster, row
from tests.profiling.charts.conftest import table as frame
from tests.profiling.planted import branch, cell, run_of

ENGLISH, CHINESE = translator("en"), translator("zh")
WRONG = row("attached", gradients_right=False)
MIB = 2**20


def shown(text: Text = ENGLISH, **values: Any) -> Any:
    """Return the formatted row of one branch."""
    return rows(frame(row("detach", **values)), text)[0]


def test_how_a_peak_compares_with_its_prediction_is_told() -> None:
    assert shown().predicted == ""
    assert shown(peak_bytes=400, predicted_peak_bytes=400).predicted == "as predicted"
    assert shown(peak_bytes=412, predicted_peak_bytes=400, scratch="aten::sum 8;aten::mm 4") == (
        shown(peak_bytes=412)._replace(
            predicted="+12 B vs. predicted: scratch memory of `aten::sum`, `aten::mm`"
        )
    )
    outside: dict[str, Any] = {
        "peak_bytes": 420,
        "predicted_peak_bytes": 400,
        "scratch": "aten::mm 12;python 8",
    }
    assert shown(**outside).predicted == (
        "+20 B vs. predicted: scratch memory of `aten::mm`, code outside of operators"
        " (such as making tensors from numbers)"
    )
    assert shown(CHINESE, **outside).predicted == (
        "与预测相差 +20 B：`aten::mm`、算子之外的代码（例如由数值创建张量） 的临时内存"
    )
    assert shown(peak_bytes=388, predicted_peak_bytes=400).predicted == ("−12 B vs. predicted")
    assert shown(CHINESE, peak_bytes=400, predicted_peak_bytes=400).predicted == "与预测一致"


def test_what_a_gpu_did_is_told() -> None:
    assert (shown().host, shown().work) == ("", "")
    measured: dict[str, Any] = {"host_median_s": 50e-6, "kernels": 12, "copies": 1, "syncs": 0}
    assert shown(**measured).host == "host 50.0 µs"
    assert shown(**measured).work == "12 kernels, 1 copy, 0 synchronizations"
    bandwidths: dict[str, Any] = {"clone_bytes_per_s": 8e11, "copy_bytes_per_s": 1e12}
    assert shown(**measured, **bandwidths).work.endswith("; clones reach 80% of copy bandwidth")
    assert shown(**measured | {"syncs": None}).work == "12 kernels, 1 copy, – synchronizations"


def test_a_few_bytes_keep_their_own_unit_beside_many() -> None:
    formatted = rows(frame(row("attached", peak_bytes=4 * MIB, live_bytes=4)), ENGLISH)[0]
    assert (formatted.peak, formatted.live) == ("4.000 MiB", "4 B")


def test_rows_are_in_common_units() -> None:
    cells = frame(
        WRONG,
        faster("detach", 0.2987, 0.2811, 0.3142, step_median_s=29.871e-6, peak_bytes=MIB // 2),
    )
    attached, detach = rows(cells, ENGLISH)
    assert (attached.branch, attached.status, attached.right) == ("attached", "ok", False)
    assert (attached.time, attached.spread) == ("100 µs", "90.0–120")
    assert (attached.ratio, attached.interval) == ("1.00×", "")
    assert (detach.ratio, detach.interval) == ("0.299×", "0.281–0.315")
    assert detach.time == "29.9 µs"
    assert (attached.peak, detach.peak) == ("4.000 MiB", "0.5000 MiB")
    assert (attached.saved, attached.live, attached.ops) == ("2.000 MiB", "1.000 MiB", "12")
    assert attached.groups == (Group("x: none (expected)", True), Group("w: equal", True))
    assert (attached.note, attached.message) == ("", "")


def test_groups_are_told_in_words(text: Text) -> None:
    outcomes = ("equal", "none", "missing", "unwanted", "different")
    gradients = ";".join(f"g{number}:{outcome}" for number, outcome in enumerate(outcomes))
    (shown,) = rows(frame(row("attached", gradients=gradients, gradient_errors="g0:0")), text)
    assert [group.words for group in shown.groups] == [
        f"g{number}: {text(f'reach.{outcome}')}" for number, outcome in enumerate(outcomes)
    ]
    assert [group.right for group in shown.groups] == [True, True, False, False, False]
    wrong = row("attached", gradients="g:different", gradient_errors="g:0.1849")
    ((group,),) = (each.groups for each in rows(frame(wrong), text))
    different = text("row.different", outcome=text("reach.different"), error="0.18")
    assert group == Group(f"g: {different}", False)


def test_what_was_not_measured_is_empty_and_never_zero(text: Text) -> None:
    reason = "workload.side_branch.absent.frozen"
    shown = rows(frame(WRONG, failed("frozen", reason=reason, gradients="", message="m")), text)[1]
    numbers = (shown.time, shown.spread, shown.ratio, shown.interval)
    assert (*numbers, shown.peak, shown.saved, shown.live, shown.ops) == ("",) * 8
    assert shown.groups == ()
    assert shown.right is None
    assert (shown.note, shown.message) == (text(reason), "m")


def test_a_cell_of_failures_only_is_shown_too(text: Text) -> None:
    shown = rows(frame(failed("attached", "error", gradients=""), failed("detach", "error")), text)
    assert [each.time for each in shown] == ["", ""]


REASONS = [
    key
    for key in table("en")
    if ".absent." in key or ".raises." in key or key in ("error.step_failed", "error.out_of_memory")
]
CELL_REASONS = ["error.worker_died", "error.worker_late", "error.out_of_memory"]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_a_branch_can_be_told(reason: str, text: Text) -> None:
    run = run_of(branch("detach", status=Status.ERROR, reason=reason, message="its own words"))
    (shown,) = rows(summary(run), text)
    assert (shown.note, shown.message) == (text(reason), "its own words")


@pytest.mark.parametrize("reason", CELL_REASONS)
def test_every_reason_of_a_cell_can_be_told(reason: str, text: Text) -> None:
    asked = cell()
    run = run_of(results=(CellResult(asked, Status.ERROR, (), reason),), cells=(asked,))
    shown = rows(summary(run), text)
    assert [each.status for each in shown] == ["error", "error"]
    assert all(each.note for each in shown)
