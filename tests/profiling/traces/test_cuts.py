"""What a gradient cut changed: on real steps on the CPU, and on planted ones on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from profiling.model.words import Text
from profiling.output.saved_runs import find_trace
from profiling.traces.cuts import cut_facts, cut_sentences
from profiling.traces.table import read_trace
from tests.profiling.traces.gpu_events import BACKWARD, NODE, launched, operator, read

Step = Callable[[torch.nn.Module, torch.nn.Module, torch.Tensor], torch.Tensor]


def recorded(step: Step, path: Path) -> pd.DataFrame:
    torch.manual_seed(0)
    trunk, side, x = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8), torch.ones(64, 8)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as session:
        step(trunk, side, x).mean().backward()
    session.export_chrome_trace(str(path))
    return read_trace(path).events


def attached(trunk: Any, side: Any, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = side(torch.tanh(trunk(x)))
    return out


def detach(trunk: Any, side: Any, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = side(torch.tanh(trunk(x)).detach())
    return out


def clone_detach(trunk: Any, side: Any, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = side(torch.tanh(trunk(x)).clone().detach())
    return out


def deep(trunk: Any, side: Any, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = side(torch.tanh(trunk(torch.tanh(trunk(x)))))
    return out


def deep_no_grad(trunk: Any, side: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        features = torch.tanh(trunk(torch.tanh(trunk(x))))
    out: torch.Tensor = side(features)
    return out


def test_detach_ends_the_backward_of_the_trunk(tmp_path: Path) -> None:
    facts = cut_facts(recorded(attached, tmp_path / "a"), recorded(detach, tmp_path / "b"))
    changed = {each.name: (each.count_a, each.count_b) for each in facts.nodes}
    assert changed == {
        "MeanBackward0": (1, 1),
        "AddmmBackward0": (2, 1),
        "TBackward0": (2, 1),
        "TanhBackward0": (1, 0),
        "torch::autograd::AccumulateGrad": (4, 2),
    }
    backward = {each.name: each.count_b - each.count_a for each in facts.backward}
    # The gradient of the trunk's output and of its weight; its input needs none.
    assert backward["aten::mm"] == -2
    assert backward["aten::tanh_backward"] == -1
    forward = {each.name: each.count_b - each.count_a for each in facts.forward}
    assert {name: count for name, count in forward.items() if count} == {"aten::detach": 1}
    assert (facts.clones.count_a, facts.clones.count_b, facts.clone_bytes) == (0, 0, (0, 0))


def test_clone_adds_a_copy_of_its_size(tmp_path: Path) -> None:
    facts = cut_facts(recorded(detach, tmp_path / "a"), recorded(clone_detach, tmp_path / "b"))
    assert {each.count_b - each.count_a for each in facts.nodes} == {0}
    assert (facts.clones.count_a, facts.clones.count_b) == (0, 1)
    assert facts.clone_bytes == (0, 64 * 8 * 4)


def test_no_grad_keeps_nothing_of_the_trunk_for_backward(tmp_path: Path) -> None:
    facts = cut_facts(recorded(deep, tmp_path / "a"), recorded(deep_no_grad, tmp_path / "b"))
    (kept,) = facts.kept
    # The first tanh is saved for its own backward and for the second product.
    assert (kept.device, kept.bytes_a - kept.bytes_b) == ("cpu", 64 * 8 * 4)
    assert all(each.count_b <= each.count_a for each in facts.backward)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            "side_branch.attached",
            "side_branch.detach",
            [
                "Backward nodes: the same 56 in A and B.",
                "Operators in backward: 122 in A, 119 in B; `aten::mm` 21 → 20, `aten::add_` 1 → "
                "0, `aten::t` 43 → 42; their time −891 µs.",
                "Operators outside backward: 24 in A, 25 in B; `aten::detach` 0 → 1; their time "
                "+2.95 µs.",
                "In use on cpu when backward begins: 1.13 MiB in A and B.",
                "Calls of `aten::clone`: 0 in A and B; no copy added.",
            ],
        ),
        (
            "side_branch.detach",
            "side_branch.clone_detach",
            [
                "Backward nodes: the same 56 in A and B.",
                "Operators in backward: the same 119 in A and B.",
                "Operators outside backward: 25 in A, 26 in B; `aten::clone` 0 → 1; their time "
                "+11.3 µs.",
                "In use on cpu when backward begins: 1.13 MiB in A, 1.25 MiB in B (+128 KiB).",
                "Calls of `aten::clone`: 0 in A (0 B), 1 in B (128 KiB).",
            ],
        ),
        (
            "side_branch.no_grad",
            "side_branch.no_grad",
            [
                "Backward nodes: the same 56 in A and B.",
                "Operators in backward: the same 119 in A and B.",
                "Operators outside backward: the same 40 in A and B.",
                "In use on cpu when backward begins: 1.25 MiB in A and B.",
                "Calls of `aten::clone`: 0 in A and B; no copy added.",
            ],
        ),
    ],
)
def test_recorded_branches(a: str, b: str, said: list[str], english: Text) -> None:
    traces = (read_trace(find_trace(f"recorded:cpu-1-thread.{name}")).events for name in (a, b))
    assert cut_sentences(cut_facts(*traces), english) == said


def step(*, is_cut: bool) -> list[dict[str, Any]]:
    """Return the events of a step on a GPU: a product, and its backward unless it is cut."""
    nodes = [(100, "SumBackward0", "aten::expand", 5)]
    if not is_cut:
        nodes.append((200, "MmBackward0", "aten::mm", 30))
    events = [operator("aten::mm", 0, 30), *launched("gemm", 20, 30, 1)]
    for number, (start, node, name, length) in enumerate(nodes, 2):
        events += [
            operator(f"{NODE}{node}", start, 40, tid=BACKWARD),
            operator(node, start + 1, 38, tid=BACKWARD),
            operator(name, start + 2, 36, tid=BACKWARD),
            *launched("gemm", start + 15, length, number, tid=BACKWARD),
        ]
    return events


def test_a_cut_on_a_gpu_is_said_with_gpu_time(tmp_path: Path, english: Text) -> None:
    a, b = (read(tmp_path, *step(is_cut=is_cut)).events for is_cut in (False, True))
    assert cut_sentences(cut_facts(a, b), english) == [
        "Backward nodes: 2 in A, 1 in B; `MmBackward0` 1 → 0.",
        "Operators in backward: 2 in A, 1 in B; `aten::mm` 1 → 0; their GPU time −30.0 µs.",
        "Operators outside backward: the same 1 in A and B.",
        "Kernels and copies: 3 in A (65.0 µs), 2 in B (35.0 µs); by operator "
        "`aten::mm` 2 → 1 (−30.0 µs).",
        "Calls of `aten::clone`: 0 in A and B; no copy added.",
    ]


def test_without_backward_nothing_is_cut(tmp_path: Path, english: Text) -> None:
    trace = read(tmp_path, operator("aten::mul", 0, 5)).events
    said = cut_sentences(cut_facts(trace, trace), english)
    assert said == ["No backward in A or B: no gradient was computed."]
