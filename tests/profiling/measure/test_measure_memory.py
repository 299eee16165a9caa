from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch

from profiling.measure.device import Counters, get
from profiling.measure.gradients import gradient_reach
from profiling.measure.memory import measure_memory, measure_saved
from profiling.measure.prediction import Prediction
from profiling.measure.step import State, Step
from profiling.model.run import PeakPart, Sample
from tests.profiling.measure.cells import FROZEN_BACKBONE_PEAKS
from tests.profiling.measure.recorders import Recorder, RecordingDevice
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

CPU = get("cpu")
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
    return measure_memory(warm(state, branch), CPU).samples[0].value


@pytest.mark.parametrize(("branch", "expected"), FROZEN_BACKBONE_PEAKS)
def test_peak_of_a_frozen_backbone_to_the_byte(branch: str, expected: int) -> None:
    step = warm(large("frozen_backbone"), branch)
    first, second = (measure_memory(step, CPU).samples for _ in range(2))
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
        samples = measure_memory(warm(state, branch), CPU).samples
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
        {each.metric: each.value for each in measure_memory(warm(state, branch), CPU).samples}
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
        branch: measure_memory(warm(state, branch), CPU).samples[1].value
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
    assert measure_memory(step, CPU).samples[0].value == 4 * 400 + 8


def test_a_step_without_memory_of_its_own_is_measured_as_zero() -> None:
    state = State(cell("elementwise"))

    class Idle(Step):
        def backward(self, result: object) -> None:
            pass

    step = Idle("idle", lambda x, w: None, None, state)
    assert [sample.value for sample in measure_memory(step, CPU).samples] == [0] * 5
    assert [sample.value for sample in measure_saved(step, state)] == [0]


def test_the_parts_of_a_peak_add_up_to_it_and_tell_a_copy() -> None:
    state = large("frozen_backbone")
    found = {name: measure_memory(warm(state, name), CPU) for name in ("detach", "clone_detach")}
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
    found = measure_memory(step, CPU, unseen)
    peak = found.samples[0].value
    assert peak is not None
    # The squares before their mean is taken are 400 bytes; all that comes back is a number.
    (scratch,) = found.scratch
    assert (scratch.kind, scratch.op) == ("scratch", "aten::mse_loss")
    assert 400 <= scratch.bytes < peak
    assert measure_memory(step, CPU).scratch == ()
    foreseen = unseen._replace(peak_bytes=int(peak))
    assert measure_memory(step, CPU, foreseen).scratch == ()


def test_counters_are_read_when_the_device_is_done_and_set_back_after_the_reset() -> None:
    calls: list[tuple[str, str]] = []
    counted = (
        Counters(100, 100, 1_000, 10, 512, 512, 2_048),
        Counters(160, 190, 1_090, 13, 1_024, 1_536, 2_048),
        Counters(130, 250, 1_300, 17, 1_024, 2_560, 4_096),
    )
    step = cast("Step", Recorder("attached", calls))
    found = measure_memory(step, RecordingDevice(calls, iter(counted)))
    assert calls == [
        ("attached", "reset"),
        *(("device", each) for each in ("synchronize", "empty_cache", "reset_counters")),
        ("device", "counters"),
        ("attached", "forward"),
        *(("device", each) for each in ("synchronize", "counters")),
        ("attached", "backward"),
        *(("device", each) for each in ("synchronize", "counters")),
    ]
    assert found.samples == [
        Sample("step", "peak", "bytes", 0, 150),
        Sample("forward", "live", "bytes", 0, 60),
        Sample("step", "allocated", "bytes", 0, 300),
        Sample("step", "allocations", "count", 0, 7),
        Sample("step", "block_peak", "bytes", 0, 2_048),
        Sample("step", "reserved_peak", "bytes", 0, 4_096),
    ]
    assert (found.parts, found.scratch) == ((), ())


