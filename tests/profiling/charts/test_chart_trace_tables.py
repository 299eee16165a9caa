from __future__ import annotations

import html

import pandas as pd
import plotly.graph_objects as go
import pytest

from profiling.charts.trace import trace_changes, trace_memory, treemap
from profiling.model.words import Text


def title(figure: go.Figure) -> str:
    return str(figure.layout.title.text).replace("<br>", " ")


def test_areas_add_up_to_the_whole(english: Text) -> None:
    ops = pd.DataFrame(
        {
            "name": ["aten::mm", "aten::add", "detach", "aten::mm", "aten::t"],
            "count": [2, 1, 1, 1, 9],
            "self_s": [5e-6, 3e-6, 1e-6, 1e-6, 0.0],
        }
    )
    figure = treemap(ops, english)
    (areas,) = figure.data
    values = dict(zip(areas.ids, areas.values, strict=True))
    parents = dict(zip(areas.ids, areas.parents, strict=True))
    top = sum(values[each] for each, parent in parents.items() if parent == "")
    assert top == pytest.approx(1e-5)
    assert values["group aten"] == pytest.approx(9e-6)
    assert dict(zip(areas.labels, areas.hovertext, strict=True))["mm"] == (
        "aten::mm: 6.00 µs, 60.0%<br>3 calls"
    )
    assert title(figure) == "aten::mm takes 60% of 10.0 µs self CPU time"


def test_kernels_have_short_names_and_full_ones_on_hover(english: Text) -> None:
    names = [f"void at::native::f<{'x' * 200}, {kind}>(int)" for kind in "ab"]
    work = pd.DataFrame({"name": names, "short": ["f<a>", "f<b>"], "count": 1, "total_s": [2, 1]})
    figure = treemap(work, english, "total_s")
    (areas,) = figure.data
    assert list(areas.labels) == ["f&lt;a&gt;", "f&lt;b&gt;"]
    shown = html.unescape(areas.hovertext[1].replace("<br>", ""))
    assert shown.replace(" ", "").startswith(f"{names[1].replace(' ', '')}:")
    assert title(figure).startswith("f&lt;a&gt; takes 67%")


def test_small_areas_are_one(english: Text) -> None:
    times = [1.0] + [1e-5] * 30
    ops = pd.DataFrame({"name": [f"op{n}" for n in range(31)], "count": 1, "total_s": times})
    (areas,) = treemap(ops, english, "total_s").data
    assert list(areas.labels) == ["op0", "other operators (30)"]


def test_no_areas(english: Text) -> None:
    empty = pd.DataFrame({"name": ["a"], "count": [1], "self_s": [0.0]})
    assert not treemap(empty, english).data


def test_memory_has_a_line_and_a_peak_for_each_device(english: Text) -> None:
    curves = pd.DataFrame(
        {
            "device": ["cpu", "cpu", "cuda:0", "cuda:0"],
            "time_s": [1e-3, 2e-3, 1e-3, 3e-3],
            "live_bytes": [1024, 0, 2048, 4096],
        },
        index=[0, 1, 0, 1],
    )
    peaks = curves.iloc[[0, 3]].set_axis([0, 0])
    figure = trace_memory(curves, peaks, english)
    lines = [each for each in figure.data if each.mode == "lines"]
    assert [list(each.y) for each in lines] == [[1, 0], [2, 4]]
    assert [each.name for each in lines] == ["cpu: 1.00 KiB", "cuda:0: 4.00 KiB"]
    assert len({each.line.dash for each in lines}) == 2
    assert title(figure) == "cuda:0 peaks at 4.00 KiB, 3.000 ms after the first event"
    assert not trace_memory(curves.head(0), peaks.head(0), english).data


def test_changes_go_right_where_the_second_takes_more(english: Text) -> None:
    diff = pd.DataFrame(
        {
            "name": ["aten::clone", "void at::mul<float>(int)"],
            "category": ["cpu_op", "kernel"],
            "count_a": [0, 4],
            "count_b": [3, 4],
            "self_s_a": [float("nan"), 9e-6],
            "self_s_b": [5e-6, 2e-6],
            "change_s": [5e-6, -7e-6],
        }
    )
    figure = trace_changes(diff, english)
    bars, labels = figure.data
    assert list(bars.x) == [5, -7]
    more, less = "#d55e00", "#009e73"  # vermilion and green
    assert list(bars.marker.color) == [more, less]
    assert [each.strip() for each in labels.text] == ["0 → 3", ""]
    assert list(figure.layout.yaxis.ticktext) == ["aten::clone", "mul&lt;float&gt;"]
    assert title(figure) == "aten::clone: 0 → 3 calls, +5.00 µs of self time"
    assert bars.hovertext[0] == "aten::clone<br>A: –, 0 calls<br>B: 5.00 µs, 3 calls"
    assert not trace_changes(diff.head(0), english).data
