"""What two traces say beside each other names the right side of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from profiling.model.words import Text
from profiling.traces.diff import diff_sentences, trace_diff
from profiling.traces.table import read_trace
from tests.profiling.planted import event, memory_event, write_trace


def read(path: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return read_trace(write_trace(path, events)).events


def test_every_sentence_tells_a_from_b(tmp_path: Path, english: Text) -> None:
    kernel: dict[str, Any] = {"cat": "kernel", "pid": 0, "tid": 7}
    a = read(
        tmp_path / "a.json",
        event("aten::mm", 0, dur=10),
        event("aten::gone", 20, dur=5),
        memory_event(1024, 1),
        event("gemm", 5, dur=4, **kernel),
    )
    b = read(
        tmp_path / "b.json",
        *(event("aten::mm", start, dur=10) for start in (0, 20, 40)),
        event("aten::new", 60, dur=9),
        memory_event(3072, 1),
        *(event("gemm", start, dur=4, **kernel) for start in (5, 25)),
    )
    assert diff_sentences(trace_diff(a, b), english) == [
        "Only in A: `aten::gone` ×1.",
        "Only in B: `aten::new` ×1.",
        "Different number of calls in B: `aten::mm` 1 → 3, `gemm` 1 → 2.",
        "CPU time in operators: 15.0 µs in A, 39.0 µs in B.",
        "GPU work: 4.00 µs in A, 8.00 µs in B.",
        "Allocated by operators: 1.00 KiB in A, 3.00 KiB in B.",
    ]


def test_kernels_with_one_beginning_are_told_apart(tmp_path: Path, english: Text) -> None:
    lane: dict[str, Any] = {"cat": "kernel", "pid": 0, "tid": 7}
    name = "void at::native::vectorized_elementwise_kernel<4, at::native::{}Functor<float>>(int)"
    a = read(tmp_path / "a.json", event(name.format("Mul"), 0, **lane))
    b = read(tmp_path / "b.json", event(name.format("Add"), 0, **lane))
    assert diff_sentences(trace_diff(a, b), english)[:2] == [
        "Only in A: `vectorized_elementwise_kernel<MulFunctor<float>>` ×1.",
        "Only in B: `vectorized_elementwise_kernel<AddFunctor<float>>` ×1.",
    ]
