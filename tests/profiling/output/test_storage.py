from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from profiling.analysis.analysis import Analysis
from profiling.model import run as consistency
from profiling.model.errors import InputError
from profiling.model.metrics import METRICS
from profiling.model.run import SCHEMA_VERSION, Run, Sample
from profiling.model.words import table, translator
from profiling.output import saved_runs
from profiling.output.run_files import ARCHIVE, export
from profiling.output.saved_runs import RUN, find_run, load_run, recorded_runs, save_run, unpack_run
from tests.conftest import FinishedRun
from tests.profiling.output.conftest import TRACE, refusal, written, zipped
from tests.profiling.planted import branch, cell, run_of


def test_a_run_is_read_whatever_it_is_packed_in(run: Run, tmp_path: Path) -> None:
    plain, packed, archive = (tmp_path / name for name in ("a.json", "b.json.gz", "c.zip"))
    save_run(run, plain)
    save_run(run, packed)
    zipped({RUN: plain.read_bytes(), "README.md": b"about"}, archive)
    assert packed.read_bytes()[:2] == b"\x1f\x8b"
    assert packed.stat().st_size < plain.stat().st_size
    for path in (plain, packed, archive):
        assert load_run(path) == run
        # The content decides, not the name.
        assert load_run(path.rename(tmp_path / "upload")) == run


def test_packed_bytes_are_the_same_every_time(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(run, tmp_path / "a.json.gz")
    monkeypatch.setattr("time.time", lambda: 1e9)
    save_run(run, tmp_path / "b.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_our_own_archive_is_unpacked_with_its_traces(
    finished_run: FinishedRun, tmp_path: Path
) -> None:
    run, folder = finished_run
    archive = export(Analysis(run, folder), folder, translator("en"))[ARCHIVE]
    assert load_run(archive) == run
    assert unpack_run(archive, tmp_path) == run
    traces = sorted((tmp_path / "traces").iterdir())
    assert [path.name for path in traces] == sorted(p.name for p in (folder / "traces").iterdir())
    assert all(path.read_bytes() == (folder / "traces" / path.name).read_bytes() for path in traces)


def test_only_traces_that_the_run_names_are_unpacked(run: Run, tmp_path: Path) -> None:
    save_run(run, tmp_path / RUN)
    members = {
        RUN: (tmp_path / RUN).read_bytes(),
        TRACE: gzip.compress(b"{}"),
        "traces/other.json": b"{}",
        "../outside.json": b"{}",
        "/tmp/outside.json": b"{}",
        "summary.csv": b"",
    }
    target = tmp_path / "target"
    target.mkdir()
    assert unpack_run(zipped(members, tmp_path / "a.zip"), target) == run
    assert [path for path in target.rglob("*") if path.is_file()] == [target / TRACE]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", RUN, "target"]


def test_a_run_without_its_traces_names_none(run: Run, tmp_path: Path) -> None:
    save_run(run, tmp_path / RUN)
    archive = zipped({RUN: (tmp_path / RUN).read_bytes()}, tmp_path / "a.zip")
    for path in (tmp_path / RUN, archive):
        opened = unpack_run(path, tmp_path)
        (finished,) = opened.results
        assert [result.trace for result in finished.results] == [None, None]
        assert load_run(path) == run
    assert not (tmp_path / "traces").exists()


def test_a_run_of_the_first_schema_is_brought_to_this_one(
    data: dict[str, Any], run: Run, tmp_path: Path
) -> None:
    data["schema_version"] = 1
    added = {
        "request": ["force"],
        "cell": ["force", "unit", "file"],
        "finished": [
            *("values", "warm_up_rounds", "loops", "parameter_bytes", "input_bytes"),
            "others_cpu_share",
        ],
        "result": ["values", "peak_parts", "scratch"],
    }
    for name in added["request"]:
        del data["request"][name]
    for each in (*data["cells"], *(finished["cell"] for finished in data["results"])):
        for name in added["cell"]:
            del each[name]
    for finished in data["results"]:
        for name in added["finished"]:
            del finished[name]
        for result in finished["results"]:
            for name in added["result"]:
                del result[name]
    assert load_run(written(data, tmp_path / "old.json")) == run
    assert run.schema_version == SCHEMA_VERSION


def test_a_run_of_a_newer_schema_says_so_before_anything_else(
    data: dict[str, Any], tmp_path: Path
) -> None:
    data |= {"schema_version": SCHEMA_VERSION + 1, "surprise": 1}
    error = refusal(written(data, tmp_path / "new.json"))
    assert error.key == "error.run_newer"
    assert error.values["version"] == SCHEMA_VERSION + 1
    assert "Update" in table("en")[error.key]


def test_every_metric_and_a_step_that_frees_memory_can_be_read(tmp_path: Path) -> None:
    samples = [
        Sample(phase, metric.name, metric.unit, 0, 2.0 if metric.whole else 0.1 + 0.2)
        for metric in METRICS.values()
        for phase in metric.phases
    ]
    samples.append(Sample("forward", "live", "bytes", 1, -64.0))
    # Of a newer version.
    samples.append(Sample("step", "energy", "J", 0, 0.5))
    run = run_of(branch("attached", samples=tuple(samples)))
    save_run(run, tmp_path / "a.json")
    assert load_run(tmp_path / "a.json") == run


def test_a_run_with_another_device_for_the_same_size_can_be_read(tmp_path: Path) -> None:
    cells = (cell(), cell(device="cuda"))
    run = replace(run_of(branch("attached")), cells=cells, results=())
    save_run(run, tmp_path / "a.json")
    assert load_run(tmp_path / "a.json") == run


def test_recorded_runs_are_found_by_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_runs, "RECORDED", tmp_path / "recorded")
    assert recorded_runs() == {}
    with pytest.raises(InputError) as refused:
        find_run("recorded:h100")
    assert refused.value.values == {"name": "h100", "nearest": "–"}
    (tmp_path / "recorded").mkdir()
    for name in ("h100", "cpu.side_branch"):
        save_run(run, tmp_path / "recorded" / f"{name}.json.gz")
    (tmp_path / "recorded" / "README.md").write_text("about", "utf-8")
    assert list(recorded_runs()) == ["cpu.side_branch", "h100"]
    assert load_run(find_run("recorded:h100")) == run
    assert find_run("h100") == Path("h100")
    for name in ("", "H100", "../recorded/h100"):
        with pytest.raises(InputError) as refused:
            find_run(f"recorded:{name}")
        assert refused.value.values == {"name": name, "nearest": "h100, cpu.side_branch"}


def test_the_runs_that_come_with_the_project_can_be_read() -> None:
    for path in recorded_runs().values():
        assert load_run(path).complete


def test_a_run_that_was_measured_has_no_fault(finished_run: FinishedRun) -> None:
    assert consistency.first_fault(finished_run.run) is None
