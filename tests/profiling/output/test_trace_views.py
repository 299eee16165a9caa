"""What the page gets of an opened trace: the answers of its process, checked in this one."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from profiling.engine.holding import decoded
from profiling.model.errors import InputError
from profiling.model.words import Text
from profiling.output import trace_views
from profiling.output.trace_views import Gpu, Link
from profiling.traces.diff import compare_sides, diff_side, trace_diff
from profiling.traces.opened import OpenTrace
from profiling.traces.table import read_trace
from tests.profiling.planted import event, memory_event, write_trace
from tests.profiling.traces.gpu_events import annotation, call, launched, operator

Opener = Callable[..., OpenTrace]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    """Return a function that opens a trace with some events."""

    def opened(*events: dict[str, Any]) -> OpenTrace:
        return OpenTrace(read_trace(write_trace(tmp_path / "trace.json", list(events))))

    return opened


def test_parts_are_shares_of_the_peak_of_their_device(opened: Opener, english: Text) -> None:
    trace = opened(
        event("aten::mm", 1, dur=10),
        memory_event(3072, 2),
        memory_event(1024, 20),
        memory_event(-3072, 30),
        memory_event(512, 40, 1, 0),
    )
    devices = trace_views.memory(trace, english).devices
    parts = [(part.op, part.size, part.share) for device in devices for part in device.parts]
    assert parts == [
        ("aten::mm", "3.00 KiB", "75.0%"),
        (english("op.python"), "1.00 KiB", "25.0%"),
        (english("op.python"), "512 B", "100.0%"),
    ]


def test_a_trace_without_anything_that_lasts_can_be_shown(opened: Opener, english: Text) -> None:
    trace = opened(memory_event(3072, 2))
    assert trace_views.opening(trace, english, "made").heights == [0] * 300
    assert trace_views.drawing(trace, english, (0.0, 1e-7)).about[0].startswith("0 events")
    listed = trace_views.operators(trace, english, "nonsense", "nonsense", "").sheet
    assert listed is not None
    assert listed.rows == []
    assert not trace_views.opening(trace, english, "made").is_of_gpu
    assert trace_views.gpu(trace, english, "") == Gpu([], "")
    assert trace_views.gpu_summary(trace, english) == []


def test_the_other_trace_is_compared_by_its_groups_alone(opened: Opener, english: Text) -> None:
    trace = opened(event("aten::mm", 1, dur=10))
    other = opened(event("aten::mm", 1, dur=20), event("aten::add", 30, dur=5))
    side = trace_views.side(other, english)
    found = trace_views.diff(trace, english, "other", side.sums)
    assert found.sentences[0] == "Only in B: `aten::add` ×1."
    assert found.cut == ["No backward in A or B: no gradient was computed."]
    assert trace.other is not None
    assert trace.other.name == "other"
    pd.testing.assert_frame_equal(trace.other.diff, trace_diff(trace.events, other.events))
    nothing = compare_sides(diff_side(trace.events), pd.DataFrame())
    assert nothing["only_in"].tolist() == ["a"]


def test_a_row_leads_to_its_event(opened: Opener, english: Text) -> None:
    trace = opened(event("aten::mm", 10, dur=5), event("aten::mm", 20, dur=9))
    listed = trace_views.operators(trace, english, "name", "self_s", "").sheet
    assert listed is not None
    (row,) = listed.rows
    assert row.event is not None
    assert trace_views.span(trace, english, row.event) == pytest.approx((1e-5, 1.9e-5))
    for wrong in (-1, 2):
        with pytest.raises(InputError, match=r"error\.trace_window"):
            trace_views.span(trace, english, wrong)


def test_each_question_on_gpus_is_answered_by_a_table(opened: Opener, english: Text) -> None:
    name = "void at::native::reduce_kernel<512, 1>(at::native::ReduceOp<float>)"
    trace = opened(
        annotation("forward", 0, 60),
        operator("aten::sum", 0, 60),
        *launched(name, 20, 10, 1, grid=[1, 2, 3]),
        *launched(name, 70, 30, 2, grid=[4, 2, 3]),
        operator("aten::item", 90, 40),
        call("cudaStreamSynchronize", 95, 8),
        *launched("gemm", 120, 5, 3),
    )
    tables = {each.name: each for each in trace_views.gpu(trace, english, "").tables}
    # Nothing communicates, and nothing runs backward.
    assert list(tables) == ["gpus", "gaps", "kernels", "ranges", "streams"]
    shown = {
        name: [[cell.shown for cell in row.cells] for row in table.sheet.rows]
        for name, table in tables.items()
    }
    headings = [each.heading for each in tables["gaps"].sheet.columns]
    assert headings[:4] == ["next work", "GPU", "start (µs)", "length (µs)"]
    assert [row[:4] for row in shown["gaps"]] == [
        ["reduce_kernel", "0", "30", "40.0"],
        ["gemm", "0", "100", "20.0"],
    ]
    assert shown["gpus"][0][:3] == ["0", "105", "45.0"]
    kernels = tables["kernels"].sheet
    (first, count, total), (second, *_) = (row.cells[:3] for row in kernels.rows)
    assert (first, count, total.shown) == (("reduce_kernel", None, name), ("2", 2.0, ""), "40.0")
    assert second == ("gemm", None, "")
    grid = [each.heading for each in kernels.columns].index("grid")
    assert [row.cells[grid].shown for row in kernels.rows] == ["several", ""]
    names = trace.events["name"].to_list()
    assert [names[row.event or 0] for row in kernels.rows] == [name, "gemm"]
    few = {each.name: each for each in trace_views.gpu(trace, english, "gemm").tables}
    assert [len(few[name].sheet.rows) for name in ("gaps", "kernels", "ranges")] == [1, 1, 0]
    assert few["ranges"].about == ["No row has all these words."]


def test_an_event_tells_all_and_leads_to_what_belongs_to_it(opened: Opener, english: Text) -> None:
    name = "void at::native::reduce_kernel<512>(" + "x" * 200
    launched = {"correlation": 5, "External id": 3}
    trace = opened(
        event("aten::sum", 10, dur=30, args={"External id": 3, "Input Dims": [[2, 3]]}),
        event("cudaLaunchKernel", 20, dur=4, cat="cuda_runtime", args=launched),
        event(
            name,
            50,
            dur=25,
            cat="kernel",
            pid=0,
            tid=7,
            args={**launched, "device": 0, "stream": 7},
        ),
    )
    op, call, work = (trace_views.details(trace, english, number) for number in range(3))
    assert work.name == name
    assert work.facts == [
        ("category", "kernel · reduction, normalization"),
        ("start", "40.0000000 µs"),
        ("duration", "25.000 µs"),
        ("thread or stream", "GPU 0 · stream 7"),
        ("correlation", "5"),
    ]
    operator = Link("operator", "aten::sum", 0, "aten::sum")
    launched_by = Link("launched by", "cudaLaunchKernel", 1, "cudaLaunchKernel")
    assert work.links == [operator, launched_by]
    assert call.links == [operator, Link("launched", "reduce_kernel", 2, name)]
    assert op.links == [Link("launched", "reduce_kernel", 2, name)]
    assert ("input shapes", "[[2,3]]") in [
        (label, value.replace(" ", "")) for label, value in op.facts
    ]


def test_each_file_that_is_offered_is_written(
    opened: Opener, english: Text, tmp_path: Path
) -> None:
    trace = opened(event("aten::mm", 1, dur=10))
    folder = tmp_path / "made"
    folder.mkdir()
    arguments = ((0.0, 1.0), str(folder))
    with pytest.raises(InputError, match=r"error\.trace_no_diff"):
        trace_views.write_file(trace, english, "trace_diff.csv", *arguments)
    for wrong in ("../other.html", None):
        with pytest.raises(InputError, match=r"error\.trace_none"):
            trace_views.write_file(trace, english, wrong, *arguments)  # type: ignore[arg-type]
    trace_views.diff(trace, english, "b", trace_views.side(trace, english).sums)
    names = trace_views.offered()
    paths = [Path(trace_views.write_file(trace, english, name, *arguments)) for name in names]
    assert [path.name for path in paths] == names
    assert {path.name for path in folder.iterdir()} == set(names)
    with (folder / "ops.csv").open(newline="", encoding="utf-8") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["aten::mm"]


def test_every_answer_is_plain_and_stays_what_it_is(opened: Opener, english: Text) -> None:
    trace = opened(
        event("aten::mm", 1, dur=10),
        memory_event(3072, 2),
        memory_event(-3072, 9),
        *launched("gemm", 20, 5, 1),
    )
    asked: dict[Callable[..., Any], tuple[Any, ...]] = {
        trace_views.opening: ("made",),
        trace_views.drawing: ((0.0, 1.0),),
        trace_views.span: (0,),
        trace_views.details: (0,),
        trace_views.memory: (),
        trace_views.operators: ("name", "self_s", ""),
        trace_views.operator_areas: (),
        trace_views.gpu: ("",),
        trace_views.gpu_summary: (),
        trace_views.training_phases: (),
        trace_views.side: (),
        trace_views.diff: ("other", trace_views.side(trace, english).sums),
        trace_views.rows: ("made", "self_s", "name", 20, ""),
    }
    for question, arguments in asked.items():
        answer = question(trace, english, *arguments)
        assert decoded(question, msgspec.msgpack.encode(answer)) == answer
    json.loads(trace_views.drawing(trace, english, (0.0, 1.0)).figure)
