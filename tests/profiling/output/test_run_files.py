from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from profiling.analysis import tables
from profiling.analysis.analysis import Analysis
from profiling.analysis.statistics import summary
from profiling.model.run import Run, Status
from profiling.model.words import Text, translator
from profiling.output import run_files
from profiling.output.run_files import (
    ARCHIVE,
    FILES,
    README,
    export,
    harmless,
    readme,
    replace_file,
    trace_files,
    write,
)
from profiling.output.saved_runs import RUN, load_run
from tests.conftest import RAN, FinishedRun
from tests.profiling.planted import (
    MACHINE,
    branch,
    event,
    memory_event,
    run_of,
    times,
    write_trace,
)

CSV = list(FILES)
SAY = translator("en")


@pytest.fixture(scope="module")
def exported(finished_run: FinishedRun) -> dict[str, Path]:
    return export(Analysis(*finished_run), finished_run.folder, SAY)


def cells(path: Path) -> list[list[str]]:
    """Read a CSV file as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def column(path: Path, name: str) -> list[str]:
    head, *body = cells(path)
    return [row[head.index(name)] for row in body]


def test_the_files_are_named_and_lie_in_the_runs_folder(
    exported: dict[str, Path], finished_run: FinishedRun
) -> None:
    assert list(exported) == [*CSV, RUN, README, ARCHIVE]
    assert {name: path.name for name, path in exported.items()} == {name: name for name in exported}
    assert {path.parent for path in exported.values()} == {finished_run.folder}
    found = {path.name for path in finished_run.folder.iterdir()}
    assert found == {*exported, "traces"}


@pytest.mark.parametrize("name", CSV)
def test_columns_are_those_described_in_their_order(name: str, exported: dict[str, Path]) -> None:
    head, *body = cells(exported[name])
    assert head == list(FILES[name].columns)
    assert {len(row) for row in body} == {len(head)}


def test_rows_are_those_of_the_tables(exported: dict[str, Path], finished_run: FinishedRun) -> None:
    run, folder = finished_run
    counts = {name: len(cells(exported[name])) - 1 for name in CSV}
    assert counts == {
        "summary.csv": 2 * len(run.request.branches),
        "samples.csv": len(tables.samples(run)),
        "trace_events.csv": len(tables.trace_events(run, folder)),
    }


def test_branches_that_failed_are_there_with_empty_values(exported: dict[str, Path]) -> None:
    head, *body = cells(exported["samples.csv"])
    rows = [dict(zip(head, row, strict=True)) for row in body]
    failing = [row for row in rows if row["status"] != "ok"]
    assert {row["branch"]: row["status"] for row in failing} == {
        "detach_inline": "unsupported",
        "detach_kept": "unsupported",
        "detach_inplace": "expected_error",
        "frozen": "unsupported",
    }
    assert len(failing) == 2 * 4
    assert {row[name] for row in failing for name in ("phase", "metric", "value")} == {""}
    assert all(row["message"] for row in failing)
    assert all(row["value"] and not row["message"] for row in rows if row["status"] == "ok")
    head, *body = cells(exported["summary.csv"])
    for values in (dict(zip(head, row, strict=True)) for row in body):
        if values["status"] != "ok":
            assert values["rounds"] == "0"
            assert values["message"]
            numbers = ("step_median_s", "ratio", "peak_bytes", "saved_bytes", "ops", "verdict")
            assert {values[name] for name in numbers} == {""}


def test_summary_reads_back_with_the_same_numbers(
    exported: dict[str, Path], finished_run: FinishedRun
) -> None:
    back = pd.read_csv(exported["summary.csv"])
    table = summary(finished_run.run)
    for name in back.columns:
        if name in table and pd.api.types.is_numeric_dtype(table[name]):
            expected = table[name].astype("float64")
            pd.testing.assert_series_equal(back[name].astype("float64"), expected, check_exact=True)
    for name in ("branch", "status", "gradients"):
        assert back[name].fillna("").to_list() == table[name].to_list()
    right = back["gradients_right"].astype(object)
    assert right.where(right.notna(), None).to_list() == table["gradients_right"].to_list()


def test_samples_read_back_with_the_same_numbers(
    exported: dict[str, Path], finished_run: FinishedRun
) -> None:
    back = pd.read_csv(exported["samples.csv"])
    table = tables.samples(finished_run.run)
    pd.testing.assert_series_equal(back["value"], table["value"], check_exact=True)
    assert back["index"].astype("Int64").to_list() == table["index"].to_list()
    assert back["branch"].to_list() == table["branch"].to_list()


def test_trace_events_read_back_with_the_same_numbers(
    exported: dict[str, Path], finished_run: FinishedRun
) -> None:
    run, folder = finished_run
    back = pd.read_csv(exported["trace_events.csv"], low_memory=False)
    table = tables.trace_events(run, folder)
    for name in ("start_s", "duration_s", "bytes", "external_id"):
        expected = table[name].astype("float64")
        pd.testing.assert_series_equal(back[name].astype("float64"), expected, check_exact=True)
    assert back["bytes"].lt(0).any()
    assert back["name"].to_list() == table["name"].to_list()


def test_every_row_says_where_it_comes_from(
    exported: dict[str, Path], finished_run: FinishedRun
) -> None:
    machine = finished_run.run.environment
    for name in ("summary.csv", "samples.csv"):
        assert set(column(exported[name], "env_torch")) == {machine.torch}
        assert set(column(exported[name], "env_device_name")) == {machine.devices[0].name}
        assert set(column(exported[name], "env_seed")) == {"0"}
        assert set(column(exported[name], "env_driver")) == {""}


def test_the_archive_has_everything(
    exported: dict[str, Path], finished_run: FinishedRun, tmp_path: Path
) -> None:
    run, folder = finished_run
    traces = [path.relative_to(folder).as_posix() for path in trace_files(Analysis(run, folder))]
    assert len(traces) == 12
    with zipfile.ZipFile(exported[ARCHIVE]) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([*CSV, RUN, README, *traces])
        archive.extractall(tmp_path)
    for name in (*CSV, RUN, README, *traces):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert load_run(tmp_path / RUN) == run
    assert (tmp_path / README).read_text("utf-8") == readme(SAY)


def test_traces_are_in_the_order_of_cells_and_branches(finished_run: FinishedRun) -> None:
    run, folder = finished_run
    names = [path.name.split("-")[1:3] for path in trace_files(Analysis(run, folder))]
    assert names == [[branch_, size] for size in ("4", "8") for branch_ in RAN]


@pytest.fixture
def planted() -> Run:
    return run_of(branch("attached", samples=times([(1.0, 2.0)])), branch("detach"))


FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\rx"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_texts_that_a_spreadsheet_would_run_are_quoted(formula: str, tmp_path: Path) -> None:
    failed = branch("attached", status=Status.ERROR, reason="error.step_failed", message=formula)
    device = replace(MACHINE.devices[0], name=formula)
    run = run_of(failed, environment=replace(MACHINE, devices=(device,)))
    files = export(Analysis(run, tmp_path), tmp_path, SAY)
    for name in ("summary.csv", "samples.csv"):
        for field in ("message", "env_device_name"):
            (found,) = column(files[name], field)
            assert found == f"'{formula}"
    assert load_run(files[RUN]) == run


def test_names_of_trace_events_are_quoted_and_numbers_are_not(tmp_path: Path) -> None:
    events = [event("=op", 1), event("a=b", 2), memory_event(-64, 3)]
    write_trace(tmp_path / "trace.json", events)
    files = export(
        Analysis(run_of(branch("attached", trace="trace.json")), tmp_path), tmp_path, SAY
    )
    assert column(files["trace_events.csv"], "name") == ["'=op", "a=b", "[memory]"]
    assert column(files["trace_events.csv"], "bytes") == ["", "", "-64"]


@pytest.mark.parametrize(
    "text",
    ["plain", "a = b", "line\nbreak", "carriage\rreturn", 'with "quotes", comma', "中文", "µ"],
)
def test_other_texts_are_kept_as_they_are(text: str, tmp_path: Path) -> None:
    failed = branch("attached", status=Status.ERROR, message=text)
    files = export(Analysis(run_of(failed), tmp_path), tmp_path, SAY)
    assert column(files["summary.csv"], "message") == [text]


def test_our_reason_stands_where_there_is_no_error_text(tmp_path: Path) -> None:
    absent = branch("frozen", status=Status.UNSUPPORTED, reason="workload.a.absent.frozen")
    failed = branch("detach", status=Status.ERROR, reason="error.step_failed", message="planted")
    files = export(Analysis(run_of(absent, failed), tmp_path), tmp_path, SAY)
    for name in ("summary.csv", "samples.csv"):
        assert column(files[name], "message") == ["workload.a.absent.frozen", "planted"]


def test_a_run_that_has_only_begun_can_be_exported(planted: Run, tmp_path: Path) -> None:
    files = export(Analysis(replace(planted, results=()), tmp_path), tmp_path, SAY)
    for name in CSV:
        assert cells(files[name]) == [list(FILES[name].columns)]
    assert load_run(files[RUN]).results == ()


def test_exporting_again_replaces_the_files(planted: Run, tmp_path: Path) -> None:
    export(Analysis(replace(planted, results=()), tmp_path), tmp_path, SAY)
    files = export(Analysis(planted, tmp_path), tmp_path, SAY)
    assert len(column(files["summary.csv"], "branch")) == 2
    assert json.loads(files[RUN].read_text("utf-8"))["id"] == "a-run"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_a_file_that_cannot_be_written_leaves_nothing_half_done(
    planted: Run, tmp_path: Path
) -> None:
    (tmp_path / README).mkdir()
    with pytest.raises(OSError, match=README):
        export(Analysis(planted, tmp_path), tmp_path, SAY)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {*CSV, RUN, README}
    assert load_run(tmp_path / RUN) == planted


def test_a_failure_while_writing_keeps_the_file_of_before(
    planted: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = export(Analysis(planted, tmp_path), tmp_path, SAY)
    before = {name: path.read_bytes() for name, path in files.items()}

    def failing(text: Text) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(run_files, "readme", failing)
    with pytest.raises(OSError, match="disk full"):
        export(Analysis(planted, tmp_path), tmp_path, SAY)
    assert {name: (tmp_path / name).read_bytes() for name in before}[README] == before[README]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(before)


def test_a_number_among_texts_stays_a_number() -> None:
    table = pd.DataFrame({"value": [-5, "-5", None, "\t=1", 2.5]}, dtype=object)
    assert harmless(table)["value"].tolist() == [-5, "'-5", None, "'\t=1", 2.5]


def test_one_file_is_written_alone_and_the_archive_leaves_nothing_beside_it(
    planted: Run, tmp_path: Path
) -> None:
    analysis = Analysis(planted, tmp_path)
    assert write("summary.csv", analysis, tmp_path, SAY) == tmp_path / "summary.csv"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.csv"]
    whole = export(analysis, tmp_path, SAY)
    alone = tmp_path / "alone"
    alone.mkdir()
    packed = write(ARCHIVE, analysis, alone, SAY)
    assert list(alone.iterdir()) == [packed]
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == [*CSV, RUN, README]
        for name in archive.namelist():
            assert archive.read(name) == whole[name].read_bytes()


def test_a_file_that_could_not_be_written_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    path.write_text("before")

    def write(target: Path) -> None:
        target.write_text("half")
        raise OSError("planted")

    with pytest.raises(OSError, match="planted"):
        replace_file(path, write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
