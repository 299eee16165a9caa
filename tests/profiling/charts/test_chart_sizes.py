from __future__ import annotations

import pandas as pd
import pytest

from profiling.analysis.findings import Findings, find
from profiling.catalogue import BRANCHES
from profiling.charts.branches import memory_over_size, time_over_size
from profiling.charts.style import branch_style
from profiling.model.words import Text
from tests.profiling.charts.conftest import failed, faster, row, table


def by_size(cells: pd.DataFrame) -> dict[int, Findings]:
    return {int(str(size)): find(cell) for size, cell in cells.groupby("size")}


@pytest.fixture
def cells() -> pd.DataFrame:
    return table(
        row("attached", size=100, gradients_right=False),
        faster("no_grad", 0.9, 0.8, 0.95, size=100, peak_bytes=2**20),
        failed("frozen", size=100),
        row("attached", size=10_000, step_median_s=2e-3, step_p25_s=1e-3, step_p75_s=5e-3),
        faster("no_grad", 0.5, 0.4, 0.6, size=10_000, peak_bytes=3 * 2**20),
        failed("frozen", size=10_000),
    )


def test_time_lines_have_the_tables_values(cells: pd.DataFrame, text: Text) -> None:
    figure = time_over_size(cells, by_size(cells), text, "elements")
    attached, no_grad, frozen = figure.data
    assert list(attached.x) == [100, 10_000]
    assert list(attached.y) == [0.1, 2]
    assert list(attached.error_y.array) == [0.02, 3]
    assert list(attached.error_y.arrayminus) == [0.01, 1]
    assert list(no_grad.y) == [0.1, 0.1]
    assert list(frozen.y) == [None, None]
    assert list(attached.customdata) == ["0.100 ms (0.0900–0.120 ms)", "2.00 ms (1.00–5.00 ms)"]
    assert figure.layout.xaxis.title.text == text("axis.size.elements")
    assert figure.layout.yaxis.title.text == text("axis.time", unit="ms")


def test_legend_says_what_failed_and_whose_gradients_differ(
    cells: pd.DataFrame, english: Text
) -> None:
    names = [
        trace.name for trace in time_over_size(cells, by_size(cells), english, "elements").data
    ]
    assert names == ["attached ⚠", "no_grad", "frozen, not applicable"]


def test_time_title_is_what_the_largest_size_shows_and_how_it_was_at_the_smallest(
    cells: pd.DataFrame, english: Text
) -> None:
    def title(part: pd.DataFrame) -> str:
        figure = time_over_size(part, by_size(part), english, "elements")
        return str(figure.layout.title.text).replace("<br>", " ")

    large = "Size 10,000: no_grad takes 0.500× the time of attached (95% interval 0.400–0.600)"
    assert title(cells) == f"{large}; 0.900× at size 100"
    unclear = cells.assign(verdict=cells["verdict"].where(cells["size"] > 100, "no_difference"))
    assert title(unclear) == f"{large}; no significant difference at size 100"
    assert title(cells[3:]) == large
    assert title(cells[:1]) == "Time of a step over size"
    none = cells.assign(verdict="no_difference", ratio_high=1.1)
    assert title(none) == "Size 10,000: No correct branch is significantly faster than attached"


def test_memory_lines_and_title(cells: pd.DataFrame, english: Text) -> None:
    figure = memory_over_size(cells, by_size(cells), english, "batch")
    assert [list(trace.y) for trace in figure.data] == [[4, 4], [1, 3], [None, None]]
    assert figure.layout.xaxis.title.text == "Batch size (samples)"
    assert figure.layout.yaxis.title.text == "Peak memory of a step (MiB)"
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == "Size 10,000: no_grad peaks 1.00 MiB below attached"


@pytest.mark.parametrize(("largest", "kind"), [(999, "linear"), (1000, "log")])
def test_axes_are_logarithmic_from_ten_times_on(largest: int, kind: str, text: Text) -> None:
    cells = table(row("detach", size=largest), row("detach", size=100))
    for figure in (
        time_over_size(cells, by_size(cells), text, "batch"),
        memory_over_size(cells, by_size(cells), text, "batch"),
    ):
        assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == (kind, kind)
        assert list(figure.layout.xaxis.tickvals) == [100, largest]
        assert list(figure.data[0].x) == [100, largest]


def test_lines_have_their_branches_style_and_stay_small(text: Text) -> None:
    cells = table(*(row(branch, size=size) for size in range(1, 9) for branch in BRANCHES))
    for figure in (
        time_over_size(cells, by_size(cells), text, "batch"),
        memory_over_size(cells, by_size(cells), text, "batch"),
    ):
        for branch, trace in zip(BRANCHES, figure.data, strict=True):
            style = branch_style(branch)
            assert (trace.line.color, trace.line.dash) == (style.color, style.dash)
            assert (trace.marker.color, trace.marker.symbol) == (style.color, style.symbol)
        assert len(figure.to_json()) < 60_000


def test_an_empty_table_says_so(cells: pd.DataFrame, text: Text) -> None:
    for draw in (time_over_size, memory_over_size):
        figure = draw(cells[:0], {}, text, "elements")
        assert figure.layout.annotations[0].text == text("chart.empty")


def test_cells_without_any_number_are_drawn_without_a_finding(text: Text) -> None:
    cells = table(failed("attached", "error"), failed("detach", "error"))
    for draw in (time_over_size, memory_over_size):
        assert [list(trace.y) for trace in draw(cells, by_size(cells), text, "batch").data] == [
            [None],
            [None],
        ]


def test_ticks_of_a_logarithmic_axis_are_written_in_full(text: Text) -> None:
    cells = table(
        row("detach", size=10, step_median_s=0.002), row("detach", size=100, step_median_s=0.4)
    )
    axis = time_over_size(cells, by_size(cells), text, "batch").layout.yaxis
    ticks = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert ticks[0.5] == "0.5"
    assert ticks[20] == "20"
    assert ticks[2000] == "2,000"
    assert [value for value in ticks if 2 <= value <= 400] == [2, 5, 10, 20, 50, 100, 200]