@pytest.mark.parametrize("workload", ["elementwise", "side_branch", "frozen_backbone"])
def test_an_accelerators_memory_is_exact_and_repeats(workload: str, accelerator: str) -> None:
    state = State(cell(workload, size=1000, device=accelerator))
    step = warm(state, "attached")
    first, second = (measure_memory(step, get(accelerator)).samples for _ in range(2))
    assert second == first
    high, live, allocated, allocations, blocks, reserved = (each.value or 0 for each in first)
    assert 0 < live <= high <= allocated
    assert allocations > 0
    assert blocks % 512 == 0
    assert high <= blocks <= reserved
    saved = measure_saved(step, state)
    here = State(cell(workload, size=1000))
    assert saved == measure_saved(here.step("attached"), here)


def test_an_accelerator_counts_requested_bytes_not_blocks(accelerator: str) -> None:
    state = State(cell("elementwise", size=1, device=accelerator))
    found = measure_memory(warm(state, "attached"), get(accelerator))
    values = {each.metric: each.value for each in found.samples}
    assert values["live"] == 8  # h and the loss
    # Those, the loss's gradient, and the gradients of h, of w and of x, a block of 512 each.
    assert (values["peak"], values["block_peak"]) == (6 * 4, 6 * 512)
    assert (found.parts, found.scratch) == ((), ())  # the trace tells them


@pytest.mark.parametrize(
    ("branch", "expected"),
    [("attached", 20 * MIB), ("no_grad", 4 * MIB), ("frozen", 4 * MIB), ("clone_detach", 22 * MIB)],
)
def test_saved_by_a_frozen_backbone_to_the_byte(branch: str, expected: int) -> None:
    state = large("frozen_backbone")
    step = state.step(branch)
    first, second = (measure_saved(step, state) for _ in range(2))
    assert first == [Sample("forward", "saved", "bytes", 0, expected)]
    assert second == first


def test_measuring_saved_bytes_changes_no_gradient() -> None:
    state = State(cell("side_branch"))
    reference = state.reference()
    step = state.step("detach")
    measure_saved(step, state)
    assert all(leaf.grad is None for leaves in state.groups.values() for leaf in leaves)
    step.backward(step.forward())
    assert {each.outcome for each in gradient_reach(state.groups, reference)} == {"equal"}


def test_gradients_computed_while_saved_bytes_are_measured_are_right() -> None:
    state = State(cell("elementwise"))
    seen: list[torch.Tensor] = []

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        loss = (x.sigmoid() * w).sum()
        seen.extend(torch.autograd.grad(loss, [x, w], retain_graph=True))
        return loss

    measure_saved(planted(state, forward), state)
    x, w = (state.arguments[name].detach() for name in ("x", "w"))
    assert torch.equal(seen[1], x.sigmoid())
    torch.testing.assert_close(seen[0], w * x.sigmoid() * (1 - x.sigmoid()))


def test_measuring_saved_bytes_hides_no_error_of_the_run_after_it() -> None:
    state = State(cell("elementwise"))

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        h = x.sigmoid()
        h.detach().zero_()
        return h.sum()

    step = planted(state, forward)
    assert measure_saved(step, state)[0].value == 4 * 4
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        step.backward(step.forward())
    state = State(cell("side_branch"))
    step = state.step("detach_inplace")
    measure_saved(step, state)
    with pytest.raises(RuntimeError, match="saved tensor that has been detached in-place"):
        step.backward(step.forward())


def test_an_error_in_forward_is_passed_on_and_the_hooks_are_gone() -> None:
    state = State(cell("elementwise"))

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"):
        measure_saved(planted(state, forward), state)
    h = state.arguments["x"].sigmoid()
    h.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        h.sum().backward()


def test_measuring_saved_bytes_keeps_nothing_alive() -> None:
    state = State(cell("elementwise"))
    made: list[weakref.ref[torch.Tensor]] = []

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        h = x.sigmoid()
        made.append(weakref.ref(h))
        return (h * w).sum()

    step = planted(state, forward)
    gc.disable()
    try:
        measure_saved(step, state)
        assert made[0]() is None
    finally:
        gc.enable()
