from __future__ import annotations

import plotly.graph_objects as go
import pytest

from profiling.analysis.diff import diff
from profiling.charts.run_diff import ratio_by_branch
from profiling.charts.style import branch_style, label_room
from profiling.model.run import Run, Status
from profiling.model.words import Text
from tests.profiling.analysis.test_diff import finished, measured, run_with
from tests.profiling.planted import branch, cell, run_of, times

HOLLOW = "rgba(0,0,0,0)"


@pytest.fixture
def figure(english: Text) -> go.Figure:
    """Two runs: faster, no different, without an interval, not measured in one."""
    few = branch("no_grad", samples=times([(2.0, 2.0)] * 4))
    lost = branch("frozen", status=Status.ERROR)
    uneven = times([(0.5, each / 10) for each in range(1, 10)])
    a = run_of(measured("attached"), branch("detach", samples=uneven), few, lost)
    b = run_of(measured("attached", 0.5), branch("detach", samples=uneven), few, measured("frozen"))
    return ratio_by_branch(diff(a, b).rows, english)


def title(figure: go.Figure) -> str:
    return str(figure.layout.title.text).replace("<br>", " ")


def test_markers_and_whiskers_have_the_tables_values(figure: go.Figure) -> None:
    ratios, labels = figure.data
    assert list(ratios.y) == ["attached", "detach", "no_grad", "frozen"]
    assert list(ratios.x) == [0.5, 1.0, 1.0, None]
    high, low = list(ratios.error_x.array), list(ratios.error_x.arrayminus)
    assert (high[0], low[0]) == (0.0, 0.0)
    assert high[1] > 0
    assert low[1] > 0
    assert (high[2:], low[2:]) == ([None, None], [None, None])
    shown = [label.strip() for label in labels.text]
    assert shown == ["0.500×", "1.00×", "1.00×", "not measured"]
    assert labels.x[1] == ratios.x[1] + high[1]


def test_only_what_differs_is_filled(figure: go.Figure) -> None:
    marker = figure.data[0].marker
    assert list(marker.color) == [branch_style("attached").color, HOLLOW, HOLLOW, HOLLOW]
    names = ("attached", "detach", "no_grad", "frozen")
    assert list(marker.line.color) == [branch_style(name).color for name in names]


def test_a_line_stands_at_1_within_the_axis(figure: go.Figure) -> None:
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1) == (1, 1)
    low, high = figure.layout.xaxis.range
    assert low < 0.5
    assert high > figure.data[0].x[1] + figure.data[0].error_x.array[1]
    assert figure.layout.xaxis.title.text == "Time ratio B / A"
    assert figure.data[1].x[3] == low


def test_alike_runs_still_have_an_axis_around_1(english: Text) -> None:
    run = run_of(measured())
    low, high = ratio_by_branch(diff(run, run).rows, english).layout.xaxis.range
    assert low < 0.98
    assert high > 1.02


def test_room_is_left_for_the_values_right_of_the_axis(figure: go.Figure) -> None:
    ratios, labels = figure.data
    whisker = ratios.x[1] + ratios.error_x.array[1]
    assert labels.x[1] == whisker < figure.layout.xaxis.range[1]
    # "not measured" is written where its whisker would be.
    assert figure.layout.margin.r == label_room([1.0], ["0.500×"])


def test_title_and_hovers_say_what_was_found(figure: go.Figure) -> None:
    assert title(figure) == "B is faster than A in 1 of 2, slower in 0"
    hovers = figure.data[0].customdata
    assert (
        hovers[0]
        == "attached<br>0.500× the time of A (95% bootstrap confidence interval 0.500–0.500)"
    )
    assert hovers[2] == "no_grad<br>1.00× the time of A (too few rounds for an interval)"
    assert hovers[3] == "frozen<br>not measured"


def test_without_any_verdict_the_title_claims_nothing(english: Text) -> None:
    run = run_of(branch("attached"))
    figure = ratio_by_branch(diff(run, run).rows, english)
    assert title(figure) == "Time of a step, B / A"
    assert list(figure.data[0].x) == [None]


def both(*sizes: int) -> Run:
    return run_with(*(finished(cell(size=size), measured()) for size in sizes))


def test_sizes_are_named_where_there_are_several(text: Text) -> None:
    several = ratio_by_branch(diff(both(4, 1024), both(4, 1024)).rows, text)
    assert list(several.data[0].y) == ["attached<br>4", "attached<br>1,024"]
    assert list(several.layout.yaxis.categoryarray) == list(several.data[0].y)
    one = ratio_by_branch(diff(both(4), both(4)).rows, text)
    assert list(one.data[0].y) == ["attached"]
    assert several.layout.height - one.layout.height == 2 * 44 - 34


def test_cells_are_told_apart_where_they_differ_in_more_than_size(text: Text) -> None:
    run = run_with(
        finished(cell(), measured()), finished(cell(dtype="float64", device="cuda"), measured())
    )
    figure = ratio_by_branch(diff(run, run).rows, text)
    assert list(figure.data[0].y) == [
        "attached<br>elementwise · float32 · cpu",
        "attached<br>elementwise · float64 · cuda",
    ]


def test_nothing_in_common_says_so(text: Text) -> None:
    figure = ratio_by_branch(diff(both(4), both(8)).rows, text)
    assert not figure.data
    assert figure.layout.annotations[0].text == text("chart.empty")
