from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from profiling.measure.memory import measure_memory, measure_saved
from profiling.measure.prediction import Prediction
from profiling.measure.step import State, Step
from profiling.model.run import PeakPart, Sample
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

MIB = 2**20
ACTIVATION = 4096 * 128 * 4
FULL = {"depth": 8, "width": 128}


@functools.cache
def large(workload: str) -> State:
    """Return a state of the size that the figures below are known for."""
    return State(cell(workload, size=4096, parameters=FULL))


def warm(state: State, branch: str) -> Step:
    step = state.step(branch)
    step.reset()
    step.backward(step.forward())
    return step


def peak(state: State, branch: str) -> float | None:
    return measure_memory(warm(state, branch), "cpu").samples[0].value


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("attached", 23_069_196),
        ("detach", 20_971_520),
        ("detach_inline", 18_874_368),
        ("detach_kept", 23_069_196),
        ("no_grad", 8_389_132),
        ("frozen", 8_389_132),
    ],
)
def test_peak_of_a_frozen_backbone_to_the_byte(branch: str, expected: int) -> None:
    step = warm(large("frozen_backbone"), branch)
    first, second = (measure_memory(step, "cpu").samples for _ in range(2))
    assert first[0] == Sample("step", "peak", "bytes", 0, expected)
    assert second == first


def test_a_detached_side_branch_costs_no_memory_and_a_copy_one_activation() -> None:
    state = large("side_branch")
    attached = peak(state, "attached")
    assert attached == 23_069_196
    assert peak(state, "detach") == attached
    # One activation more, and the difference of what is alive beside it then: a bias gradient
    # (128 floats), the column of outputs' gradient (4096 floats) and the loss are there in both.
    assert peak(state, "clone_detach") == attached + ACTIVATION


@pytest.mark.parametrize(
    ("size", "dtype", "width"),
    [(1, "float32", 4), (100, "float32", 4), (1000, "float64", 8), (7, "float16", 2)],
)
def test_elementwise_figures_by_hand(size: int, dtype: str, width: int) -> None:
    vector, scalar = size * width, width
    # Forward ends with h and the loss; backward adds the loss's gradient, then what is listed.
    until_backward = vector + 2 * scalar
    peaks = {
        "attached": until_backward + 3 * vector,  # gradients of h, of w and of x
        "detach": until_backward + vector,  # the gradient of w
        "detach_inline": until_backward + vector,
        "detach_kept": until_backward + vector,
        "detach_inplace": until_backward + vector,
        "no_grad": until_backward + vector,
        "frozen": until_backward + vector,
        # Reached in forward already: h, its copy, their product and the loss.
        "clone_detach": 3 * vector + scalar,
        "detach_clone": 3 * vector + scalar,
        "inference_mode": 3 * vector + scalar,
    }
    # sigmoid keeps its result, the product its first factor: the same memory unless copied.
    saved = dict.fromkeys(peaks, vector) | dict.fromkeys(
        ("clone_detach", "detach_clone"), 2 * vector
    )
    # h, the product, the loss and its gradient, the gradient of w; more where listed.
    vectors = dict.fromkeys(peaks, 3)
    vectors |= {"attached": 5, "clone_detach": 4, "detach_clone": 4, "inference_mode": 4}
    state = State(cell("elementwise", size=size, dtype=dtype))
    for branch, expected in peaks.items():
        samples = measure_memory(warm(state, branch), "cpu").samples
        samples += measure_saved(state.step(branch), state)
        # Operators are counted along; the tests of jobs count them in the trace.
        assert [each for each in samples if each.metric != "ops"] == [
            Sample("step", "peak", "bytes", 0, expected),
            Sample("forward", "live", "bytes", 0, vector + scalar),
            Sample("step", "allocated", "bytes", 0, vectors[branch] * vector + 2 * scalar),
            Sample("step", "allocations", "count", 0, vectors[branch] + 2),
            Sample("forward", "saved", "bytes", 0, saved[branch]),
        ], branch


@pytest.mark.parametrize("workload", ["side_branch", "frozen_backbone"])
def test_a_copy_is_one_allocation_of_one_activation(workload: str) -> None:
    state = large(workload)
    detach, copied = (
        {each.metric: each.value for each in measure_memory(warm(state, branch), "cpu").samples}
        for branch in ("detach", "clone_detach")
    )
    assert detach["allocated"] is not None
    assert detach["allocations"] is not None
    assert copied["allocated"] == detach["allocated"] + ACTIVATION
    assert copied["allocations"] == detach["allocations"] + 1


