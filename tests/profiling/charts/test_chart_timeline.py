from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from profiling.charts import timeline as chart
from profiling.charts.style import LINE_HEIGHT
from profiling.charts.timeline import (
    COLORS,
    OTHER,
    RUNTIME,
    add_phases,
    category_name,
    count_launch_lines,
    fit_name,
    timeline,
)
from profiling.model.words import Text, table
from profiling.traces import timeline as lanes
from profiling.traces.phases import training_phases
from profiling.traces.table import Trace, read_trace
from profiling.traces.timeline import view
from tests.harness.made_traces import write


def call(name: str, start_us: float, length_us: float, **values: Any) -> dict[str, Any]:
    event = {"ph": "X", "cat": "cpu_op", "name": name, "pid": 1, "tid": 1}
    return event | {"ts": start_us, "dur": length_us} | values


def kernel(start_us: float, length_us: float, correlation: int) -> dict[str, Any]:
    args = {"device": 0, "stream": 7, "correlation": correlation}
    return call("gemm", start_us, length_us, cat="kernel", pid=0, tid=7, args=args)


def launch(start_us: float, correlation: int) -> dict[str, Any]:
    args = {"correlation": correlation}
    return call("cudaLaunchKernel", start_us, 2, cat="cuda_runtime", args=args)


def read(events: list[dict[str, Any]], folder: Path) -> Trace:
    path = folder / "made.json"
    path.write_text(json.dumps({"traceEvents": events}), "utf-8")
    return read_trace(path)


def drawn(trace: Trace, window: tuple[float, float], text: Text) -> go.Figure:
    laid = lanes.timeline(trace.events, trace.process_names, trace.thread_names)
    return timeline(laid.lanes, view(laid, *window), trace.events, window, text)


def bars(figure: go.Figure) -> dict[str, go.Bar]:
    return {each.name: each for each in figure.data if each.type == "bar"}


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """An operator that calls another one, which launches a kernel."""
    outer = call("aten::linear", 0, 100, args={"Input Dims": [[2, 3]]})
    return read([outer, call("aten::mm", 20, 40), launch(30, 5), kernel(60, 25, 5)], tmp_path)


def test_bars_are_where_and_as_long_as_events(trace: Trace, english: Text) -> None:
    figure = drawn(trace, (0.0, 100e-6), english)
    ops = bars(figure)["operator"]
    assert list(ops.base) == pytest.approx([0, 20])
    assert list(ops.x) == pytest.approx([100, 40])
    assert [float(each) for each in ops.y] == [1, 2]
    assert list(ops.text) == ["aten::linear", "aten::mm"]
    kernels = bars(figure)["kernel"]
    assert [*kernels.base, *kernels.x, *kernels.y] == pytest.approx([60, 25, 5])
    assert figure.layout.xaxis.title.text == "Time since the first event (µs)"
    labels = [each.text for each in figure.layout.annotations]
    assert labels == ["1 · 1", "GPU 0 · stream 7"]
    assert list(figure.layout.xaxis.range) == pytest.approx([0, 100])
    assert figure.layout.meta["unit_s"] == 1e-6


def test_pointing_tells_what_is_known(trace: Trace, english: Text) -> None:
    shown = bars(drawn(trace, (0.0, 100e-6), english))
    assert shown["operator"].hovertext[0] == "aten::linear<br>100 µs<br>[[2, 3]]"
    assert shown["kernel"].hovertext[0] == (
        "gemm<br>25.0 µs<br>stream 7<br>correlation 5<br>launched by aten::mm"
    )


def test_a_line_leads_from_the_launch_to_the_kernel(trace: Trace, english: Text) -> None:
    (line,) = [each for each in drawn(trace, (0.0, 100e-6), english).data if each.type == "scatter"]
    assert [*line.x[:2]] == pytest.approx([32, 60])
    assert line.x[2] is None
    assert list(line.y) == [3, 5, None]


def test_an_event_that_is_cut_by_the_window_keeps_its_length_in_words(
    trace: Trace, english: Text
) -> None:
    figure = drawn(trace, (50e-6, 58e-6), english)
    ops = bars(figure)["operator"]
    assert list(ops.base) == pytest.approx([50, 50])
    assert list(ops.x) == pytest.approx([8, 8])
    assert ops.hovertext[1] == "aten::mm<br>40.0 µs"
    assert "kernel" not in bars(figure)


def test_what_is_too_narrow_is_hatched_and_counted(tmp_path: Path, english: Text) -> None:
    many = [call("aten::add", 2 * number, 1) for number in range(50_000)]
    figure = drawn(read(many, tmp_path), (0.0, 0.1), english)
    ops = bars(figure)["operator"]
    assert set(ops.marker.pattern.shape) == {"/"}
    counts = [int(words.partition(" ")[0].replace(",", "")) for words in ops.hovertext]
    assert sum(counts) == 50_000
    assert "merged events" in bars(figure)
    assert not any(ops.text or ())


