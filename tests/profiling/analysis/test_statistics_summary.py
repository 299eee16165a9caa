"""A run's summary: one row a cell and branch."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from msgspec.structs import replace

from profiling.analysis.statistics import MIN_PAIRS, summary
from profiling.model.metrics import METRICS
from profiling.model.run import BranchResult, CellResult, PeakPart, Sample, Status
from tests.conftest import FinishedRun
from tests.profiling.planted import branch, cell, noise, reach, run_of, timed, times


def test_summary_of_planted_times() -> None:
    steps = [4.0, 6.0, 8.0, 12.0, 16.0, 18.0, 20.0]
    run = run_of(timed("attached", steps), timed("detach", [step / 2 for step in steps]))
    attached, detach = summary(run).to_dict("records")
    assert attached["rounds"] == detach["rounds"] == 7
    assert attached["step_median_s"] == 12
    assert (attached["step_p25_s"], attached["step_p75_s"]) == (7, 17)
    assert (attached["forward_median_s"], attached["backward_median_s"]) == (3, 9)
    assert (attached["ratio"], attached["verdict"]) == (1, "")
    assert math.isnan(attached["ratio_low"])
    assert (detach["ratio"], detach["ratio_low"], detach["ratio_high"]) == (0.5, 0.5, 0.5)
    assert detach["p_value"] == pytest.approx(2 / 2**7)
    assert detach["verdict"] == "faster"


def test_forward_and_backward_of_a_round_belong_together() -> None:
    run = run_of(branch("attached", samples=times([(1, 9), (9, 1), (2, 8)])))
    (row,) = summary(run).to_dict("records")
    assert (row["step_median_s"], row["step_p25_s"], row["step_p75_s"]) == (10, 10, 10)
    assert (row["forward_median_s"], row["backward_median_s"]) == (2, 8)


def test_without_attached_the_first_branch_is_the_baseline() -> None:
    run = run_of(timed("detach", noise(1, 10)), timed("no_grad", [2 * x for x in noise(1, 10)]))
    first, second = summary(run).to_dict("records")
    assert first["baseline"] == second["baseline"] == "detach"
    assert (first["ratio"], first["verdict"], first["rounds"]) == (1, "", 10)
    assert second["ratio"] == pytest.approx(2)
    assert second["verdict"] == "slower"


def test_a_baseline_that_failed_has_no_ratio_and_gives_none() -> None:
    failed = branch("attached", status=Status.ERROR, reason="error.step_failed", message="planted")
    attached, detach = summary(run_of(failed, timed("detach", noise(1, 10)))).to_dict("records")
    assert math.isnan(attached["ratio"])
    assert math.isnan(detach["ratio"])
    assert (attached["status"], attached["message"]) == ("error", "planted")
    assert attached["rounds"] == 0


def test_memory_and_counts_are_whole_and_may_be_missing() -> None:
    samples = (
        Sample("step", "peak", "bytes", 0, 23_069_196),
        Sample("forward", "live", "bytes", 0, 404),
        Sample("forward", "saved", "bytes", 0, None),
        Sample("step", "ops", "count", 0, 12),
    )
    table = summary(run_of(branch("attached", samples=samples), branch("detach")))
    for name in ("rounds", "peak_bytes", "live_bytes", "saved_bytes", "ops"):
        assert str(table[name].dtype) == "Int64"
    attached = table.iloc[0]
    assert (attached["peak_bytes"], attached["live_bytes"], attached["ops"]) == (
        23_069_196,
        404,
        12,
    )
    assert attached["saved_bytes"] is pd.NA
    assert table.iloc[1][["peak_bytes", "live_bytes", "saved_bytes", "ops"]].isna().all()


def test_what_cuda_tells_besides_and_what_a_cell_has_in_common() -> None:
    counts = {"kernels": 9, "launches": 8, "copies": 1, "syncs": 0}
    samples = (
        *times([(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]),
        *(
            Sample(phase, "host", "s", index, seconds)
            for index, host in enumerate([0.25, 0.5, 1.0])
            for phase, seconds in (("forward", host), ("backward", 2 * host))
        ),
        Sample("step", "predicted", "bytes", 0, 100),
        Sample("step", "peak", "bytes", 0, 128),
        Sample("step", "block_peak", "bytes", 0, 1024),
        Sample("step", "reserved_peak", "bytes", 0, 2**21),
        *(Sample("step", name, "count", 0, value) for name, value in counts.items()),
        Sample("step", "clone_bandwidth", "bytes_per_s", 0, None),
        Sample("step", "copy_bandwidth", "bytes_per_s", 0, 1.5e12),
    )
    scratch = (PeakPart("scratch", "aten::mm", 28),)
    run = run_of(branch("attached", samples=samples, scratch=scratch), branch("detach"))
    timed = replace(run.results[0], stopped_by="rounds", warm_up_rounds=3, loops=1)
    timed = replace(timed, others_cpu_share=0.25)
    table = summary(replace(run, results=(timed,)))
    attached, detach = table.iloc[0], table.iloc[1]
    assert (attached["step_median_s"], attached["host_median_s"]) == (5.0, 1.5)
    assert (attached["predicted_peak_bytes"], attached["peak_bytes"]) == (100, 128)
    assert (attached["block_peak_bytes"], attached["reserved_peak_bytes"]) == (1024, 2**21)
    assert {name: attached[name] for name in counts} == counts
    assert attached["clone_bytes_per_s"] is pd.NA
    assert attached["copy_bytes_per_s"] == 1.5e12
    assert (attached["scratch"], detach["scratch"]) == ("aten::mm 28", "")
    names = ["predicted_peak_bytes", *counts, "clone_bytes_per_s", "host_median_s"]
    assert detach[names].isna().all()
    for name in ("predicted_peak_bytes", "warm_up_rounds", "loops", *counts):
        assert str(table[name].dtype) == "Int64"
    for name, value in (("stopped_by", "rounds"), ("warm_up_rounds", 3), ("loops", 1)):
        assert table[name].to_list() == [value, value]
    assert table["others_cpu_share"].to_list() == [0.25, 0.25]


def test_a_looped_step_is_compared_by_its_forward_alone() -> None:
    def looped(name: str, seconds: float) -> BranchResult:
        samples = (Sample("forward", "time", "s", index, seconds) for index in range(6))
        return branch(name, samples=tuple(samples))

    attached, detach = summary(run_of(looped("attached", 2.0), looped("detach", 1.0))).to_dict(
        "records"
    )
    assert (attached["step_median_s"], detach["step_median_s"]) == (2.0, 1.0)
    assert (detach["ratio"], detach["verdict"]) == (0.5, "faster")
    assert math.isnan(detach["backward_median_s"])


def test_without_a_reference_gradients_are_neither_right_nor_wrong() -> None:
    groups = (reach("x", "unchecked"), reach("w", "unchecked"))
    (row,) = summary(run_of(branch("attached", reach=groups))).to_dict("records")
    assert (row["gradients"], row["gradients_right"]) == ("x:unchecked;w:unchecked", None)


@pytest.mark.parametrize(
    ("outcomes", "right"),
    [
        (("equal", "none"), True),
        (("equal", "unwanted"), False),
        (("missing", "none"), False),
        (("different",), False),
    ],
)
def test_gradients_are_right_when_every_groups_are(outcomes: tuple[str, ...], right: bool) -> None:
    groups = tuple(reach(f"g{number}", outcome) for number, outcome in enumerate(outcomes))
    (row,) = summary(run_of(branch("attached", reach=groups))).to_dict("records")
    assert row["gradients"] == ";".join(f"g{n}:{o}" for n, o in enumerate(outcomes))
    assert row["gradients_right"] is right


def test_a_branch_that_did_not_run_has_no_gradients() -> None:
    (row,) = summary(run_of(branch("frozen", status=Status.UNSUPPORTED))).to_dict("records")
    assert (row["gradients"], row["gradients_right"]) == ("", None)


def test_cells_are_compared_with_their_own_baseline() -> None:
    run = run_of(timed("attached", [1.0] * 6), timed("detach", [0.5] * 6))
    larger = replace(run.cells[0], size=8)
    slower = CellResult(
        larger, Status.OK, (timed("attached", [1.0] * 6), timed("detach", [2.0] * 6))
    )
    table = summary(replace(run, cells=(*run.cells, larger), results=(*run.results, slower)))
    assert list(zip(table["size"], table["branch"], table["ratio"], strict=True)) == [
        (4, "attached", 1.0),
        (4, "detach", 0.5),
        (8, "attached", 1.0),
        (8, "detach", 2.0),
    ]


def test_a_run_without_results_has_an_empty_summary() -> None:
    table = summary(run_of(results=(), cells=(cell(),)))
    assert table.empty
    assert table.dtypes.to_dict() == summary(run_of(branch("attached"))).dtypes.to_dict()


def test_a_cell_that_failed_gives_each_of_its_branches_the_reason() -> None:
    asked = cell(branches=("attached", "detach"))
    failed = CellResult(asked, Status.ERROR, (), "error.worker_died", values={"a": "b"})
    table = summary(run_of(results=(failed,), cells=(asked,)))
    assert table["branch"].to_list() == ["attached", "detach"]
    assert table["status"].to_list() == ["error"] * 2
    assert table["reason"].to_list() == ["error.worker_died"] * 2
    assert table["values"].to_list() == [{"a": "b"}] * 2


def test_every_metric_with_a_column_has_it_in_the_summary() -> None:
    samples = tuple(
        Sample(metric.phases[0], metric.name, metric.unit, 0, 3.0 + place)
        for place, metric in enumerate(METRICS.values())
    )
    (row,) = summary(run_of(branch("attached", samples=samples))).to_dict("records")
    for place, metric in enumerate(METRICS.values()):
        if metric.column:
            assert row[metric.column] == 3 + place


def test_summary_of_a_measured_run(finished_run: FinishedRun) -> None:
    table = summary(finished_run.run)
    asked = finished_run.run.request.branches
    assert isinstance(table.index, pd.RangeIndex)
    assert table["branch"].to_list() == list(asked) * 2
    assert table["size"].to_list() == [4] * len(asked) + [8] * len(asked)
    for name, value in (("workload", "side_branch"), ("dtype", "float32"), ("device", "cpu")):
        assert set(table[name]) == {value}
    ran = table["status"] == "ok"
    assert table.loc[ran, "rounds"].ge(MIN_PAIRS).all()
    assert table.loc[~ran, "rounds"].eq(0).all()
    numbers = ["step_median_s", "forward_median_s", "backward_median_s", "peak_bytes", "ops"]
    assert table.loc[ran, numbers].gt(0).all(axis=None)
    assert table.loc[~ran, [*numbers, "ratio", "saved_bytes", "live_bytes"]].isna().all(axis=None)
    right = table.set_index("branch")["gradients_right"]
    assert right["attached"].to_list() == [False, False]
    assert right["detach"].to_list() == [True, True]
    assert right["frozen"].to_list() == [None, None]
    same_size = table[ran].groupby("size")["rounds"].nunique()
    assert same_size.to_list() == [1, 1]
