from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from profiling import catalogue
from profiling.measure.device import get
from profiling.measure.profiler import record_step
from profiling.measure.step import State, Step
from profiling.traces.memory import KINDS, memory_curve, peak_parts
from profiling.traces.table import load_trace
from tests.profiling.planted import cell
from tests.profiling.traces.peaks import recorded, rows

pytestmark = pytest.mark.usefixtures("small_heap")

# The encoder of 8 layers and the head keep activations of 64 × 2 float32 each.
SIZE, WIDTH = 64, 2
ACTIVATION = SIZE * WIDTH * 4
LOSS = 4


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


@pytest.mark.cuda
@pytest.mark.parametrize("branch", ["attached", "clone_detach"])
def test_a_peak_on_a_gpu_adds_up(branch: str, tmp_path: Path) -> None:
    step = State(cell("elementwise", size=1024, device="cuda")).step(branch)
    step.backward(step.forward())
    record_step(step, get("cuda"), tmp_path / "trace.json", shapes=False)
    trace = load_trace(tmp_path / "trace.json")
    parts = peak_parts(trace, "cuda")
    released = parts.loc[parts["kind"] == "released", "bytes"].sum()
    assert parts["bytes"].sum() == memory_curve(trace, "cuda")["live_bytes"].max()
    assert released == 0
    assert by_kind(parts).get("copy", 0) == (4096 if branch == "clone_detach" else 0)
