"""What is said of a trace's GPUs, word for word, in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from profiling.model.words import LANGUAGES, Text, translator
from profiling.traces.summary import DeviceMemory, Wait, summary_sentences, trace_summary
from profiling.traces.table import Trace, read_trace
from tests.profiling.planted import event
from tests.profiling.traces.gpu_events import annotation, call, launched, operator, read, work

GIB = 2**30


def memory(start_us: float, allocated: int, reserved: int) -> dict[str, Any]:
    args = {"Bytes": 512, "Addr": 1, "Device Type": 1, "Device Id": 0}
    args |= {"Total Allocated": allocated, "Total Reserved": reserved}
    lane = {"ph": "i", "cat": "cpu_instant_event", "tid": 1}
    return event("[memory]", start_us, **lane, args=args)


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    events = [
        annotation("ProfilerStep#3", 0, 200),
        annotation("forward", 0, 40),
        operator("aten::item", 40, 60),
        *launched("gemm", 10, 40, 1),
        memory(20, 141 * GIB, 142 * GIB),
        memory(30, 139 * GIB, 142 * GIB),
        call("cudaStreamSynchronize", 45, 7),
        call("cudaLaunchKernel", 70, 4, 2),
        work("ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclWork*)", 76, 20, 2, stream=8),
        *launched("gemm", 90, 16, 3),
        call("cudaMemcpyAsync", 100, 4, 4),
        work("Memcpy DtoH (Device -> Pinned)", 106, 4, 4),
    ]
    devices = [{"id": 0, "name": "NVIDIA H100"}, {"id": 1, "name": "NVIDIA H100"}]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"deviceProperties": devices, "traceEvents": events}), "utf-8")
    return read_trace(path)


def test_every_sentence(trace: Trace, english: Text) -> None:
    summary = trace_summary(trace)
    assert summary_sentences(summary, english) == [
        "GPU 0 (NVIDIA H100) was busy 74.0% of 100 µs: kernels 70.0 µs (70.0%), copies without "
        "kernels 4.00 µs (4.0%).",
        "GPU 0 (NVIDIA H100) was idle 26.0 µs (26.0%): host-bound (nothing launched) 13.0 µs "
        "(13.0%); after synchronizing (nothing launched, as the host had waited) 7.00 µs (7.0%); "
        "launch call running 4.00 µs (4.0%); kernel wait (launched, not started) 2.00 µs (2.0%).",
        "GPU 0 (NVIDIA H100) communicated for 20.0 µs (20.0%); computing overlapped 6.00 µs "
        "(30.0%) of that.",
        "Idle after the host waited for the GPU: `cudaStreamSynchronize` of `aten::item` 7.00 µs "
        "(1×).",
        "cuda:0 memory peak, as the allocator counted it: 141 GiB allocated, 142 GiB reserved.",
        "Most GPU time by kernel: `gemm` 70.0% (56.0 µs, 2×); "
        "`ncclDevKernel_AllReduce_Sum_f32_RING_LL` 25.0% (20.0 µs, 1×); "
        "`Memcpy DtoH (Device -> Pinned)` 5.0% (4.00 µs, 1×).",
        "Most GPU time by range: `forward` 50.0% (40.0 µs, 1×).",
    ]
    assert summary.memory == (DeviceMemory("cuda:0", 141 * GIB, 142 * GIB),)
    assert summary.waits == (Wait("cudaStreamSynchronize", "aten::item", 1, 7_000),)
    assert summary.names == {0: "NVIDIA H100"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_much_is_said_in_every_language(trace: Trace, language: str) -> None:
    said = summary_sentences(trace_summary(trace), translator(language))
    assert len(said) == 7
    assert all("141 GiB" not in each or "142 GiB" in each for each in said)


def test_a_trace_of_the_cpu_says_nothing_of_gpus(tmp_path: Path, english: Text) -> None:
    trace = read(tmp_path, operator("aten::mul", 0, 5))
    assert summary_sentences(trace_summary(trace), english) == []


def test_names_from_a_file_cannot_break_a_sentence(tmp_path: Path, english: Text) -> None:
    name = "`odd`\nname " + "x" * 500
    trace = read(tmp_path, annotation(name, 0, 50), *launched(name, 10, 5, 1))
    kernels, ranges = summary_sentences(trace_summary(trace), english)[-2:]
    assert kernels.count("`") == ranges.count("`") == 2
    assert "\n" not in kernels + ranges
    assert len(ranges) < 250


def test_many_devices_are_counted(tmp_path: Path, english: Text) -> None:
    trace = read(tmp_path, *(work("k", 0, 5, at, device=at) for at in range(18)))
    said = summary_sentences(trace_summary(trace), english)
    assert said[15].startswith("GPU 15 was busy 100% of 5.00 µs")
    assert said[16] == "2 more GPUs: see the table."
