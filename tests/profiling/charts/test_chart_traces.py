from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from profiling.catalogue import BRANCHES
from profiling.charts.operators import operators_by_branch
from profiling.charts.peak import memory_over_time
from profiling.charts.style import branch_style
from profiling.model.words import Text
from tests.profiling.charts.conftest import row, shown

NONE = float("nan")
FOUND = shown(row("attached"), row("no_grad", peak_bytes=2**20))


def operators(*rows: tuple[str, str, int, float, float, float]) -> pd.DataFrame:
    columns = ["branch", "name", "count", "total_s", "self_s", "device_s"]
    return pd.DataFrame(list(rows), columns=columns)


def title(figure: go.Figure) -> str:
    return str(figure.layout.title.text).replace("<br>", " ")


@pytest.fixture
def ops() -> pd.DataFrame:
    return operators(
        ("attached", "aten::mul", 2, 9e-6, 5e-6, NONE),
        ("attached", "aten::add", 1, 3e-6, 3e-6, NONE),
        ("attached", "aten::sum", 3, 2e-6, 1e-6, NONE),
        ("no_grad", "aten::mul", 1, 8e-6, 7e-6, NONE),
        ("no_grad", "aten::t", 4, 2e-6, 2e-6, NONE),
    )


def test_operator_bars_keep_the_top_and_sum_the_rest(ops: pd.DataFrame, text: Text) -> None:
    figure = operators_by_branch(ops, text, top=2)
    attached, no_grad = figure.data
    ticks = ["aten::mul", "aten::add", text("chart.other_ops", count=2)]
    assert list(figure.layout.yaxis.ticktext) == ticks
    assert (attached.name, no_grad.name) == ("attached", "no_grad")
    assert list(attached.x) == [5, 3, 1]
    assert list(no_grad.x) == [7, None, 2]
    assert list(attached.y) == [0, 1, 2]
    assert figure.layout.barmode == "group"
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.title.text == text("axis.self_time", unit="µs")


def test_operator_hover_and_title(ops: pd.DataFrame, english: Text) -> None:
    figure = operators_by_branch(ops, english, top=2)
    time, said = figure.data[0].customdata[0]
    assert time == "5.00 µs"
    assert said == "aten::mul<br>2 calls, 9.00 µs in total, callees included"
    assert figure.data[0].customdata[2][1] == "1 other operator, 3 calls"
    assert title(figure) == "Most self time: aten::mul, 7.00 µs in no_grad"


def test_nothing_is_summed_when_all_operators_fit(ops: pd.DataFrame, text: Text) -> None:
    names = list(operators_by_branch(ops, text).layout.yaxis.ticktext)
    assert names == ["aten::mul", "aten::add", "aten::t", "aten::sum"]


def test_device_time_replaces_self_time_where_there_is_any(english: Text) -> None:
    ops = operators(
        ("attached", "aten::mul", 1, 1e-3, 1e-3, 0.0),
        ("attached", "aten::mm", 1, 1e-6, 1e-6, 4e-3),
        ("detach", "aten::mm", 1, 1e-6, 1e-6, NONE),
    )
    figure = operators_by_branch(ops, english)
    assert figure.layout.xaxis.title.text == "Device time (ms)"
    assert title(figure) == "Most device time: aten::mm, 4.00 ms in attached"
    assert [list(trace.x) for trace in figure.data] == [[4, 0], [None, None]]


def test_operator_names_are_shown_as_text(english: Text) -> None:
    name = "<b on=x>&%{x}</b>"
    figure = operators_by_branch(operators(("<i>", name, 1, 1e-6, 1e-6, NONE)), english)
    shown = "&lt;b on=x&gt;&amp;&#37;{x}&lt;/b&gt;"
    assert list(figure.layout.yaxis.ticktext) == [shown]
    assert shown in figure.data[0].customdata[0][1]
    assert shown in title(figure)
    assert figure.data[0].name == "&lt;i&gt;"
    assert "<b" not in figure.to_json().replace("<br>", "").replace("\\u003cbr\\u003e", "")


def test_long_operator_names_are_shortened_on_the_axis_only(english: Text) -> None:
    name = "autograd::engine::evaluate_function: AddmmBackward0"
    figure = operators_by_branch(operators(("detach", name, 1, 1e-6, 1e-6, NONE)), english)
    assert len(figure.layout.yaxis.ticktext[0]) == 20
    assert name in figure.data[0].customdata[0][1]