def test_no_trace_makes_a_figure_of_more_than_a_megabyte(tmp_path: Path, english: Text) -> None:
    name = "算子" * 400
    wide = [
        call(f"{name}<b>{number}", 10 * number, 9, args={"Input Dims": [[number] * 200]})
        for number in range(1000)
    ]
    lanes_of_it = [each | {"tid": thread} for thread in range(6) for each in wide]
    figure = drawn(read(lanes_of_it, tmp_path), (0.0, 0.01), english)
    assert sum(len(each.base) for each in bars(figure).values() if each.base is not None) > 900
    assert len(json.dumps(figure.to_json())) < 1_000_000


def test_names_are_text(tmp_path: Path, english: Text) -> None:
    hostile = "<img src=x onerror=alert(1)>%{x}"
    figure = drawn(
        read([call(hostile, 0, 10, cat="<b>", pid="<i>")], tmp_path), (0.0, 1e-5), english
    )
    sent = figure.to_json()
    assert "<img" not in sent
    assert "<i>" not in sent
    assert "&lt;b&gt;" in sent


def test_phases_are_shaded(tmp_path: Path, english: Text) -> None:
    marks = [call("forward", 0, 40, cat="user_annotation"), call("aten::mm", 1, 30)]
    trace = read([*marks, call("backward", 50, 40, cat="user_annotation")], tmp_path)
    figure = drawn(trace, (0.0, 60e-6), english)
    before, height = len(figure.layout.shapes), figure.layout.height
    add_phases(figure, training_phases(trace.events), (0.0, 60e-6), english)
    shades = figure.layout.shapes[before:]
    assert [(round(each.x0), round(each.x1)) for each in shades] == [(0, 40), (50, 60)]
    for name, start, length in (("forward", 0, 40), ("backward", 50, 10)):
        named = bars(figure)[name]
        assert (named.base[0], named.x[0]) == pytest.approx((start, length))
        assert (list(named.y), list(named.text)) == ([-1], [name])
        assert named.hovertext[0] == f"{name}<br>40.0 µs"
    assert figure.layout.height == height + 2 * LINE_HEIGHT


def test_nothing_to_draw(trace: Trace, english: Text) -> None:
    figure = drawn(trace, (1.0, 2.0), english)
    assert not figure.data
    add_phases(figure, pd.DataFrame(columns=["phase", "start_s", "end_s"]), (1.0, 2.0), english)
    assert figure.layout.annotations[0].text == "No data yet."


def test_a_name_is_cut_to_what_fits() -> None:
    assert fit_name("aten::linear", 12) == "aten::linear"
    assert fit_name("aten::linear", 6) == "linear"
    assert fit_name("aten::linear", 5) == "line…"
    assert fit_name("aten::linear", 3) == ""


def test_every_category_with_a_colour_has_a_name() -> None:
    assert {f"trace.category.{category}" for category in COLORS} <= table("en").keys()


@pytest.mark.parametrize("color", sorted({*COLORS.values(), OTHER, RUNTIME}))
def test_colours_can_be_told_from_the_page_and_the_names_on_them(color: str) -> None:
    def light(value: str) -> float:
        parts = [each / 255 for each in bytes.fromhex(value.removeprefix("#"))]
        linear = [((p + 0.055) / 1.055) ** 2.4 if p > 0.04045 else p / 12.92 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    assert light("#ffffff") / light(color) >= 4.5
    assert light(color) / light("#0b0f19") >= 3


def test_calls_of_every_devices_runtime_are_named_alike(english: Text) -> None:
    said = {name: category_name(name, english) for name in ("cuda_runtime", "xpu_driver", "hpu_op")}
    assert said == {"cuda_runtime": "CUDA runtime", "xpu_driver": "XPU driver", "hpu_op": "hpu_op"}
    assert category_name("<b>_runtime", english) == "&lt;B&gt; runtime"


def test_few_links_are_drawn_and_many_are_left_out(tmp_path: Path, english: Text) -> None:
    path = tmp_path / "many.json"
    write(path, 200)
    trace = read_trace(path)
    laid = lanes.timeline(trace.events)

    def lines(end_s: float) -> tuple[int, int]:
        figure = drawn(trace, (0.0, end_s), english)
        line = next(each for each in figure.data if each.type == "scatter")
        return count_launch_lines(view(laid, 0.0, end_s), trace.events), len(line.x or ())

    assert lines(1e-3) == (25, 3 * 25)
    count, points = lines(2.4e-3)
    assert count > chart.MOST_LAUNCH_LINES
    assert points == 0
