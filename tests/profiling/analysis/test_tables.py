from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from profiling.analysis import tables
from profiling.model.run import CellResult, Reach, Run, Sample, Status
from profiling.traces.table import COLUMNS, load_trace
from tests.conftest import RAN, FinishedRun
from tests.profiling.planted import CPU, GPU_MACHINE, MACHINE, branch, cell, reach, run_of, times

DID_NOT = {
    "detach_inline": "unsupported",
    "detach_kept": "unsupported",
    "detach_inplace": "expected_error",
    "frozen": "unsupported",
}


def test_samples_of_a_measured_run(finished_run: FinishedRun) -> None:
    table = tables.samples(finished_run.run)
    results = [each for cell in finished_run.run.results for each in cell.results]
    assert len(table) == sum(max(1, len(result.samples)) for result in results)
    kept = table[table["metric"].notna()]
    assert len(table) == len(kept) + 2 * len(DID_NOT)
    assert kept["value"].to_list() == [s.value for result in results for s in result.samples]
    assert kept["index"].to_list() == [s.index for result in results for s in result.samples]
    assert set(kept["branch"]) == set(RAN)


def test_a_branch_without_samples_has_one_empty_row(finished_run: FinishedRun) -> None:
    table = tables.samples(finished_run.run)
    empty = table[table["metric"].isna()]
    assert dict(zip(empty["branch"], empty["status"], strict=True)) == DID_NOT
    assert len(empty) == 2 * len(DID_NOT)
    for name in ("phase", "unit", "index", "value"):
        assert empty[name].isna().all()
    messages = empty.set_index("branch")["message"]
    assert messages["frozen"].to_list() == ["workload.side_branch.absent.frozen"] * 2
    assert messages["detach_inplace"].str.startswith("Trying to use a saved tensor").all()


def test_types_of_samples() -> None:
    planted = branch("attached", samples=(Sample("step", "peak", "bytes", 0, None),))
    table = tables.samples(run_of(planted, branch("detach")))
    assert (str(table["index"].dtype), str(table["value"].dtype)) == ("Int64", "float64")
    assert table["metric"].to_list()[0] == "peak"
    assert table["value"].isna().all()


def one_cell(run: Run) -> CellResult:
    (finished,) = run.results
    return finished


def test_peak_parts_add_up_to_the_measured_peaks(finished_run: FinishedRun) -> None:
    copying = set()
    for finished in finished_run.run.results:
        table = tables.peak_parts(finished)
        assert list(table.columns) == ["branch", "kind", "op", "bytes"]
        assert table.groupby("branch")["bytes"].sum().to_dict() == {
            result.branch: sample.value
            for result in finished.results
            for sample in result.samples
            if sample.metric == "peak"
        }
        assert set(table["branch"]) == set(RAN)
        copying |= set(table.loc[table["kind"] == "copy", "branch"])
    assert copying >= {"clone_detach", "detach_clone"}


def test_a_cell_without_parts_of_a_peak_has_an_empty_table() -> None:
    table = tables.peak_parts(one_cell(run_of(branch("attached"))))
    assert table.empty
    assert list(table.columns) == ["branch", "kind", "op", "bytes"]


def test_reach_of_a_measured_cell(finished_run: FinishedRun) -> None:
    for finished in finished_run.run.results:
        table = tables.reach(finished)
        assert len(table) == len(RAN) * 3
        wrong = table[~table["right"]]
        assert wrong[["branch", "group", "outcome"]].to_numpy().tolist() == [
            ["attached", "trunk", "different"]
        ]
        assert (table["with_gradient"] == table["tensors"]).all()
        assert table.loc[table["right"], "relative_error"].eq(0).all()
        assert wrong["relative_error"].gt(0.1).all()


def test_reach_keeps_what_there_is_nothing_to_compare_with() -> None:
    planted = branch("attached", reach=(reach("x", "unwanted"), reach("w", "missing")))
    table = tables.reach(one_cell(run_of(planted)))
    assert table["outcome"].to_list() == ["unwanted", "missing"]
    assert table["tensors"].to_list() == [2, 2]
    assert table["with_gradient"].to_list() == [2, 1]
    assert table["relative_error"].isna().all()


def test_reach_without_a_reference_is_neither_right_nor_wrong() -> None:
    planted = branch("attached", reach=(reach("x", "unchecked"),))
    table = tables.reach(one_cell(run_of(planted)))
    assert table["outcome"].to_list() == ["unchecked"]
    assert table["right"].to_list() == [None]


