from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch.profiler import ProfilerActivity, profile, schedule

from profiling.measure.profiler import warm_up
from profiling.traces.phases import named_ranges, steps, training_phases
from profiling.traces.table import load_trace
from tests.conftest import FinishedRun
from tests.profiling.planted import event, memory_event, write_trace

NODE = "autograd::engine::evaluate_function: MulBackward0"


def read(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return load_trace(write_trace(folder / "trace.json", events))


def mark(name: str, start_us: float, dur: float, **values: Any) -> dict[str, Any]:
    return event(name, start_us, dur=dur, cat="user_annotation", **values)


def seen(table: pd.DataFrame) -> list[tuple[str, int, int]]:
    return [
        (phase, round(start * 1e6), round(end * 1e6))
        for phase, start, end in zip(
            table.iloc[:, 0], table["start_s"], table["end_s"], strict=True
        )
    ]


def test_named_ranges_are_the_programs_own(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        mark("load data", 0, 5),
        event("aten::mul", 1),
        mark("load data", 10, 5, tid=2),
        mark("load data", 20, 5) | {"cat": "gpu_user_annotation"},
    )
    found = named_ranges(trace)
    assert seen(found) == [("load data", 0, 5), ("load data", 10, 15)]
    assert found["thread"].to_list() == ["1", "2"]
    assert found["event"].to_list() == [0, 2]


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("forward", "forward"),
        ("## Forward ##", "forward"),
        ("backward_pass", "backward"),
        ("backward pass 2", "backward"),
        ("Optimizer.step#SGD.step", "optimizer"),
        ("Optimizer.zero_grad#SGD.zero_grad", None),
        ("forwarding", None),
        ("the forward", None),
        ("ProfilerStep#3", None),
    ],
)
def test_the_beginning_of_a_name_tells_the_phase(
    name: str, phase: str | None, tmp_path: Path
) -> None:
    found = training_phases(read(tmp_path, mark(name, 0, 5)))
    assert found["phase"].to_list() == ([] if phase is None else [phase])
    assert found["is_marked"].all()


def test_without_marks_backward_is_runs_of_nodes_and_forward_what_is_before(
    tmp_path: Path,
) -> None:
    trace = read(
        tmp_path,
        event("aten::mul", 0, dur=4),
        event("aten::sum", 5, dur=2),
        event("aten::ones_like", 8, dur=1),
        event(NODE, 10, dur=3),
        event("aten::mul", 11, dur=1),
        event(NODE, 14, dur=2, tid=2),
        mark("Optimizer.step#SGD.step", 20, 10),
        event("aten::add_", 22, dur=3),
        event("aten::mul", 40, dur=5),
        event(NODE, 50, dur=5),
        event("aten::mul", 60, dur=5),
    )
    found = training_phases(trace)
    assert seen(found) == [
        ("forward", 0, 7),
        ("backward", 8, 16),
        ("optimizer", 20, 30),
        ("forward", 40, 45),
        ("backward", 50, 55),
    ]
    assert found["is_marked"].to_list() == [False, False, True, False, False]


def test_nested_marks_count_once_for_the_innermost(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        mark("optimizer", 0, 56),
        mark("Optimizer.step#SGD.step", 1, 55),
        mark("forward", 100, 100),
        mark("backward", 140, 20),
        mark("forward", 150, 5),
        mark("backward", 140, 30, tid=2),
    )
    found = training_phases(trace)
    assert seen(found) == [
        ("optimizer", 0, 56),
        ("forward", 100, 140),
        ("backward", 140, 150),
        ("backward", 140, 170),
        ("forward", 150, 155),
        ("backward", 155, 160),
        ("forward", 160, 200),
    ]
    assert found["is_marked"].all()


def test_nested_steps_count_once(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        mark("ProfilerStep#1", 0, 100),
        mark("ProfilerStep#1", 10, 80),
        mark("ProfilerStep#2", 40, 20),
        mark("ProfilerStep#1", 200, 10),
        event("aten::mul", 30, dur=40),
        memory_event(8, 45),
    )
    found = steps(trace)
    assert found["step"].to_list() == [1, 2, 1]
    assert found["start_s"].to_list() == pytest.approx([0, 40e-6, 200e-6])
    assert found["wall_s"].to_list() == pytest.approx([80e-6, 20e-6, 10e-6])
    assert found["cpu_busy_s"].to_list() == pytest.approx([20e-6, 20e-6, 0])
    assert found["operators"].to_list() == [1, 0, 0]
    assert found["allocated_bytes"].to_list() == [0, 8, 0]


