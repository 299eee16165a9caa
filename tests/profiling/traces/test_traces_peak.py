from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from demos import catalogue
from profiling.measure.profiler import record_step
from profiling.measure.step import State, Step
from profiling.traces.load import load_trace
from profiling.traces.memory import memory_curve
from profiling.traces.peak import KINDS, peak_parts, scratch
from tests.profiling.planted import cell, event, memory_event, write_trace

pytestmark = pytest.mark.usefixtures("small_heap")

NODE = "autograd::engine::evaluate_function: "
# The encoder of 8 layers and the head keep activations of 64 × 2 float32 each.
SIZE, WIDTH = 64, 2
ACTIVATION = SIZE * WIDTH * 4
LOSS = 4


def memory(address: int, change: int, start_us: float, **values: Any) -> dict[str, Any]:
    made = memory_event(change, start_us, **values.pop("device", {}))
    return made | values | {"args": made["args"] | {"Addr": address}}


def planted(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return load_trace(write_trace(folder / "trace.json", events))


def rows(parts: pd.DataFrame) -> list[tuple[str, str, int]]:
    assert list(parts.columns) == ["kind", "op", "bytes"]
    assert parts["bytes"].dtype == "int64"
    return list(parts.itertuples(index=False, name=None))


def recorded(folder: Path, step: Step) -> pd.DataFrame:
    step.reset()
    step.backward(step.forward())
    record_step(step, "cpu", folder / "trace.json", shapes=False)
    return load_trace(folder / "trace.json")


def by_kind(parts: pd.DataFrame) -> dict[str, int]:
    return {str(kind): int(size) for kind, size in parts.groupby("kind")["bytes"].sum().items()}


# At the peak in backward, ReluBackward0 of the head has made its result and still has its input,
# and the gradients of the head's last layer (WIDTH weights and a bias) are there.
IN_BACKWARD = {
    "backward_temporary": 2 * ACTIVATION + LOSS,
    "gradient": (WIDTH + 1) * 4,
    "kept": LOSS,
}
# At the peak in forward, a linear layer's result is alive until its ReLU has returned.
EXPECTED = {
    "attached": {**IN_BACKWARD, "saved": 9 * ACTIVATION},
    # The name h holds the encoder's graph until forward returns, of which only h itself is used.
    "detach": {"saved": 2 * ACTIVATION, "temporary": (7 + 1) * ACTIVATION},
    # Here nothing does: the graph is gone before the head begins.
    "detach_inline": {"saved": ACTIVATION, "temporary": (7 + 1) * ACTIVATION},
    "detach_kept": {**IN_BACKWARD, "kept": 8 * ACTIVATION + LOSS, "saved": ACTIVATION},
    "clone_detach": {
        "copy": ACTIVATION,
        "saved": ACTIVATION,
        "temporary": (8 + 1) * ACTIVATION,
    },
    "detach_clone": {
        "copy": ACTIVATION,
        "saved": ACTIVATION,
        "temporary": (8 + 1) * ACTIVATION,
    },
    "detach_inplace": {"saved": ACTIVATION, "temporary": (7 + 1) * ACTIVATION},
    "no_grad": {**IN_BACKWARD, "saved": 2 * ACTIVATION},
    "inference_mode": {**IN_BACKWARD, "copy": ACTIVATION, "saved": ACTIVATION},
    "frozen": {**IN_BACKWARD, "saved": 2 * ACTIVATION},
}


@pytest.mark.parametrize("branch", catalogue.workload("frozen_backbone").branches)
def test_every_byte_of_a_frozen_backbones_peak(branch: str, tmp_path: Path) -> None:
    measured = cell("frozen_backbone", size=SIZE, parameters={"depth": 8, "width": WIDTH})
    trace = recorded(tmp_path, State(measured).step(branch))
    parts = peak_parts(trace, "cpu")
    assert by_kind(parts) == EXPECTED[branch]
    assert parts["bytes"].sum() == memory_curve(trace, "cpu")["live_bytes"].max()
    assert set(parts["kind"]) <= set(KINDS)


def test_operators_and_nodes_of_a_frozen_backbones_peak(tmp_path: Path) -> None:
    measured = cell("frozen_backbone", size=SIZE, parameters={"depth": 8, "width": WIDTH})
    state = State(measured)
    assert rows(peak_parts(recorded(tmp_path, state.step("attached")), "cpu")) == [
        ("saved", "aten::relu", 9 * ACTIVATION),
        ("backward_temporary", "AddmmBackward0", ACTIVATION),
        ("backward_temporary", "ReluBackward0", ACTIVATION),
        ("gradient", "AddmmBackward0", (WIDTH + 1) * 4),
        ("backward_temporary", "aten::ones_like", LOSS),
        ("kept", "aten::mean", LOSS),
    ]
    assert rows(peak_parts(recorded(tmp_path, state.step("detach")), "cpu")) == [
        ("temporary", "aten::relu", 7 * ACTIVATION),
        ("saved", "aten::relu", 2 * ACTIVATION),
        ("temporary", "aten::linear", ACTIVATION),
    ]


@pytest.mark.parametrize("size", [4, 1000])
def test_a_clone_costs_its_size(size: int, tmp_path: Path) -> None:
    state = State(cell("elementwise", size=size))
    parts = peak_parts(recorded(tmp_path, state.step("clone_detach")), "cpu")
    assert ("copy", "aten::clone", size * 4) in rows(parts)
    assert by_kind(parts)["copy"] == size * 4
    without = peak_parts(recorded(tmp_path, state.step("detach")), "cpu")
    assert "copy" not in by_kind(without)


def test_a_backward_for_each_chunk_saves_one_chunk_at_a_time(tmp_path: Path) -> None:
    chunks = 4

    def forward(x: torch.Tensor, w: torch.Tensor) -> tuple[None, list[torch.Tensor]]:
        losses = []
        for _ in range(chunks):
            h = x.sigmoid()
            loss = (h.detach() * w).sum()
            del h
            loss.backward()
            losses.append(loss.detach())
        return None, losses

    state = State(cell("elementwise", size=100))
    trace = recorded(tmp_path, Step("attached", forward, None, state))
    assert sorted(rows(peak_parts(trace, "cpu"))) == [
        ("backward_temporary", "MulBackward0", 400),  # to be added to w's gradient
        ("backward_temporary", "aten::ones_like", 4),
        ("gradient", "MulBackward0", 400),
        ("kept", "aten::sum", chunks * 4),
        ("saved", "aten::sigmoid", 400),
    ]


def test_a_step_without_backward_saves_nothing(tmp_path: Path) -> None:
    def forward(x: torch.Tensor, w: torch.Tensor) -> tuple[None, torch.Tensor]:
        h = x.sigmoid()
        return None, h * w

    trace = recorded(tmp_path, Step("attached", forward, None, State(cell("elementwise"))))
    assert rows(peak_parts(trace, "cpu")) == [
        ("kept", "aten::mul", 16),
        ("kept", "aten::sigmoid", 16),
    ]


def test_kinds_by_lifetime_and_place(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("forward", 0, dur=50, cat="user_annotation"),
        event("aten::linear", 0, dur=10),
        event("aten::addmm", 1, dur=8),
        memory(1, 1, 2),
        event("aten::clone", 10, dur=10),
        memory(2, 10, 12),
        event("aten::contiguous", 20, dur=10),
        event("aten::clone", 21, dur=8),
        memory(3, 100, 22),
        memory(4, 1_000, 31),
        event("aten::mean", 40, dur=5),
        memory(5, 10_000, 41),
        event("aten::ones_like", 60, dur=5),
        memory(6, 100_000, 61),
        event(NODE + "AddmmBackward0", 70, dur=20),
        event("AddmmBackward0", 71, dur=18),
        event("aten::clone", 72, dur=5),
        memory(7, 1_000_000, 73),
        memory(8, 10_000_000, 80),
        memory(1, -1, 85),
        memory(2, -10, 86),
        memory(3, -100, 87),
        memory(4, -1_000, 95),
        memory(6, -100_000, 96),
        memory(7, -1_000_000, 97),
    )
    assert rows(peak_parts(trace, "cpu")) == [
        ("gradient", "AddmmBackward0", 10_000_000),
        ("backward_temporary", "AddmmBackward0", 1_000_000),
        ("backward_temporary", "aten::ones_like", 100_000),
        ("kept", "aten::mean", 10_000),
        ("saved", "python", 1_000),
        ("saved", "aten::contiguous", 100),
        ("copy", "aten::clone", 10),
        ("saved", "aten::linear", 1),
    ]


def test_what_is_freed_before_backward_begins_is_temporary(tmp_path: Path) -> None:
    events = [
        event("aten::mul", 0, dur=10),
        memory(1, 8, 1),
        memory(2, 16, 2),
        memory(1, -8, 20),
        event(NODE + "MulBackward0", 30, dur=5),
        memory(2, -16, 31),
        event("aten::add", 40, dur=5),
    ]
    assert rows(peak_parts(planted(tmp_path, *events), "cpu")) == [
        ("saved", "aten::mul", 16),
        ("temporary", "aten::mul", 8),
    ]
    # After the last backward nothing is saved any more.
    after = [memory(3, 32, 42), memory(3, -32, 50)]
    assert rows(peak_parts(planted(tmp_path, *events, *after), "cpu")) == [
        ("temporary", "aten::add", 32)
    ]


def test_an_operator_between_two_backward_nodes_ends_the_window(tmp_path: Path) -> None:
    def kinds(*between: dict[str, Any]) -> list[str]:
        trace = planted(
            tmp_path,
            event(NODE + "A", 0, dur=10),
            *between,
            memory(1, 8, 25),
            event(NODE + "B", 30, dur=10),
            memory(1, -8, 31),
        )
        return peak_parts(trace, "cpu")["kind"].to_list()

    assert kinds() == ["backward_temporary"]
    assert kinds(event("range", 20, dur=9, cat="user_annotation")) == ["backward_temporary"]
    assert kinds(event("aten::mul", 20, dur=9)) == ["saved"]
    assert kinds(event("aten::ones_like", 20, dur=9)) == ["backward_temporary"]
    assert kinds(event("aten::ones_like", 20, dur=2), event("aten::mul", 22, dur=7)) == ["saved"]


def test_backward_may_run_in_another_thread(tmp_path: Path) -> None:
    gpu = {"device": {"device_type": 1, "device_id": 0}}
    trace = planted(
        tmp_path,
        event("aten::mul", 0, dur=10),
        memory(1, 512, 1, **gpu),
        memory(1, 7, 2),  # on the CPU, at the same address
        event("aten::ones_like", 20, dur=5),
        memory(2, 1024, 21, **gpu),
        event(NODE + "MulBackward0", 30, dur=20, tid=2),
        memory(3, 2048, 35, tid=2, **gpu),
        memory(1, -512, 36, tid=2, **gpu),
        memory(2, -1024, 60, **gpu),
    )
    assert rows(peak_parts(trace, "cuda")) == [
        ("gradient", "MulBackward0", 2048),
        ("backward_temporary", "aten::ones_like", 1024),
        ("saved", "aten::mul", 512),
    ]
    assert rows(peak_parts(trace, "cpu")) == [("kept", "aten::mul", 7)]


def test_an_address_is_used_again(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        memory(1, 8, 1),
        memory(1, -8, 2),
        event("aten::mul", 3, dur=5),
        memory(1, 8, 4),
        memory(2, 4, 5),
        memory(2, -4, 6),
    )
    assert rows(peak_parts(trace, "cpu")) == [
        ("kept", "aten::mul", 8),
        ("temporary", "aten::mul", 4),
    ]


def test_frees_of_what_was_there_before_keep_the_sum_exact(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("aten::mul", 0, dur=10),
        memory(1, -5, 1),
        memory(2, 20, 2),
        memory(2, -7, 3),  # of another size: not the one allocated above
        memory(3, 30, 4),
        memory(9, -2, 5),
    )
    parts = peak_parts(trace, "cpu")
    assert rows(parts) == [("kept", "aten::mul", 50), ("released", "", -12)]
    assert parts["bytes"].sum() == memory_curve(trace, "cpu")["live_bytes"].max() == 38


def test_of_two_equal_peaks_the_first_counts(tmp_path: Path) -> None:
    trace = planted(tmp_path, memory(1, 8, 1), memory(1, -8, 2), memory(2, 8, 3))
    assert rows(peak_parts(trace, "cpu")) == [("temporary", "python", 8)]


@pytest.mark.parametrize(
    "events", [[], [event("aten::mul", 1)], [memory(1, -8, 1)], [memory(1, -8, 1), memory(1, 8, 2)]]
)
def test_a_step_that_never_rises_above_its_start_has_no_parts(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    trace = planted(tmp_path, *events)
    assert rows(peak_parts(trace, "cpu")) == []
    assert list(scratch(trace, "cpu", frozenset({"aten::mul"})).columns) == ["op", "bytes"]


def test_scratch_is_what_an_operator_frees_itself(tmp_path: Path) -> None:
    size = 1000

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (x * w).logsumexp(0)

    trace = recorded(
        tmp_path, Step("attached", forward, None, State(cell("elementwise", size=size)))
    )
    forward_only = trace[
        trace["start_s"] < trace.loc[trace["name"] == "backward", "start_s"].item()
    ]
    freed_inside = scratch(forward_only, "cpu", frozenset({"aten::logsumexp", "aten::mul"}))
    # The exponentials, and the maximum that is taken out of them.
    expected = [("aten::logsumexp", size * 4 + 4)]
    assert list(freed_inside.itertuples(index=False, name=None)) == expected
    assert scratch(forward_only, "cpu", frozenset({"aten::mul"})).empty


def test_scratch_belongs_to_the_innermost_operator_that_outlives_it(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("outer", 0, dur=100),
        event("inner", 10, dur=40),
        event("aten::empty", 11, dur=2),
        memory(1, 6, 12),  # freed in inner
        memory(2, 10, 14),  # freed in outer
        memory(3, 100, 15),  # freed after both
        memory(4, 1_000, 16),  # never freed
        memory(1, -6, 40),
        memory(5, 5, 41),  # after the peak
        memory(5, -5, 42),
        memory(2, -10, 60),
        memory(3, -100, 110),
    )

    def found(*names: str) -> dict[str, int]:
        table = scratch(trace, "cpu", frozenset(names))
        return dict(zip(table["op"], table["bytes"], strict=True))

    assert found("outer", "inner", "aten::empty") == {"outer": 10, "inner": 6}
    assert found("outer") == {"outer": 16}
    assert found("inner") == {"inner": 6}
    assert found("aten::empty") == {}
    assert found() == {}


@pytest.mark.cuda
@pytest.mark.parametrize("branch", ["attached", "clone_detach"])
def test_a_peak_on_a_gpu_adds_up(branch: str, tmp_path: Path) -> None:
    step = State(cell("elementwise", size=1024, device="cuda")).step(branch)
    step.backward(step.forward())
    record_step(step, "cuda", tmp_path / "trace.json", shapes=False)
    trace = load_trace(tmp_path / "trace.json")
    parts = peak_parts(trace, "cuda")
    released = parts.loc[parts["kind"] == "released", "bytes"].sum()
    assert parts["bytes"].sum() == memory_curve(trace, "cuda")["live_bytes"].max()
    assert released == 0
    assert by_kind(parts).get("copy", 0) == (4096 if branch == "clone_detach" else 0)