@pytest.mark.parametrize(
    ("got", "outcome"), [(0, "absent"), (1, "absent"), (2, "unchecked"), (3, "extra")]
)
def test_without_a_reference_a_gradient_is_there_or_not_beside_the_baseline(
    got: int, outcome: str
) -> None:
    def reached(count: int) -> tuple[Reach, ...]:
        return (Reach("x", 3, count, expected=None, equal=None, max_difference=None),)

    finished = one_cell(
        run_of(branch("detach", reach=reached(got)), branch("attached", reach=reached(2)))
    )
    assert tables.reach(finished)["outcome"].to_list() == [outcome, "unchecked"]


def test_trace_events_of_a_measured_run(finished_run: FinishedRun) -> None:
    run, folder = finished_run
    table = tables.trace_events(run, folder)
    assert list(table.columns) == [*tables.KEY, *COLUMNS]
    position = 0
    for finished in run.results:
        for result in finished.results:
            if result.trace is None:
                continue
            events = load_trace(folder / result.trace)
            mine = table.iloc[position : position + len(events)]
            assert set(mine["branch"]) == {result.branch}
            assert set(mine["size"]) == {finished.cell.size}
            for name in ("name", "category", "start_s", "bytes"):
                wanted = events[name].astype(object).where(events[name].notna(), None)
                found = mine[name].astype(object).where(mine[name].notna(), None)
                assert found.to_list() == wanted.to_list()
            position += len(events)
    assert position == len(table)


def test_a_run_without_traces_has_no_events(tmp_path: Path) -> None:
    table = tables.trace_events(run_of(branch("attached")), tmp_path)
    assert table.empty
    assert list(table.columns) == [*tables.KEY, *COLUMNS]


def test_a_cell_that_failed_gives_each_of_its_branches_the_reason() -> None:
    asked = cell(branches=("attached", "detach"))
    failed = CellResult(asked, Status.ERROR, (), "error.worker_died")
    samples = tables.samples(run_of(results=(failed,), cells=(asked,)))
    assert samples["branch"].to_list() == ["attached", "detach"]
    assert samples["status"].to_list() == ["error"] * 2
    assert samples["message"].to_list() == ["error.worker_died"] * 2
    assert samples["value"].isna().all()


def test_a_run_without_results_has_an_empty_table() -> None:
    table = tables.samples(replace(run_of(branch("attached", samples=times([(1, 2)]))), results=()))
    assert table.empty
    assert list(table.columns)[:6] == tables.KEY


def test_environment_of_a_row() -> None:
    run = run_of(branch("attached"))
    assert tables.environment(run, run.cells[0]) == {
        "env_torch": "2.13.0",
        "env_cuda": None,
        "env_driver": None,
        "env_backend": "",
        "env_flags": "",
        "env_device_name": "A CPU",
        "env_python": "3.11.7",
        "env_platform": "Linux",
        "env_threads": 2,
        "env_commit": "0123456789ab",
        "env_time_utc": "2026-01-02T03:04:05+00:00",
        "env_seed": 0,
    }


@pytest.mark.parametrize(("device", "name"), [("cuda", "A GPU"), ("cpu", "A CPU")])
def test_the_device_named_is_the_one_that_was_used(device: str, name: str) -> None:
    run = run_of(branch("attached"), environment=GPU_MACHINE, cells=(cell(device=device),))
    found = tables.environment(run, run.cells[0])
    assert (found["env_device_name"], found["env_driver"]) == (name, "13.0")


def test_each_row_says_where_its_own_cell_was_measured() -> None:
    cells = (cell(size=4), cell(size=8))
    other = replace(MACHINE, threads=64, devices=(replace(CPU, name="Another CPU"),))
    results = tuple(
        CellResult(each, Status.OK, (branch("attached"),), environment=environment)
        for each, environment in zip(cells, (None, other), strict=True)
    )
    run = run_of(branch("attached"), cells=cells, results=results)
    found = tables.with_environment(tables.samples(run), run)
    assert list(found["size"]) == [4, 8]
    assert list(found["env_device_name"]) == ["A CPU", "Another CPU"]
    assert list(found["env_threads"]) == [2, 64]
    nothing = replace(run, results=())
    empty = tables.with_environment(tables.samples(nothing), nothing)
    assert empty.empty
    assert set(tables.ENVIRONMENT) <= set(empty.columns)
