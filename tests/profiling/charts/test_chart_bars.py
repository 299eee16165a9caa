from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from profiling.analysis.findings import find
from profiling.catalogue import BRANCHES
from profiling.charts.branches import peak_by_branch, time_by_branch
from profiling.charts.style import branch_style, label_room
from profiling.model.words import Text
from tests.profiling.charts.conftest import failed, row, table


def title(figure: go.Figure) -> str:
    return str(figure.layout.title.text).replace("<br>", " ")


def test_time_bars_have_the_tables_values_in_one_unit(summary: pd.DataFrame, text: Text) -> None:
    forward, backward, step, labels = time_by_branch(summary, find(summary), text).data
    assert (forward.name, backward.name) == (text("phase.forward"), text("phase.backward"))
    assert list(forward.x) == [40, 30, None]
    assert list(backward.x) == [60, 10, None]
    assert list(step.x) == [100, 39, None]
    assert list(step.error_x.array) == [20, 2, None]
    assert list(step.error_x.arrayminus) == [10, 1, None]
    assert [label.strip() for label in labels.text] == [
        "100 µs",
        "39.0 µs",
        text("status.unsupported"),
    ]


def test_rows_are_in_order_from_the_top_and_wrong_gradients_are_marked(
    summary: pd.DataFrame, english: Text
) -> None:
    figure = time_by_branch(summary, find(summary), english)
    assert list(figure.data[0].y) == ["attached ⚠", "no_grad", "frozen"]
    assert list(figure.layout.yaxis.categoryarray) == ["attached ⚠", "no_grad", "frozen"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert "wrong gradients" in figure.data[2].customdata[0]
    assert "wrong gradients" not in figure.data[2].customdata[1]


def test_hover_has_units_and_escapes_the_message(summary: pd.DataFrame, english: Text) -> None:
    figure = time_by_branch(summary, find(summary), english)
    assert list(figure.data[0].customdata) == ["40.0 µs", "30.0 µs", ""]
    hover = figure.data[3].customdata
    assert "step: median 39.0 µs, p25–p75 38.0–41.0 µs" in hover[1]
    assert "0.390× the time of attached" in hover[1]
    assert hover[2] == "frozen<br>not applicable<br>&lt;b&gt;no&lt;/b&gt; parameters"
    assert figure.layout.barmode == "stack"
    assert figure.layout.xaxis.title.text == "Median step time (µs)"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"ratio": 0.39, "ratio_low": 0.36, "ratio_high": 0.392, "verdict": "faster"},
            "detach takes 0.390× the time of attached (95% interval 0.360–0.392)",
        ),
        (
            {"ratio": 0.98, "ratio_low": 0.95, "ratio_high": 1.02, "verdict": "no_difference"},
            "No correct branch is significantly faster than attached",
        ),
        (
            {"ratio": 1.2, "ratio_low": 1.1, "ratio_high": 1.3, "verdict": "slower"},
            "No correct branch is significantly faster than attached",
        ),
        (
            # The verdict is corrected for the number of branches, the interval is not.
            {"ratio": 0.97, "ratio_low": 0.95, "ratio_high": 0.996, "verdict": "no_difference"},
            "detach at 0.970× the time of attached (95% interval 0.950–0.996) is not yet "
            "significant",
        ),
        ({"ratio": 0.39}, "Too few rounds to compare times with attached"),
        ({"ratio": 0.39, "gradients_right": False}, "Time of a step by branch"),
        ({"ratio": 0.39, "status": "error"}, "Time of a step by branch"),
        ({"ratio": float("nan")}, "Time of a step by branch"),
    ],
)
def test_time_title_is_the_finding(values: dict[str, Any], expected: str, english: Text) -> None:
    cell = table(row("attached"), row("detach", **values))
    assert title(time_by_branch(cell, find(cell), english)) == expected


def test_titles_and_hovers_name_the_baseline_that_was_used(english: Text) -> None:
    measured = {"baseline": "detach", "ratio_low": 0.7, "ratio_high": 0.9, "verdict": "faster"}
    cell = table(
        row("detach", baseline="detach"),
        row("no_grad", ratio=0.8, peak_bytes=2**20, **measured),
    )
    figure = time_by_branch(cell, find(cell), english)
    assert title(figure) == "no_grad takes 0.800× the time of detach (95% interval 0.700–0.900)"
    assert "attached" not in figure.to_json()
    peaks = peak_by_branch(cell, find(cell), english)
    assert "below detach" in title(peaks)
    assert "attached" not in peaks.to_json()


