"""The switches that break the simulated accelerator in the ways in which real ones break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from profiling.measure.device import get
from profiling.measure.failure import Failure, is_out_of_memory
from profiling.measure.profiler import record_step
from profiling.measure.step import State
from profiling.model.run import Status
from profiling.traces.memory import memory_curve
from profiling.traces.table import load_trace
from tests.lab_device import lab
from tests.profiling.planted import cell

pytestmark = pytest.mark.lab


def test_the_nth_allocation_is_out_of_memory_and_no_other() -> None:
    with lab.failing_allocation(2):
        first = torch.ones(3, device="lab")
        with pytest.raises(torch.OutOfMemoryError, match="LAB out of memory") as raised:
            torch.ones(3, device="lab")
        third = torch.ones(3, device="lab")
    assert is_out_of_memory(raised.value)
    assert Failure(raised.value).status is Status.OUT_OF_MEMORY
    assert torch.equal(first, third)


def test_each_allocation_of_a_step_can_be_the_one_that_fails() -> None:
    x = torch.ones(4, 4, device="lab", requires_grad=True)

    def step() -> None:
        (x @ x).sigmoid().sum().backward()

    step()
    x.grad = None
    before = lab.memory_stats()
    step()
    count = lab.memory_stats()["allocation.all.allocated"] - before["allocation.all.allocated"]
    assert count > 5
    for nth in range(1, count + 1):
        x.grad = None
        with lab.failing_allocation(nth), pytest.raises(torch.OutOfMemoryError):
            step()
    x.grad = None
    assert (
        lab.memory_stats()["allocated_bytes.all.current"] <= (before["allocated_bytes.all.current"])
    )


def test_an_assertion_in_a_kernel_is_told_at_the_next_wait_and_ever_after() -> None:
    x = torch.ones(4, 4, device="lab")
    event = torch.Event("lab", enable_timing=True)
    with lab.broken_after("aten::mm"):
        x + x
        lab.synchronize()
        y = x @ x
        y + 1  # Nothing is known of it yet.
        for call in (
            lab.synchronize,
            lambda: y + 1,
            lambda: y.sum().item(),
            lambda: x.cpu(),
            event.record,
            torch.accelerator.synchronize,
            lab.empty_cache,
            lab.mem_get_info,
        ):
            with pytest.raises(RuntimeError, match="device-side assert triggered"):
                call()
        # The allocator's own numbers need no driver.
        assert lab.memory_stats()["allocated_bytes.all.current"] > 0
    lab.synchronize()


def test_there_may_be_no_float64() -> None:
    assert "float64" in get("lab").dtypes()
    x = torch.ones(3, device="lab")
    with lab.without_float64():
        calls: list[Callable[[], object]] = [
            lambda: torch.ones(3, dtype=torch.float64, device="lab"),
            lambda: torch.ones(3, dtype=torch.float64).to("lab"),
            lambda: x.to(torch.float64),
        ]
        for call in calls:
            with pytest.raises(TypeError, match="doesn't support float64"):
                call()
        assert torch.ones(3, device="lab").dtype is torch.float32


@pytest.mark.parametrize("are_there", [True, False])
def test_the_allocator_tells_the_profiler_unless_it_cannot(are_there: bool, tmp_path: Path) -> None:
    step = State(cell("elementwise", size=1000, device="lab")).step("attached")
    path = tmp_path / "trace.json"
    if are_there:
        record_step(step, get("lab"), path, shapes=False)
    else:
        with lab.without_memory_events():
            record_step(step, get("lab"), path, shapes=False)
    curve = memory_curve(load_trace(path), "privateuseone")
    assert curve.empty is not are_there
    if are_there:
        # Four vectors of 4,000 bytes and two numbers, in blocks.
        assert int(curve["live_bytes"].max()) == 4 * 4096 + 2 * 512
