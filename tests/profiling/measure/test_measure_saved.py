from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from profiling.measure.memory import measure_saved
from profiling.measure.reach import gradient_reach
from profiling.measure.step import State, Step
from profiling.model.run import Sample
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

MIB = 2**20
ACTIVATION = 4096 * 128 * 4
FULL = {"depth": 8, "width": 128}


@functools.cache
def large(workload: str) -> State:
    """Return a state of the size that the figures below are known for."""
    return State(cell(workload, size=4096, parameters=FULL))


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


def planted(state: State, function: Callable[..., Any]) -> Step:
    return Step("planted", function, None, state)


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
