"""GPU time of named ranges: of what was launched in them, on whichever thread backward runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiling.traces.ranges import range_times
from tests.profiling.planted import event
from tests.profiling.traces.gpu_events import (
    BACKWARD,
    NODE,
    annotation,
    launched,
    operator,
    read,
    work,
)


def gpu_range(name: str, start_us: float, dur: float, stream: int = 7) -> dict[str, Any]:
    args = {"device": 0, "stream": stream}
    lane = {"cat": "gpu_user_annotation", "pid": 0, "tid": stream}
    return event(name, start_us, dur=dur, args=args, **lane)


def test_a_range_has_the_work_launched_in_it(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        annotation("step", 0, 100),
        annotation("inner", 10, 20),
        annotation("inner", 12, 5),  # nested in itself: counted once
        annotation("empty", 90, 5),
        annotation("elsewhere", 0, 100, tid=2),
        *launched("a", 25, 30, 1),  # launched at 15
        *launched("b", 200, 10, 2),  # launched at 190, after all ranges
        *launched("c", 70, 5, 3),
    ).events
    found = range_times(trace)
    assert found["name"].to_list() == ["step", "inner"]
    assert found["count"].to_list() == [1, 2]
    assert found["total_s"].to_list() == [35e-6, 30e-6]
    assert found["kernels"].to_list() == [2, 1]
    assert found["share"].to_list() == pytest.approx([35 / 45, 30 / 45])


def test_a_range_around_backward_has_what_the_thread_of_backward_launches(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        annotation("backward", 0, 50),
        annotation("nccl:all_reduce", 30, 5, tid=BACKWARD),
        operator(f"{NODE}MulBackward0", 5, 40, tid=BACKWARD),
        *launched("fill", 20, 1, 1),
        *launched("mul", 25, 10, 2, tid=BACKWARD),
        *launched("ncclDevKernel_AllReduce", 42, 20, 3, tid=BACKWARD),
        *launched("other", 80, 50, 4, tid=3),
    ).events
    found = range_times(trace).set_index("name")
    assert found["total_s"].to_dict() == {"backward": 31e-6, "nccl:all_reduce": 20e-6}


def test_names_that_only_the_gpu_has_are_counted_on_their_stream(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        gpu_range("graph", 0, 50),
        work("a", 0, 10, 1),
        work("b", 40, 30, 2),
        work("c", 50, 5, 3),  # starts as the range ends
        work("d", 10, 5, 4, stream=8),
    ).events
    found = range_times(trace).set_index("name")
    assert found["total_s"].to_dict() == {"graph": 40e-6}


def test_without_work_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert range_times(read(tmp_path, annotation("step", 0, 5)).events).empty
