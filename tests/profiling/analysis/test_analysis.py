"""A run is analysed once: how often its parts are derived, and how much of it is kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from demos.page.compare.results import numbers
from profiling.analysis import analysis
from profiling.analysis.analysis import Analyses, Analysis
from profiling.charts.of_run import CHARTS
from profiling.model.run import Run
from profiling.model.words import Text, translator
from profiling.output import json_data
from profiling.output.report import run_part
from profiling.traces.memory import memory_curve
from profiling.traces.table import load_trace
from tests.conftest import FinishedRun
from tests.profiling.planted import branch, memory_event, run_of, timed, write_trace


class Counted:
    """How often the costly parts of an analysis were derived."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: Counter[str] = Counter()
        for name in ("load_trace", "cell_summary"):
            patch.setattr(analysis, name, self._counting(name))

    def _counting(self, name: str) -> object:
        inner = getattr(analysis, name)

        def counted(argument: object) -> object:
            self.calls[f"{name} {getattr(argument, 'name', '')}".strip()] += 1
            return inner(argument)

        return counted


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def looked_at(one: Analysis, text: Text) -> None:
    """Show all that the page shows of a run."""
    cell = one.cell()
    for chart in CHARTS:
        chart.draw(one, cell, text)
    numbers(one, cell, text)


def test_each_trace_is_read_once_and_each_cell_summed_up_once_while_a_run_grows(
    finished_run: FinishedRun, counted: Counted
) -> None:
    run, folder = finished_run
    text, analyses = translator("en"), Analyses()
    traces = [result.trace for cell in run.results for result in cell.results if result.trace]
    for done in range(1, len(run.results) + 1):
        # What is noted in a file is read anew, and so is equal but not the same.
        grown = replace(run, results=tuple(replace(each) for each in run.results[:done]))
        one = analyses.of(grown, folder)
        looked_at(one, text)
        assert one.run is grown
    json_data.run(one, text)
    run_part(one, text)
    looked_at(analyses.of(grown, folder), text)
    assert counted.calls.pop("cell_summary") == len(run.results)
    assert counted.calls == {f"load_trace {Path(trace).name}": 1 for trace in traces}


def test_what_needs_no_trace_reads_none(finished_run: FinishedRun, counted: Counted) -> None:
    one = Analysis(*finished_run)
    json_data.run(one, translator("en"))
    assert counted.calls == {"cell_summary": 2}


def test_a_cell_that_changed_is_analysed_anew(tmp_path: Path) -> None:
    first = run_of(timed("attached", [1.0] * 6), timed("detach", [0.5] * 6))
    slower = replace(first.results[0], results=(first.results[0].results[0],))
    analyses = Analyses()
    before = analyses.of(first, tmp_path)
    after = analyses.of(replace(first, results=(slower,)), tmp_path)
    assert before.cells[0] is not after.cells[0]
    assert (len(before.summary), len(after.summary)) == (2, 1)
    again = analyses.of(replace(first, results=()), tmp_path)
    assert (again.cells, again.summary.empty) == ((), True)


def run_with_trace(name: str, folder: Path, events: int) -> Run:
    (folder / "traces").mkdir(exist_ok=True)
    written = [memory_event(64 if place % 3 else -64, place) for place in range(events)]
    write_trace(folder / "traces" / f"{name}.json", written)
    return replace(run_of(branch("attached", trace=f"traces/{name}.json")), id=name)


def test_curves_are_kept_thinned_with_their_ends_and_peak(tmp_path: Path) -> None:
    run = run_with_trace("a", tmp_path, 20_000)
    (cell,) = Analysis(run, tmp_path).cells
    whole = memory_curve(load_trace(tmp_path / "traces" / "a.json"), "cpu")
    kept = cell.traced.curves
    assert len(kept) < 5_000 < len(whole)
    for curve in (whole, kept):
        highest = curve.iloc[int(curve["live_bytes"].argmax())]
        assert (highest["time_s"], highest["live_bytes"]) == (0.019997, 426_624)
        assert curve["time_s"].iloc[[0, -1]].to_list() == [0.0, 0.019999]
        assert curve["live_bytes"].iloc[-1] == whole["live_bytes"].iloc[-1]


def test_what_is_kept_is_bounded_and_what_was_looked_at_last_stays(
    tmp_path: Path, counted: Counted
) -> None:
    runs = [run_with_trace(name, tmp_path, 500) for name in ("a", "b", "c")]
    size = Analysis(runs[0], tmp_path).cells[0]
    assert (size.traced, size.traced_bytes > 10_000)[1]
    counted.calls.clear()
    analyses = Analyses(most_bytes=2 * size.traced_bytes)
    for run in (*runs, runs[0], runs[1], runs[0]):
        assert len(analyses.of(run, tmp_path).cells[0].traced.curves) == 500
    # The second was looked at least lately when there were three, and is read again.
    assert counted.calls == {"load_trace a.json": 1, "load_trace b.json": 2, "load_trace c.json": 1}
    few = Analyses(most_runs=1)
    kept = few.of(runs[0], tmp_path)
    assert few.of(runs[0], tmp_path) is kept
    few.of(runs[1], tmp_path)
    assert few.of(runs[0], tmp_path) is not kept


def test_a_run_that_is_forgotten_is_not_kept(tmp_path: Path) -> None:
    run, analyses = run_with_trace("a", tmp_path, 5), Analyses()
    kept = analyses.of(run, tmp_path)
    analyses.forget(run)
    analyses.forget(run)
    assert analyses.of(run, tmp_path) is not kept


def test_the_cell_of_a_size_or_the_latest(finished_run: FinishedRun) -> None:
    one = Analysis(*finished_run)
    assert [one.cell(size).finished.cell.size for size in (4, 8, None, 99)] == [4, 8, 8, 8]
    assert list(one.findings("eager")) == [4, 8]
