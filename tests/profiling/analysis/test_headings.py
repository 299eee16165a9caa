from __future__ import annotations

from msgspec.structs import replace

from profiling.analysis.headings import cell_heading, workload_title
from profiling.model.words import translator
from tests.conftest import FinishedRun


def test_a_result_says_what_was_measured_where_and_when(finished_run: FinishedRun) -> None:
    run = replace(finished_run.run, started_utc="2026-01-02T03:04:05+00:00")
    cell = replace(run.cells[0], workload="frozen_backbone", parameters={"width": 8, "depth": 2})
    device = run.environment.devices[0].name
    parts = cell_heading(run, cell, translator("en")).split(" · ")
    assert parts == [
        translator("en")("workload.frozen_backbone.title"),
        f"{cell.size:,} {translator('en')(f'size.{cell.unit}')}",
        "depth=2 width=8",
        "float32",
        f"{device} (cpu)",
        "2026-01-02 03:04:05 UTC",
    ]


def test_a_workload_that_is_not_ours_goes_by_its_name() -> None:
    assert workload_title("mine", translator("zh")) == "mine"
