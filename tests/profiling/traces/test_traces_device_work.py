"""The planted events have the categories, names and arguments that Kineto writes for CUDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.measure.device import get
from profiling.measure.profiler import record_step
from profiling.measure.step import State
from profiling.traces.operators import clone_bandwidth, device_work
from profiling.traces.table import load_trace
from tests.profiling.planted import cell, event, write_trace

DEVICE_TO_DEVICE = "Memcpy DtoD (Device -> Device)"
HOST_TO_DEVICE = "Memcpy HtoD (Pageable -> Device)"


def planted(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return load_trace(write_trace(folder / "trace.json", events))


def operator(name: str, start_us: float, dur: float, external_id: int) -> dict[str, Any]:
    return event(name, start_us, dur=dur, args={"External id": external_id})


def call(name: str, start_us: float, correlation: int = 0, **values: Any) -> dict[str, Any]:
    args = {"cbid": 211, "correlation": correlation} | values
    category = "cuda_driver" if name.startswith("cuL") else "cuda_runtime"
    return event(name, start_us, dur=2, cat=category, args=args)


def work(category: str, name: str, start_us: float, dur: float, **values: Any) -> dict[str, Any]:
    lane = {"pid": 0, "tid": 7, "cat": category, "dur": dur}
    args = {"device": 0, "context": 1, "stream": 7, "correlation": 0} | values
    return event(name, start_us, **lane, args=args)


def phase(name: str, start_us: float, dur: float) -> dict[str, Any]:
    return event(name, start_us, dur=dur, cat="user_annotation")


def test_kernels_launches_and_copies_are_counted(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        phase("forward", 0, 50),
        operator("aten::mul", 1, 5, 1),
        call("cudaLaunchKernel", 2, 11),
        call("cudaLaunchKernelExC", 4, 12),
        call("cuLaunchKernel", 6, 13),
        call("cuLaunchKernelEx", 8, 14),
        call("cudaLaunchCooperativeKernel", 10, 15),
        call("cudaGraphLaunch", 12, 16),
        call("cudaMemcpyAsync", 14, 17),
        call("cudaMemsetAsync", 16, 18),
        work("kernel", "vectorized_elementwise_kernel", 100, 5),
        work("kernel", "copyLaunchKernel", 110, 5),
        work("gpu_memcpy", DEVICE_TO_DEVICE, 120, 5, bytes=64),
        work("gpu_memcpy", HOST_TO_DEVICE, 130, 5, bytes=64),
        work("gpu_memcpy", "Memcpy PtoP (Device -> Device)", 140, 5, bytes=64),
        work("gpu_memset", "Memset (Device)", 150, 5, bytes=64),
        work("gpu_user_annotation", "forward", 100, 60),
    )
    assert device_work(trace) == {
        "kernels": 2,
        "launches": 5,
        "copies": 3,
        "device_copies": 1,
        "syncs": 0,
    }


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("cuda_runtime", "hipLaunchKernel"),  # so Kineto writes calls of ROCm
        ("cuda_runtime", "hipExtModuleLaunchKernel"),
        ("xpu_runtime", "urEnqueueKernelLaunch"),
        ("xpu_driver", "zeCommandListAppendLaunchKernel"),
        ("privateuse1_runtime", "myLaunchKernel"),
    ],
)
def test_every_devices_runtime_launches(category: str, name: str, tmp_path: Path) -> None:
    launch = event(name, 2, dur=2, cat=category, args={"correlation": 11})
    trace = planted(tmp_path, launch, work("kernel", "k", 9, 5, correlation=11))
    counts = device_work(trace)
    assert (counts["launches"], counts["kernels"]) == (1, 1)


def test_only_waits_within_forward_and_backward_are_the_steps_own(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        call("cudaDeviceSynchronize", 0),
        phase("forward", 10, 20),
        call("cudaStreamSynchronize", 12),
        call("cudaEventSynchronize", 20),
        call("cudaStreamWaitEvent", 22),
        operator("aten::item_Synchronize", 24, 2, 1),
        call("cudaStreamSynchronize", 35),  # between the two
        phase("backward", 40, 20),
        call("cudaStreamSynchronize", 45) | {"tid": 2},
        phase("other", 70, 20),
        call("cudaStreamSynchronize", 75),
        call("cudaDeviceSynchronize", 95),
    )
    assert device_work(trace)["syncs"] == 3


def test_without_the_ranges_waits_are_unknown(tmp_path: Path) -> None:
    trace = planted(tmp_path, call("cudaStreamSynchronize", 0), call("cudaLaunchKernel", 5))
    counts = device_work(trace)
    assert counts["syncs"] is None
    assert (counts["launches"], counts["kernels"], counts["copies"]) == (1, 0, 0)


def test_a_trace_of_a_cpu_has_no_counts_rather_than_zeros(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    step = State(cell("elementwise")).step("clone_detach")
    record_step(step, get("cpu"), path, shapes=False)
    for trace in (load_trace(path), planted(tmp_path)):
        counts = device_work(trace)
        assert list(counts) == ["kernels", "launches", "copies", "device_copies", "syncs"]
        assert set(counts.values()) == {None}
        assert clone_bandwidth(trace) is None


def clones(*, external_ids: bool) -> list[dict[str, Any]]:
    """Two clones that are copies, one that is a kernel, and copies that are no clones."""

    def launched(correlation: int, external_id: int) -> dict[str, Any]:
        return {"correlation": correlation} | ({"External id": external_id} if external_ids else {})

    # 2 × (3 + 1) MB in 8 + 2 µs.
    return [
        operator("aten::clone", 0, 20, 1),
        operator("aten::empty_strided", 1, 2, 2),
        operator("aten::copy_", 5, 10, 3),
        call("cudaMemcpyAsync", 6, 101, **{"External id": 3}),
        operator("aten::contiguous", 30, 20, 4),
        operator("aten::clone", 31, 18, 5),
        operator("aten::copy_", 35, 10, 6),
        call("cudaMemcpyAsync", 36, 102, **{"External id": 6}),
        operator("aten::clone", 60, 20, 7),
        operator("aten::copy_", 65, 10, 8),
        call("cudaLaunchKernel", 66, 103, **{"External id": 8}),
        operator("aten::copy_", 90, 10, 9),
        call("cudaMemcpyAsync", 91, 104, **{"External id": 9}),
        # At the time of the first clone, in another thread.
        operator("aten::copy_", 5, 10, 10) | {"tid": 2},
        call("cudaMemcpyAsync", 6, 105, **{"External id": 10}) | {"tid": 2},
        work("gpu_memcpy", DEVICE_TO_DEVICE, 200, 8, bytes=3_000_000, **launched(101, 3)),
        work("gpu_memcpy", DEVICE_TO_DEVICE, 210, 2, bytes=1_000_000, **launched(102, 6)),
        work("kernel", "elementwise_kernel", 220, 50, **launched(103, 8)),
        work("gpu_memcpy", DEVICE_TO_DEVICE, 280, 1, bytes=10_000_000, **launched(104, 9)),
        work("gpu_memcpy", DEVICE_TO_DEVICE, 290, 1, bytes=10_000_000, **launched(105, 10)),
    ]


@pytest.mark.parametrize("external_ids", [True, False])
def test_bandwidth_is_of_what_clones_copied(external_ids: bool, tmp_path: Path) -> None:
    trace = planted(tmp_path, *clones(external_ids=external_ids))
    assert clone_bandwidth(trace) == pytest.approx(800e9, rel=1e-9)


def test_a_clone_from_the_host_says_nothing_of_the_device(tmp_path: Path) -> None:
    events = [
        operator("aten::clone", 0, 20, 1),
        work("gpu_memcpy", HOST_TO_DEVICE, 30, 8, bytes=64, **{"External id": 1}),
    ]
    assert clone_bandwidth(planted(tmp_path, *events)) is None


def test_clones_by_kernels_have_no_bandwidth(tmp_path: Path) -> None:
    kernels = [each for each in clones(external_ids=True) if each["cat"] != "gpu_memcpy"]
    trace = planted(tmp_path, *kernels)
    assert device_work(trace)["kernels"] == 1
    assert clone_bandwidth(trace) is None


@pytest.mark.parametrize("values", [{}, {"bytes": 64, "dur": 0}])
def test_a_copy_without_bytes_or_time_has_no_bandwidth(
    values: dict[str, Any], tmp_path: Path
) -> None:
    duration = values.pop("dur", 8)
    copy = work("gpu_memcpy", DEVICE_TO_DEVICE, 30, duration, **{"External id": 1}, **values)
    assert clone_bandwidth(planted(tmp_path, operator("aten::clone", 0, 20, 1), copy)) is None


@pytest.mark.cuda
def test_a_clone_on_a_gpu_is_one_copy_with_a_bandwidth(tmp_path: Path) -> None:
    step = State(cell("elementwise", size=100_000, device="cuda")).step("clone_detach")
    step.backward(step.forward())
    record_step(step, get("cuda"), tmp_path / "trace.json", shapes=False)
    trace = load_trace(tmp_path / "trace.json")
    counts = device_work(trace)
    assert counts["device_copies"] == 1
    assert counts["kernels"] == counts["launches"] != 0
    bandwidth = clone_bandwidth(trace)
    assert bandwidth is not None
    assert bandwidth > 0