def test_marks_stand_instead_of_what_would_be_derived(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        mark("forward", 0, 9),
        event("aten::mul", 2),
        mark("backward", 10, 9),
        event(NODE, 12, dur=3),
    )
    assert seen(training_phases(trace)) == [("forward", 0, 9), ("backward", 10, 19)]


def test_without_any_backward_there_is_no_forward_to_tell(tmp_path: Path) -> None:
    assert training_phases(read(tmp_path, event("aten::mul", 0), event("aten::sum", 5))).empty
    assert training_phases(read(tmp_path)).empty


def test_steps_have_their_busy_times_and_bytes(tmp_path: Path) -> None:
    gpu = {"cat": "kernel", "pid": 0, "tid": 7}
    trace = read(
        tmp_path,
        mark("ProfilerStep#9", 0, 50),
        mark("ProfilerStep#10", 50, 50),
        mark("ProfilerStep#x", 50, 50),
        mark("ProfilerStep#10", 50, 50) | {"cat": "gpu_user_annotation"},
        event("outer", 0, dur=20),
        event("inner", 5, dur=5),
        event("elsewhere", 10, dur=20, tid=2),
        event("across", 45, dur=10),
        event("k", 30, dur=40, **gpu),
        event("k", 60, dur=20, **gpu | {"tid": 8}),
        memory_event(8, 1),
        memory_event(-8, 2),
        memory_event(4, 50),
    )
    found = steps(trace)
    assert found["step"].to_list() == [9, 10]
    assert found["wall_s"].to_list() == pytest.approx([50e-6, 50e-6])
    assert found["cpu_busy_s"].to_list() == pytest.approx([35e-6, 5e-6])
    assert found["gpu_busy_s"].to_list() == pytest.approx([20e-6, 30e-6])
    assert found["operators"].to_list() == [4, 0]
    assert found["kernels"].to_list() == [1, 1]
    assert found["allocated_bytes"].to_list() == [8, 4]


def test_what_a_trace_does_not_say_of_steps_is_empty(tmp_path: Path) -> None:
    (found,) = steps(read(tmp_path, mark("ProfilerStep#0", 0, 50))).to_dict("records")
    assert pd.isna(found["gpu_busy_s"])
    assert pd.isna(found["allocated_bytes"])
    assert (found["cpu_busy_s"], found["operators"], found["kernels"]) == (0, 0, 0)
    assert steps(read(tmp_path)).empty


def test_a_recorded_step_has_its_marked_phases(finished_run: FinishedRun) -> None:
    found = training_phases(load_trace(min(finished_run.folder.rglob("*-attached-*.json.gz"))))
    assert found["phase"].to_list() == ["forward", "backward"]
    assert found["is_marked"].all()
    assert found["end_s"][0] <= found["start_s"][1]


def test_a_recorded_loop_has_its_steps_and_phases(tmp_path: Path) -> None:
    warm_up()
    weight = torch.randn(8, 8, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    path = tmp_path / "trace.json"
    plan = schedule(wait=0, warmup=1, active=2, repeat=1)
    with profile(activities=[ProfilerActivity.CPU], schedule=plan, profile_memory=True) as run:
        for _ in range(3):
            (weight @ weight).relu().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            run.step()
    run.export_chrome_trace(str(path))
    trace = load_trace(path)
    assert training_phases(trace)["phase"].to_list() == ["forward", "backward", "optimizer"] * 2
    found = steps(trace)
    assert found["step"].to_list() == [1, 2]
    assert (found["cpu_busy_s"] > 0).all()
    assert (found["cpu_busy_s"] < found["wall_s"]).all()
    assert found["operators"].nunique() == 1
    assert (found["allocated_bytes"] >= 4 * 8 * 8).all()
