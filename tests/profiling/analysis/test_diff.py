from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from profiling.analysis.diff import COLUMNS, Difference, Lone, device_name, diff
from profiling.model.request import Request
from profiling.model.run import BranchResult, Cell, CellResult, Run, Sample, Status
from tests.conftest import FinishedRun
from tests.profiling.planted import GPU_MACHINE, branch, cell, reach, run_of, times

HASHES = {"same": "a" * 64, "other": "b" * 64}


def measured(
    name: str = "attached", seconds: float = 1.0, peak: int = 64, **values: Any
) -> BranchResult:
    """Return a branch with six steps of these seconds, half of them backward."""
    samples = (
        *times([(seconds / 2, seconds / 2)] * 6),
        Sample("step", "peak", "bytes", 0, peak),
        Sample("forward", "saved", "bytes", 0, peak // 2),
    )
    defaults: dict[str, Any] = {
        "samples": samples,
        "reach": (reach("x", "none"), reach("w", "equal")),
        "source_sha256": HASHES["same"],
    }
    return branch(name, **(defaults | values))


def finished(measured_cell: Cell, *results: BranchResult) -> CellResult:
    labels = tuple(result.branch for result in results)
    return CellResult(replace(measured_cell, branches=labels), Status.OK, results)


def run_with(*results: CellResult, **values: Any) -> Run:
    first = results[0].cell
    request = Request(first.workload, ("attached",), (first.size,))
    cells = tuple(result.cell for result in results)
    return run_of(**({"request": request, "cells": cells, "results": results} | values))


def only_row(a: Run, b: Run) -> dict[str, Any]:
    (row,) = diff(a, b).rows.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_a_row_has_both_sides_and_what_lies_between_them() -> None:
    a = run_of(measured(seconds=2.0, peak=64))
    b = run_of(
        measured(
            seconds=1.0,
            peak=96,
            source_sha256=HASHES["other"],
            reach=(reach("x", "unwanted"), reach("w", "equal")),
        )
    )
    assert only_row(a, b) == {
        "workload": "elementwise",
        "size": 4,
        "unit": "batch",
        "dtype": "float32",
        "mode": "eager",
        "parameters": "",
        "branch": "attached",
        "device_a": "cpu",
        "device_b": "cpu",
        "status_a": "ok",
        "status_b": "ok",
        "step_median_a_s": 2.0,
        "step_median_b_s": 1.0,
        "ratio": 0.5,
        "ratio_low": 0.5,
        "ratio_high": 0.5,
        "verdict": "faster",
        "peak_a_bytes": 64,
        "peak_b_bytes": 96,
        "peak_difference_bytes": 32,
        "saved_a_bytes": 32,
        "saved_b_bytes": 48,
        "gradients_a": "x:none;w:equal",
        "gradients_b": "x:unwanted;w:equal",
        "gradients_agree": False,
        "source_differs": True,
    }
    assert diff(b, a).rows["ratio"].to_list() == [2.0]
    assert diff(b, a).rows["verdict"].to_list() == ["slower"]


def test_a_measured_run_beside_itself_does_not_differ(finished_run: FinishedRun) -> None:
    run = finished_run.run
    found = diff(run, run)
    assert (found.only_a, found.only_b, found.environment) == ((), (), ())
    assert list(found.rows.columns) == list(COLUMNS)
    keys = [*zip(found.rows["size"], found.rows["branch"], strict=True)]
    assert keys == [(size, name) for size in (4, 8) for name in run.request.branches]
    ran = found.rows[found.rows["status_a"] == "ok"]
    assert len(ran) == 12
    assert set(ran["ratio"]) == {1.0}
    assert (ran["ratio_low"] <= 1).all()
    assert (ran["ratio_high"] >= 1).all()
    assert set(ran["verdict"]) == {"no_difference"}
    assert set(ran["peak_difference_bytes"]) == {0}
    assert set(ran["gradients_agree"]) == {True}
    assert set(ran["source_differs"]) == {False}
    assert set(ran["parameters"]) == {"depth=2 width=8"}
    failed = found.rows[found.rows["status_a"] != "ok"]
    assert set(failed["verdict"]) == {""}
    for column in ("step_median_a_s", "ratio", "peak_a_bytes", "peak_difference_bytes"):
        assert failed[column].isna().all()
    assert failed["gradients_agree"].isna().all()


def test_what_one_side_lacks_stays_empty() -> None:
    failed = branch("attached", status=Status.ERROR, message="planted")
    row = only_row(run_of(measured()), run_of(failed))
    assert (row["status_a"], row["status_b"]) == ("ok", "error")
    assert row["step_median_a_s"] == 1.0
    for name in ("step_median_b_s", "ratio", "ratio_low", "peak_b_bytes", "peak_difference_bytes"):
        assert pd.isna(row[name]), name
    assert (row["verdict"], row["gradients_b"]) == ("", "")
    assert row["gradients_agree"] is None
    assert row["source_differs"] is None


def test_a_step_without_backward_is_its_forward() -> None:
    samples = tuple(Sample("forward", "time", "s", index, 3.0) for index in range(6))
    row = only_row(run_of(branch("attached", samples=samples)), run_of(measured(seconds=6.0)))
    assert (row["step_median_a_s"], row["ratio"], row["verdict"]) == (3.0, 2.0, "slower")


def test_rounds_that_were_not_measured_and_other_clocks_do_not_count() -> None:
    samples = (
        *times([(1.0, 1.0)] * 5),
        Sample("forward", "time", "s", 5, None),
        Sample("backward", "time", "s", 5, 99.0),
        *(Sample("forward", "host", "s", index, 99.0) for index in range(6)),
        Sample("step", "peak", "bytes", 0, None),
    )
    row = only_row(run_of(branch("attached", samples=samples)), run_of(measured(seconds=4.0)))
    assert (row["step_median_a_s"], row["ratio"]) == (2.0, 2.0)
    assert pd.isna(row["peak_a_bytes"])


def test_few_rounds_have_a_ratio_without_a_verdict() -> None:
    few = branch("attached", samples=times([(0.5, 0.5)] * 4))
    row = only_row(run_of(few), run_of(measured(seconds=2.0)))
    assert (row["ratio"], row["verdict"]) == (2.0, "")
    assert pd.isna(row["ratio_low"])


@pytest.mark.parametrize(
    "change",
    [
        {"size": 8},
        {"dtype": "float64"},
        {"workload": "side_branch"},
        {"parameters": {"depth": 4, "width": 8}},
    ],
)
def test_cells_that_differ_in_more_than_the_device_do_not_belong_together(
    change: dict[str, Any],
) -> None:
    ours = cell("frozen_backbone", branches=("attached",))
    theirs = replace(ours, **change)
    found = diff(run_with(finished(ours, measured())), run_with(finished(theirs, measured())))
    assert found.rows.empty
    assert list(found.rows.columns) == list(COLUMNS)
    assert found.only_a == (
        Lone("frozen_backbone", 4, "batch", "float32", "cpu", "depth=2 width=8"),
    )
    (lone,) = found.only_b
    assert lone.size == theirs.size
    assert lone.workload == theirs.workload
    assert (lone.dtype, lone.branch) == (theirs.dtype, "")


def test_the_order_of_parameters_and_seed_and_budget_do_not_matter() -> None:
    ours = cell("frozen_backbone", branches=("attached",))
    theirs = replace(ours, parameters={"width": 8, "depth": 2}, seed=9, budget_s=2.0, force=True)
    found = diff(run_with(finished(ours, measured())), run_with(finished(theirs, measured())))
    assert len(found.rows) == 1


def on(device: str, *results: BranchResult) -> CellResult:
    return finished(cell(device=device), *(results or (measured(),)))


@pytest.mark.parametrize(
    ("a", "b", "paired", "only_a", "only_b"),
    [
        (["cpu"], ["cuda"], [("cpu", "cuda")], [], []),
        (["cpu"], ["cpu", "cuda"], [("cpu", "cpu")], [], ["cuda"]),
        (["cuda", "cpu"], ["cpu"], [("cpu", "cpu")], ["cuda"], []),
        (["cpu", "cuda"], ["cuda", "cpu"], [("cpu", "cpu"), ("cuda", "cuda")], [], []),
    ],
)
def test_cells_of_the_same_device_belong_together_where_there_are_any(
    a: list[str],
    b: list[str],
    paired: list[tuple[str, str]],
    only_a: list[str],
    only_b: list[str],
) -> None:
    found = diff(run_with(*map(on, a)), run_with(*map(on, b)))
    assert [*zip(found.rows["device_a"], found.rows["device_b"], strict=True)] == paired
    assert [lone.device for lone in found.only_a] == only_a
    assert [lone.device for lone in found.only_b] == only_b


def test_branches_that_only_one_run_has_are_named() -> None:
    a = run_of(measured("attached"), measured("detach"), measured("detach#2"))
    b = run_of(measured("detach"), measured("no_grad"))
    found = diff(a, b)
    assert found.rows["branch"].to_list() == ["detach"]
    here = Lone("elementwise", 4, "batch", "float32", "cpu", "")
    assert found.only_a == (here._replace(branch="attached"), here._replace(branch="detach#2"))
    assert found.only_b == (here._replace(branch="no_grad"),)


def test_a_cell_that_failed_as_a_whole_still_has_its_branches() -> None:
    lost = CellResult(cell(), Status.OUT_OF_MEMORY, (), "error.out_of_memory")
    found = diff(run_with(lost), run_of(measured("attached"), measured("no_grad")))
    assert found.rows["branch"].to_list() == ["attached"]
    assert found.rows["status_a"].to_list() == ["out_of_memory"]
    assert [lone.branch for lone in found.only_a] == ["detach"]
    assert [lone.branch for lone in found.only_b] == ["no_grad"]


def test_cells_that_were_planned_but_not_measured_are_not_there() -> None:
    run = run_of(measured())
    begun = replace(run, results=())
    found = diff(begun, run)
    assert found.rows.empty
    assert found.only_a == ()
    assert [lone.size for lone in found.only_b] == [4]


def test_the_environment_says_what_differs_and_nothing_else() -> None:
    a = run_of(measured())
    b = replace(
        a,
        environment=replace(GPU_MACHINE, torch="2.14.0", threads=8),
        request=replace(a.request, budget_s=4.0, seed=3),
        cells=(replace(a.cells[0], device="cuda"),),
    )
    assert diff(a, a).environment == ()
    assert diff(a, b).environment == (
        Difference("device", "A CPU", "A GPU"),
        Difference("torch", "2.13.0", "2.14.0"),
        Difference("cuda", "", "12.8"),
        Difference("driver", "", "13.0"),
        Difference("threads", "2", "8"),
        Difference("budget", "2.0", "4.0"),
        Difference("seed", "0", "3"),
    )


def test_a_device_without_a_name_goes_by_its_kind() -> None:
    run = run_of(measured())
    assert device_name(run) == "A CPU"
    assert device_name(replace(run, cells=(replace(run.cells[0], device="cuda"),))) == "cuda"
