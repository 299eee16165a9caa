"""Forward operators beside the backward nodes they caused, in planted and in real traces."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from profiling.traces.pairs import forward_backward
from profiling.traces.table import read_trace
from tests.profiling.traces.gpu_events import BACKWARD, NODE, launched, operator, read


def test_the_last_operator_with_the_number_made_the_node(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        operator("aten::empty", 0, 2, sequence=5),  # only read the number
        operator("aten::mul", 10, 20, sequence=5),
        operator("aten::inner", 15, 10),
        *launched("mul", 30, 7, 1),  # launched at 20, in the inner one
        operator(f"{NODE}MulBackward0", 100, 40, sequence=5, tid=BACKWARD),
        operator("MulBackward0", 101, 38, sequence=5, tid=BACKWARD),
        *launched("mul", 120, 9, 2, tid=BACKWARD),
        operator("aten::later", 200, 5, sequence=5),
        operator(f"{NODE}SumBackward0", 150, 5, sequence=4, tid=BACKWARD),  # made before the trace
        operator("aten::other", 50, 5, sequence=5) | {"pid": 2},
    ).events
    found = forward_backward(trace)
    assert found.to_dict("records") == [
        {
            "forward": "aten::mul",
            "backward": "MulBackward0",
            "count": 1,
            "forward_s": 20e-6,
            "backward_s": 40e-6,
            "forward_device_s": 7e-6,
            "backward_device_s": 9e-6,
        }
    ]
    assert forward_backward(trace[:0]).empty


def test_a_real_step(tmp_path: Path) -> None:
    layer, x = torch.nn.Linear(4, 4), torch.ones(2, 4)
    with profile(activities=[ProfilerActivity.CPU]) as session:
        for _ in range(2):
            layer(x).relu().mean().backward()
    session.export_chrome_trace(str(tmp_path / "trace.json"))
    found = forward_backward(read_trace(tmp_path / "trace.json").events)
    pairs = zip(found["forward"], found["backward"], strict=True)
    assert dict(zip(pairs, found["count"], strict=True)) == {
        ("aten::t", "TBackward0"): 2,
        ("aten::addmm", "AddmmBackward0"): 2,
        ("aten::relu", "ReluBackward0"): 2,
        ("aten::mean", "MeanBackward0"): 2,
    }
    assert found["forward_device_s"].isna().all()
