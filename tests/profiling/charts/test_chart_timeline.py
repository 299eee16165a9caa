from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
import pytest

from profiling.charts import timeline as chart
from profiling.charts.style import LINE_HEIGHT
from profiling.charts.timeline import (
    COLORS,
    add_phases,
    add_steps,
    category_name,
    count_launch_lines,
    fit_name,
    timeline,
)
from profiling.model.words import Text, table
from profiling.traces import timeline as lanes
from profiling.traces.families import FAMILIES
from profiling.traces.phases import steps, training_phases
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
    """Return the bars by name; those of single events rather than merged ones."""
    return {each.name: each for each in reversed(figure.data) if each.type == "bar"}


MATMUL = "matrix multiplication, convolution"


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """An operator that calls another one, which launches a kernel."""
    outer = call("aten::linear", 0, 100, args={"Input Dims": [[2, 3]]})
    return read([outer, call("aten::mm", 20, 40), launch(30, 5), kernel(60, 25, 5)], tmp_path)


def test_bars_are_where_and_as_long_as_events(trace: Trace, english: Text) -> None:
    figure = drawn(trace, (0.0, 100e-6), english)
    assert list(bars(figure)) == ["runtime call", MATMUL]
    shown = bars(figure)[MATMUL]
    assert list(shown.base) == pytest.approx([0, 20, 60])
    assert list(shown.x) == pytest.approx([100, 40, 25])
    assert [float(each) for each in shown.y] == [1, 2, 5]
    assert list(shown.text) == ["aten::linear", "aten::mm", "gemm"]
    assert list(shown.customdata) == [0, 1, 3]
    assert shown.marker.color == COLORS["matmul"].bar
    assert figure.layout.xaxis.title.text == "Time since the first event (µs)"
    labels = [each.text for each in figure.layout.annotations]
    assert labels == ["1 · 1", "GPU 0 · stream 7"]
    assert list(figure.layout.xaxis.range) == pytest.approx([0, 100])
    assert figure.layout.meta["unit_s"] == 1e-6


def test_pointing_tells_what_is_known(trace: Trace, english: Text) -> None:
    shown = bars(drawn(trace, (0.0, 100e-6), english))[MATMUL]
    assert shown.hovertext[0] == "aten::linear<br>operator: 100 µs<br>[[2, 3]]"
    assert shown.hovertext[2] == (
        "gemm<br>kernel: 25.0 µs<br>stream 7<br>correlation 5<br>launched by aten::mm"
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
    assert list(bars(figure)) == [MATMUL]
    ops = bars(figure)[MATMUL]
    assert list(ops.base) == pytest.approx([50, 50])
    assert list(ops.x) == pytest.approx([8, 8])
    assert ops.hovertext[1] == "aten::mm<br>operator: 40.0 µs"


def test_what_is_too_narrow_is_hatched_and_counted(tmp_path: Path, english: Text) -> None:
    many = [call("aten::add", 2 * number, 1) for number in range(50_000)]
    figure = drawn(read(many, tmp_path), (0.0, 0.1), english)
    ops = bars(figure)["elementwise"]
    assert ops.marker.pattern.shape == "/"
    assert set(ops.customdata) == {None}
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


def test_single_and_merged_events_of_a_family_share_one_entry_of_the_legend(
    tmp_path: Path, english: Text
) -> None:
    many = [call("aten::add", 2 * number, 1) for number in range(5000)]
    figure = drawn(read([*many, call("aten::mul", 20_000, 5000)], tmp_path), (0.0, 0.025), english)
    single, merged = (each for each in figure.data if each.name == "elementwise")
    assert (single.showlegend, merged.showlegend) == (True, False)
    assert single.legendgroup == merged.legendgroup
    assert (single.marker.pattern.shape, merged.marker.pattern.shape) == ("", "/")


def test_steps_are_named_and_every_other_one_is_shaded(tmp_path: Path, english: Text) -> None:
    marks = [
        call(f"ProfilerStep#{number}", 50 * number, 40, cat="user_annotation")
        for number in range(3)
    ]
    trace = read([*marks, call("aten::mm", 1, 30)], tmp_path)
    figure = drawn(trace, (0.0, 120e-6), english)
    before, height = len(figure.layout.shapes), figure.layout.height
    add_steps(figure, steps(trace.events), (0.0, 120e-6), english)
    (shade,) = figure.layout.shapes[before:]
    assert (round(shade.x0), round(shade.x1)) == (50, 90)
    named = bars(figure)["Profiler steps"]
    assert list(named.text) == ["step 0", "step 1", "step 2"]
    assert list(named.y) == [-2, -2, -2]
    assert figure.layout.yaxis.range[1] == -2.5
    assert figure.layout.height == height + LINE_HEIGHT
    add_steps(figure, steps(trace.events).head(0), (0.0, 1.0), english)
    assert figure.layout.height == height + LINE_HEIGHT


def test_every_family_has_a_colour_and_a_name() -> None:
    assert set(COLORS) == set(FAMILIES)
    assert {f"trace.family.{name}" for name in FAMILIES} <= table("en").keys()


def linear(color: str) -> npt.NDArray[np.float64]:
    parts = np.array([*bytes.fromhex(color.removeprefix("#"))]) / 255
    return np.where(parts > 0.04045, ((parts + 0.055) / 1.055) ** 2.4, parts / 12.92)


@pytest.mark.parametrize("family", FAMILIES)
def test_colours_can_be_told_from_both_pages_and_the_names_in_them(family: str) -> None:
    def light(color: str) -> float:
        return float(linear(color) @ [0.2126, 0.7152, 0.0722]) + 0.05

    bar, name = COLORS[family]
    assert max(light(bar), light(name)) / min(light(bar), light(name)) >= 4.5
    assert light("#ffffff") / light(bar) >= 3
    assert light(bar) / light("#0b0f19") >= 3


# How a colour looks without one kind of cones, by Machado and others (2009), in linear RGB.
_BLIND = {
    "none": np.eye(3),
    "red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
# From linear RGB to OKLab.
_CONES = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
_LAB = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]


@pytest.mark.parametrize("blindness", _BLIND)
def test_colours_are_told_apart_with_every_kind_of_colour_blindness(blindness: str) -> None:
    seen = np.array([linear(each.bar) for each in COLORS.values()]) @ np.array(_BLIND[blindness]).T
    lab = np.cbrt(np.clip(seen, 0, 1) @ np.array(_CONES).T) @ np.array(_LAB).T
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(lab), 1)]
    # Three times what is just told apart side by side.
    assert distances.min() > 0.055


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