@pytest.fixture
def curves() -> pd.DataFrame:
    rows = [
        ("attached", 0.001, 2**20),
        ("attached", 0.002, 4 * 2**20),
        ("attached", 0.004, 3 * 2**20),
        ("no_grad", 0.010, 2**20),
        ("no_grad", 0.011, 2 * 2**20),
    ]
    table = pd.DataFrame(rows, columns=["branch", "time_s", "live_bytes"])
    return table.assign(change_bytes=0)


def test_memory_lines_start_at_their_first_event(curves: pd.DataFrame, text: Text) -> None:
    figure = memory_over_time(curves, FOUND, text)
    attached, attached_peak, no_grad, no_grad_peak = figure.data
    assert list(attached.x) == [0, 1, 3]
    assert list(attached.y) == [1, 4, 3]
    assert attached.line.shape == "hv"
    assert list(no_grad.x) == [0, 1]
    assert (list(attached_peak.x), list(attached_peak.y)) == ([1], [4])
    assert (list(attached_peak.text), list(no_grad_peak.text)) == (["4.00 MiB"], ["2.00 MiB"])
    assert attached_peak.marker.symbol == branch_style("attached").symbol
    assert no_grad.name == text("legend.peak", branch="no_grad", peak="2.00 MiB")
    assert figure.layout.xaxis.title.text == text("axis.time_since_first", unit="ms")
    assert figure.layout.yaxis.title.text == text("axis.live_memory", unit="MiB")


def test_memory_title_and_hover(curves: pd.DataFrame, english: Text) -> None:
    figure = memory_over_time(curves, FOUND, english)
    assert title(figure) == "Peak 4.00 MiB in attached, 2.00 MiB in no_grad"
    assert "%{y:.3~r} MiB live after %{x:.3~r} ms" in figure.data[0].hovertemplate
    assert "peak: 4.00 MiB (4,194,304 B)" in figure.data[1].hovertemplate
    same = memory_over_time(curves[curves["branch"] == "attached"], FOUND, english)
    assert title(same) == "Every branch peaks at 4.00 MiB"


def test_the_memory_title_tells_no_difference_that_the_headline_does_not(
    curves: pd.DataFrame, english: Text
) -> None:
    wrong = shown(row("attached"), row("no_grad", peak_bytes=1, gradients_right=False))
    assert title(memory_over_time(curves, wrong, english)) == "Live memory during one step"
    close = curves.replace({"live_bytes": {2 * 2**20: 4 * 2**20 - 64}})
    assert title(memory_over_time(close, wrong, english)) == "Every branch peaks at 4.00 MiB"


def test_long_curves_are_thinned_but_keep_ends_and_peak(text: Text) -> None:
    events = 20_000
    rng = np.random.default_rng(0)
    one = pd.DataFrame(
        {
            "time_s": np.arange(events) * 1.23456789e-6 + 0.5,
            "live_bytes": rng.integers(0, 2**30, events),
        }
    )
    one.loc[777, "live_bytes"] = 2**30
    figure = memory_over_time(
        pd.concat([one.assign(branch=name) for name in BRANCHES]), FOUND, text
    )
    line, peak = figure.data[:2]
    assert len(figure.to_json()) < 4_000 * len(BRANCHES)
    assert len(line.x) <= 242
    assert 1 in line.y
    assert (line.x[0], line.x[-1]) == (0, pytest.approx((events - 1) * 1.23456789e-3))
    assert list(peak.y) == [1]
    assert [trace.line.color for trace in figure.data[::2]] == [
        branch_style(name).color for name in BRANCHES
    ]


def test_ten_branches_of_operators_stay_small(text: Text) -> None:
    rows = [
        (branch, f"aten::operator_with_a_long_name_{index}", 3, 1e-6 * index, 1e-6 * index, NONE)
        for branch in BRANCHES
        for index in range(1, 40)
    ]
    figure = operators_by_branch(operators(*rows), text)
    assert len(figure.to_json()) < 60_000
    for branch, trace in zip(BRANCHES, figure.data, strict=True):
        style = branch_style(branch)
        assert (trace.marker.color, trace.marker.pattern.shape) == (style.color, style.pattern)


def test_empty_tables_say_so(ops: pd.DataFrame, curves: pd.DataFrame, text: Text) -> None:
    for figure in (operators_by_branch(ops[:0], text), memory_over_time(curves[:0], FOUND, text)):
        assert not figure.data
        assert figure.layout.annotations[0].text == text("chart.empty")