def test_an_unmeasured_branch_is_never_a_zero(text: Text) -> None:
    cell = table(failed("attached", "out_of_memory"), failed("detach", "error"), row("no_grad"))
    for figure in (time_by_branch(cell, find(cell), text), peak_by_branch(cell, find(cell), text)):
        *drawn, labels = figure.data
        assert all(list(trace.x)[:2] == [None, None] for trace in drawn)
        words = [text("status.out_of_memory"), text("status.error")]
        assert [label.strip() for label in labels.text][:2] == words
        assert list(labels.x)[:2] == [0, 0]


def test_peak_bars_with_saved_and_live_markers(summary: pd.DataFrame, text: Text) -> None:
    figure = peak_by_branch(summary, find(summary), text)
    peak, saved, live, labels = figure.data
    assert [trace.name for trace in (peak, saved, live)] == [
        text(f"metric.{name}") for name in ("peak", "saved", "live")
    ]
    assert list(peak.x) == [4, 1, None]
    assert list(saved.x) == [2, 2, None]
    assert list(live.x) == [1, 1, None]
    assert list(labels.x) == [4, 2, 0]
    assert [label.strip() for label in labels.text][:2] == ["4.00 MiB", "1.00 MiB"]
    assert figure.layout.xaxis.title.text == text("axis.memory", unit="MiB")
    assert "1,048,576 B" in peak.customdata[1]


@pytest.mark.parametrize(
    ("peaks", "expected"),
    [
        ([1, 1, 3], "detach and 1 more peak 3.00 MiB (3,145,728 B) below attached"),
        ([3, 2, 5], "no_grad peaks 2.00 MiB (2,097,152 B) below attached"),
        ([4, 4, 5], "No correct branch peaks 1% or more below attached"),
        ([5, 6, 7], "No correct branch peaks 1% or more below attached"),
    ],
)
def test_peak_title_is_the_finding(peaks: list[int], expected: str, english: Text) -> None:
    branches = ["detach", "no_grad", "frozen"]
    others = [
        row(branch, peak_bytes=peak * 2**20) for branch, peak in zip(branches, peaks, strict=True)
    ]
    cell = table(row("attached"), *others, row("detach_kept", peak_bytes=1, gradients_right=False))
    assert title(peak_by_branch(cell, find(cell), english)) == expected


def test_peak_title_without_a_baseline_claims_nothing(english: Text) -> None:
    cell = table(failed("attached"), row("detach"))
    assert title(peak_by_branch(cell, find(cell), english)) == "Peak memory of a step by branch"


def test_room_is_left_right_of_the_longest_bar(summary: pd.DataFrame, text: Text) -> None:
    cell = pd.concat([summary, table(failed("detach", "out_of_memory"))])
    for figure, shown in (
        (time_by_branch(cell, find(cell), text), ["100 µs", "39.0 µs"]),
        (peak_by_branch(cell, find(cell), text), ["4.00 MiB", "1.00 MiB"]),
    ):
        longest = max(figure.data[-1].x)
        assert tuple(figure.layout.xaxis.range) == (0, longest)
        # What was not measured says so where its bar would be.
        assert figure.layout.margin.r == label_room([longest, 1], shown)
        # A marker at the end of the axis is drawn in full.
        markers = [trace for trace in figure.data if trace.type == "scatter"]
        assert all(trace.cliponaxis is False for trace in markers)


def test_small_peaks_read_in_bytes(english: Text) -> None:
    cell = table(row("detach", peak_bytes=512, saved_bytes=4, live_bytes=8))
    figure = peak_by_branch(cell, find(cell), english)
    assert figure.layout.xaxis.title.text == "Memory (B)"
    assert "peak: 512 B<br>" in figure.data[0].customdata[0]


def test_bars_have_their_branches_colour_and_hatching(text: Text) -> None:
    cell = table(*(row(branch) for branch in BRANCHES))
    for figure in (time_by_branch(cell, find(cell), text), peak_by_branch(cell, find(cell), text)):
        styles = [branch_style(branch) for branch in BRANCHES]
        assert list(figure.data[0].marker.pattern.shape) == [style.pattern for style in styles]
        assert len(figure.to_json()) < 60_000
    colors = time_by_branch(cell, find(cell), text).data[0].marker.color
    assert list(colors) == [style.color for style in styles]


def test_an_empty_table_says_so(summary: pd.DataFrame, text: Text) -> None:
    found = find(summary)
    for figure in (
        time_by_branch(summary[:0], found, text),
        peak_by_branch(pd.DataFrame(), found, text),
    ):
        assert not figure.data
        assert [note.text for note in figure.layout.annotations] == [text("chart.empty")]
