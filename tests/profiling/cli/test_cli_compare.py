"""`compare` from a shell: what is printed, what is written, and what a failure looks like."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from demos.workloads import elementwise
from profiling import catalogue
from profiling.analysis.analysis import Analysis
from profiling.cli.terminal import print_run
from profiling.engine.engine import Engine
from profiling.model.words import Text
from profiling.output.run_files import FILES
from profiling.output.saved_runs import load_run
from tests.profiling.cli.conftest import SMALL
from tests.profiling.planted import numbered, run_of


def test_compare_in_words(shell: Any, inline: list[Engine]) -> None:
    code, out, err = shell(
        "compare",
        "--workload",
        "side_branch",
        "--sizes",
        "4",
        "--set",
        "depth=2",
        "--set",
        "width=8",
        "--budget",
        "0.05",
    )
    assert (code, err) == (0, "")
    entry = catalogue.workload("side_branch")
    assert all(branch in out for branch in entry.branches)
    assert "not applicable" in out
    assert "expected error" in out
    assert "At 4 rows a batch (float32, cpu), " in out
    (engine,) = inline
    assert not engine.folder.exists()


def test_every_number_stands_under_its_head(english: Text, tmp_path: Path) -> None:
    out = Console(file=io.StringIO(), width=200)
    print_run(Analysis(run_of(numbered("attached")), tmp_path), out, english)
    assert isinstance(out.file, io.StringIO)
    _, heads, row, *_ = (" ".join(line.split()) for line in out.file.getvalue().splitlines())
    assert heads == (
        "branch step time, median ratio to attached peak most saved for backward live after "
        "forward ops gradients"
    )
    assert row == "attached 3.00 ms 1.00× 4.000 KiB 3.000 KiB 2.000 KiB 12 w: equal"


def test_compare_with_a_real_worker_writes_its_files(shell: Any, tmp_path: Path) -> None:
    out_folder = tmp_path / "new" / "folder"
    code, out, err = shell(*SMALL, "--json", "--out", str(out_folder))
    assert (code, err) == (0, "")
    printed = json.loads(out)
    assert list(printed) == ["id", "environment", "findings", "modes", "summary"]
    assert printed["environment"]["devices"][0]["kind"] == "cpu"
    rows = [(row["size"], row["branch"], row["status"]) for row in printed["summary"]]
    assert rows == [(size, branch, "ok") for size in (4, 8) for branch in ("attached", "detach")]
    assert [row["peak_bytes"] for row in printed["summary"]] == [72, 40, 136, 72]
    assert [row["gradients"] for row in printed["summary"]] == [
        "x:unwanted;w:equal",
        "x:none;w:equal",
    ] * 2
    assert {path.relative_to(out_folder).as_posix() for path in out_folder.rglob("*.*")} == {
        *FILES,
        "run.json",
        "README.md",
        "detach-lab-run.zip",
        *(
            f"traces/elementwise-{branch}-{size}-float32-cpu.json.gz"
            for branch in ("attached", "detach")
            for size in (4, 8)
        ),
    }
    run = load_run(out_folder / "run.json")
    assert run.id == printed["id"]
    assert run.complete
    with (out_folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["peak_bytes"]) for row in table] == [72, 40, 136, 72]


def test_files_written_are_named_and_old_ones_replaced(
    shell: Any, inline: list[Engine], tmp_path: Path
) -> None:
    (tmp_path / "summary.csv").write_text("old", "utf-8")
    (tmp_path / "mine.txt").write_text("kept", "utf-8")
    code, out, err = shell(*SMALL, "--out", str(tmp_path))
    assert (code, err) == (0, "")
    written = [line.removeprefix("wrote ") for line in out.splitlines() if "wrote " in line]
    names = [*FILES, "run.json", "README.md", "detach-lab-run.zip", "traces"]
    assert written == [str(tmp_path / name) for name in names]
    assert (tmp_path / "summary.csv").read_text("utf-8").startswith("workload,branch,size")
    assert (tmp_path / "mine.txt").read_text("utf-8") == "kept"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_branch_that_fails_is_shown_and_code_1(
    as_json: bool, shell: Any, inline: list[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(x: Any, w: Any) -> None:
        raise ValueError("planted [/b]")

    monkeypatch.setattr(elementwise, "detach", failing)
    code, out, err = shell(*SMALL, *(["--json"] if as_json else []))
    assert (code, err) == (1, "")
    assert "planted [/b]" in out
    if as_json:
        statuses = [row["status"] for row in json.loads(out)["summary"]]
        assert statuses == ["ok", "error"] * 2


def test_a_size_that_does_not_fit_is_shown_and_code_1(
    shell: Any, inline: list[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    build: Callable[..., Any] = elementwise.build

    def failing(size: int) -> Any:
        if size == 8:
            raise MemoryError("too much")
        return build(size)

    monkeypatch.setattr(elementwise, "build", failing)
    code, out, err = shell(*SMALL)
    assert (code, err) == (1, "")
    assert "Out of memory. Choose a smaller size." in " ".join(out.split())