def test_what_is_alive_when_forward_ends() -> None:
    state = State(cell("frozen_backbone", size=16, parameters={"depth": 2, "width": 8}))
    activation, loss = 16 * 8 * 4, 4
    live = {
        branch: measure_memory(warm(state, branch), "cpu").samples[1].value
        for branch in ("attached", "detach", "detach_kept", "no_grad")
    }
    # The encoder's two results, the head's hidden layer and the loss; the head's own column of
    # outputs is not needed for the gradient of a mean.
    assert live["attached"] == live["detach_kept"] == 3 * activation + loss
    assert live["detach"] == live["no_grad"] == 2 * activation + loss


def planted(state: State, function: Callable[..., Any]) -> Step:
    return Step("planted", function, None, state)


def test_what_a_step_holds_from_before_is_not_its_own() -> None:
    state = State(cell("elementwise", size=100))
    step = warm(state, "attached")
    step.reset()
    step.backward(step.forward())  # leaves gradients behind, which measuring must drop first
    assert measure_memory(step, "cpu").samples[0].value == 4 * 400 + 8


def test_a_step_without_memory_of_its_own_is_measured_as_zero() -> None:
    state = State(cell("elementwise"))

    class Idle(Step):
        def backward(self, result: object) -> None:
            pass

    step = Idle("idle", lambda x, w: None, None, state)
    assert [sample.value for sample in measure_memory(step, "cpu").samples] == [0] * 5
    assert [sample.value for sample in measure_saved(step, state)] == [0]


def test_the_parts_of_a_peak_add_up_to_it_and_tell_a_copy() -> None:
    state = large("frozen_backbone")
    found = {name: measure_memory(warm(state, name), "cpu") for name in ("detach", "clone_detach")}
    for memory in found.values():
        assert sum(part.bytes for part in memory.parts) == memory.samples[0].value
        assert all(part.bytes > 0 for part in memory.parts)
    copies = {
        name: [part for part in memory.parts if part.kind == "copy"]
        for name, memory in found.items()
    }
    assert copies == {
        "detach": [],
        "clone_detach": [PeakPart("copy", "aten::clone", ACTIVATION)],
    }


def test_scratch_is_what_an_operator_holds_for_itself() -> None:
    state = State(cell("elementwise", size=100))

    def forward(x: torch.Tensor, w: torch.Tensor) -> None:
        torch.nn.functional.mse_loss(x.detach(), w.detach())

    step = planted(state, forward)
    step.forward()
    unseen = Prediction(4, frozenset({"aten::mse_loss"}))
    found = measure_memory(step, "cpu", unseen)
    peak = found.samples[0].value
    assert peak is not None
    # The squares before their mean is taken are 400 bytes; all that comes back is a number.
    (scratch,) = found.scratch
    assert (scratch.kind, scratch.op) == ("scratch", "aten::mse_loss")
    assert 400 <= scratch.bytes < peak
    assert measure_memory(step, "cpu").scratch == ()
    foreseen = unseen._replace(peak_bytes=int(peak))
    assert measure_memory(step, "cpu", foreseen).scratch == ()


@pytest.mark.cuda
@pytest.mark.parametrize("workload", ["elementwise", "side_branch", "frozen_backbone"])
def test_cuda_memory_is_exact_and_repeats(workload: str) -> None:
    state = State(cell(workload, size=1000, device="cuda"))
    step = warm(state, "attached")
    first, second = (measure_memory(step, "cuda").samples for _ in range(2))
    assert second == first
    high, live, allocated, allocations, blocks, reserved = (each.value or 0 for each in first)
    assert 0 < live <= high <= allocated
    assert allocations > 0
    assert blocks % 512 == 0
    assert high <= blocks <= reserved
    saved = measure_saved(step, state)
    here = State(cell(workload, size=1000))
    assert saved == measure_saved(here.step("attached"), here)


@pytest.mark.cuda
def test_cuda_counts_requested_bytes_not_blocks() -> None:
    state = State(cell("elementwise", size=1, device="cuda"))
    found = measure_memory(warm(state, "attached"), "cuda")
    values = {each.metric: each.value for each in found.samples}
    assert values["live"] == 8  # h and the loss
    # Those, the loss's gradient, and the gradients of h, of w and of x, a block of 512 each.
    assert (values["peak"], values["block_peak"]) == (6 * 4, 6 * 512)
    assert (found.parts, found.scratch) == ((), ())  # the trace tells them
