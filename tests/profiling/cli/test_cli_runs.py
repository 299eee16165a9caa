from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from rich.console import Console

from profiling import cli
from profiling.analysis.analysis import Analysis
from profiling.analysis.diff import COLUMNS, DiffRow
from profiling.cli import common, terminal
from profiling.model.run import Run, Status
from profiling.model.words import translator
from profiling.output import saved_runs
from profiling.output.run_files import ARCHIVE, export
from profiling.output.saved_runs import save_run
from tests.conftest import FinishedRun
from tests.profiling.analysis.test_diff import finished, measured, run_with
from tests.profiling.planted import GPU_MACHINE, branch, cell, run_of


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a command line that needs no engine."""

    def refuse(preferred: str) -> None:
        raise AssertionError("no engine is needed for that")

    def run(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = cli.main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    monkeypatch.setattr(common, "Engine", refuse)
    return run


@pytest.fixture
def before(tmp_path: Path) -> Path:
    path = tmp_path / "before.json"
    save_run(run_of(measured("attached", 1e-3), measured("detach", 1e-3)), path)
    return path


def after() -> Run:
    changed = run_of(measured("attached", 5e-4, peak=96), measured("no_grad"))
    name = "A GPU \x1b[31mred"
    machine = replace(
        GPU_MACHINE, devices=(replace(GPU_MACHINE.devices[0], name=name),), platform="Mac [b]"
    )
    only = finished(cell(device="cuda"), *changed.results[0].results)
    return run_with(only, environment=machine, id="after")


@pytest.fixture
def later(tmp_path: Path) -> Path:
    path = tmp_path / "later.json.gz"
    save_run(after(), path)
    return path


def test_two_runs_are_printed_side_by_side(shell: Any, before: Path, later: Path) -> None:
    code, out, err = shell("diff", before, later)
    assert (code, err) == (0, "")
    head, identity, when, *lines = [line.split() for line in out.splitlines()]
    assert head == ["A:", "A", "CPU", "B:", "A", "GPU", "[31mred"]
    assert identity == ["run", "a-run", "after"]
    assert when[0] == "measured"
    assert ["CUDA", "–", "12.8"] in lines
    assert ["system", "Linux", "Mac", "[b]"] in lines
    assert "elementwise, 4 rows a batch (float32)" in out
    row = " ".join(next(line for line in lines if line[:1] == ["attached"]))
    assert row == "attached 1.00 → 0.500 ms 0.500× (0.500–0.500) faster 64.00 → 96.00 B"
    assert "Only in A: elementwise, 4 rows a batch (float32, cpu): `detach`\n" in out
    assert "Only in B: elementwise, 4 rows a batch (float32, cuda): `no_grad`\n" in out
    assert "Of 1 timed in both runs, B is faster in 1, slower in 0 and" in out
    assert out.endswith("shows up as a difference.\n")
    assert "\x1b" not in out


def test_a_wide_row_is_folded_between_its_words_and_nothing_is_cut() -> None:
    row = DiffRow(
        "detach_inplace",
        "0.4041 → 0.5512 ms",
        "1.364×",
        "0.4454–2.7712",
        "no_difference",
        "1.391 → 1.391 MiB",
        "",
        (),
    )
    out = Console(file=io.StringIO(), width=80)
    table = terminal._diff_table("A cell", [row], translator("en"))
    out.print(table)
    assert isinstance(out.file, io.StringIO)
    printed = out.file.getvalue()
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    for number in ("0.4041", "0.5512", "1.364×", "(0.4454–2.7712)", "1.391", "detach_inplace"):
        assert number in printed


def test_tables_fit_a_terminal_of_80_columns(
    shell: Any, finished_run: FinishedRun, tmp_path: Path
) -> None:
    save_run(finished_run.run, tmp_path / "run.json")
    code, out, _ = shell("diff", tmp_path / "run.json", tmp_path / "run.json")
    assert code == 0
    assert "…" not in out
    tables = out.split(" timed in both runs")[0].splitlines()
    assert max(map(len, tables)) <= 80
    assert "Device, versions, timing budget and seed are the same." in out
    assert (
        "Of 12 timed in both runs, B is faster in 0, slower in 0 and no different in 12; "
        "without times to compare: 8.\n"
    ) in out


def test_diff_as_json(shell: Any, before: Path, later: Path) -> None:
    code, out, err = shell("diff", before, later, "--json")
    assert (code, err) == (0, "")
    printed = json.loads(out)
    assert list(printed) == ["a", "b", "environment", "rows", "only_a", "only_b", "finding"]
    assert printed["a"]["device"] == "A CPU"
    assert printed["b"]["id"] == "after"
    assert {"field": "cuda", "a": "", "b": "12.8"} in printed["environment"]
    (row,) = printed["rows"]
    assert list(row) == list(COLUMNS)
    assert (row["branch"], row["ratio"], row["peak_difference_bytes"]) == ("attached", 0.5, 32)
    assert [each["branch"] for each in printed["only_a"]] == ["detach"]
    assert [each["branch"] for each in printed["only_b"]] == ["no_grad"]


def test_a_check_fails_where_a_run_got_worse(shell: Any, before: Path, later: Path) -> None:
    code, out, err = shell("diff", before, later, "--fail-on", "peak,time")
    assert (code, err) == (1, "")
    worse = "Worse in B: attached of elementwise, size 4 (float32, cuda): peak 64 B → 96 B\n"
    assert out.endswith(worse)
    code, out, _ = shell("diff", before, later, "--fail-on", "time=5", "--fail-on", "reach")
    assert code == 0
    assert out.endswith("Nothing got worse.\n")
    code, out, _ = shell("diff", before, later, "--fail-on", "peak", "--json")
    assert code == 1
    (found,) = json.loads(out)["worse"]
    assert (found["branch"], found["measure"], found["a"], found["b"]) == (
        "attached",
        "peak",
        64,
        96,
    )
    assert json.loads(out)["unknown"] == {}


def test_a_limit_that_cannot_be_read_is_one_line_and_code_2(shell: Any, before: Path) -> None:
    assert shell("diff", before, before, "--fail-on", "peek") == (
        2,
        "",
        "error: --fail-on takes peak, saved, reach, time, separated by commas, not peek.\n",
    )


def test_two_runs_with_nothing_in_common_are_refused(
    shell: Any, before: Path, tmp_path: Path
) -> None:
    save_run(run_with(finished(cell(size=5), measured())), tmp_path / "other.json")
    code, out, err = shell("diff", before, tmp_path / "other.json")
    assert (code, out) == (2, "")
    assert err.startswith("error: The two runs have no branch in common: ")


@pytest.mark.parametrize("as_json", [True, False])
def test_rows_are_written_as_csv(
    as_json: bool, shell: Any, before: Path, later: Path, tmp_path: Path
) -> None:
    file = tmp_path / "diff.csv"
    code, out, err = shell("diff", before, later, "--out", file, *(["--json"] if as_json else []))
    assert (code, err) == (0, "")
    assert (f"wrote {file}" in out) is not as_json
    with file.open(encoding="utf-8", newline="") as stream:
        head, row = csv.reader(stream)
    assert head == list(COLUMNS)
    written = dict(zip(head, row, strict=True))
    assert (written["device_b"], written["ratio"], written["peak_b_bytes"]) == ("cuda", "0.5", "96")
    assert written["gradients_agree"] == "True"


def test_an_archive_can_be_compared(shell: Any, finished_run: FinishedRun) -> None:
    archive = export(Analysis(*finished_run), finished_run.folder, translator("en"))[ARCHIVE]
    code, out, err = shell("diff", archive, finished_run.folder / "run.json", "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["rows"]
    assert len(rows) == 20
    assert {row["ratio"] for row in rows} == {1.0, None}


def test_recorded_runs_go_by_their_name(
    shell: Any, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_runs, "RECORDED", tmp_path)
    save_run(after(), tmp_path / "gpu.json.gz")
    code, out, err = shell("diff", "recorded:gpu", before, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["a"]["id"] == "after"
    code, out, err = shell("show", "recorded:cpu")
    assert (code, out) == (2, "")
    assert err == "error: There is no recorded run 'cpu'. Nearest: gpu.\n"


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Cannot read file bad.json."),
        (b"", "bad.json is not JSON, or is truncated; export or download it again."),
        (b"[]", "bad.json is not a run of Detach Lab."),
        (b"PK\x03\x04", "bad.json is damaged or truncated; export or download it again."),
        (
            b'{"schema_version": 99}',
            "bad.json was written by a newer Detach Lab (schema 99; this one reads up to 2). "
            "Update Detach Lab to open it.",
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_line_and_code_2(
    place: int, content: bytes | None, said: str, shell: Any, before: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)
    given = [before, before]
    given[place] = bad
    assert shell("diff", *given) == (2, "", f"error: {said}\n")
    if place:
        assert shell("show", bad) == (2, "", f"error: {said}\n")


def test_a_saved_run_is_shown_as_compare_prints_it(
    shell: Any, finished_run: FinishedRun, tmp_path: Path
) -> None:
    save_run(finished_run.run, tmp_path / "run.json.gz")
    code, out, err = shell("show", tmp_path / "run.json.gz")
    assert (code, err) == (0, "")
    assert "side_branch, 4 rows a batch" in out
    assert "side_branch, 8 rows a batch" in out
    assert "At 8 rows a batch (float32, cpu), " in out
    assert "Trying to use a saved tensor that has been detached in-place" in out
    code, out, err = shell("show", tmp_path / "run.json.gz", "--json")
    assert (code, err) == (0, "")
    printed = json.loads(out)
    assert list(printed) == ["id", "environment", "findings", "modes", "summary"]
    assert printed["id"] == finished_run.run.id
    assert len(printed["summary"]) == 20


def test_a_run_of_an_unknown_workload_is_shown(shell: Any, tmp_path: Path) -> None:
    steps = cell("theirs", size=4096, unit="tokens", parameters={}, branches=("cut",))
    failed = branch(
        "cut",
        status=Status.UNSUPPORTED,
        reason="workload.theirs.absent.cut",
        message="\x1b[2Jcleared",
    )
    save_run(run_with(finished(steps, measured("own"), failed)), tmp_path / "run.json")
    code, out, err = shell("show", tmp_path / "run.json")
    assert (code, err) == (0, "")
    assert "theirs, 4,096 tokens" in out
    assert "At 4,096 tokens (float32, cpu), " in out
    assert "[2Jcleared" in out
    assert "\x1b" not in out


def test_cells_of_several_devices_are_shown_each_with_its_own_rows(
    shell: Any, tmp_path: Path
) -> None:
    run = run_with(
        finished(cell(), measured(seconds=1.0)),
        finished(cell(device="cuda"), measured(seconds=0.25)),
    )
    save_run(run, tmp_path / "run.json")
    _, out, _ = shell("show", tmp_path / "run.json")
    assert [line.split()[1:3] for line in out.splitlines() if line.startswith(" attached")] == [
        ["1.00", "s"],
        ["250", "ms"],
    ]


def test_a_run_that_has_only_begun_says_so(shell: Any, tmp_path: Path) -> None:
    save_run(replace(run_of(measured()), results=()), tmp_path / "run.json")
    said = "error: run.json is a run without results.\n"
    assert shell("show", tmp_path / "run.json") == (2, "", said)
    code, out, err = shell("diff", tmp_path / "run.json", tmp_path / "run.json")
    assert (code, out) == (2, "")
    assert err.startswith("error: The two runs have no branch in common: ")


@pytest.mark.parametrize("command", ["diff", "show"])
def test_the_commands_say_what_they_take(command: str, shell: Any) -> None:
    code, out, err = shell(command, "--help")
    assert (code, err) == (0, "")
    assert "recorded:NAME" in out
    code, out, err = shell(command)
    assert (code, out) == (2, "")
    assert "Missing argument" in err
