"""The simulated queue: what is forgotten to be waited for is a wrong time, or a wrong number."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import torch

from profiling.measure.device import Times, get
from tests.lab_device import lab

pytestmark = pytest.mark.lab

LONG_S = 0.05
FOREVER_S = 1e6


def event() -> torch.Event:
    return torch.Event("lab", enable_timing=True)


def seconds_between(start: torch.Event, end: torch.Event) -> float:
    return start.elapsed_time(end) / 1e3


def test_a_call_returns_before_it_is_done_and_events_tell_when() -> None:
    x = torch.ones(4, device="lab")
    lab.synchronize()
    lab.set_delay(LONG_S)
    start, middle, end = event(), event(), event()
    begun = time.perf_counter()
    start.record()
    y = x * 2
    middle.record()
    y = y + 1
    end.record()
    assert not end.query()
    returned = time.perf_counter() - begun
    lab.synchronize()
    waited = time.perf_counter() - begun
    assert end.query()
    assert seconds_between(start, middle) >= LONG_S
    assert seconds_between(middle, end) >= LONG_S
    assert waited >= 2 * LONG_S > 0
    assert returned < waited
    assert y.tolist() == [3.0] * 4


def test_an_operation_can_take_longer_than_others() -> None:
    x = torch.ones(4, 4, device="lab")
    lab.synchronize()
    lab.set_delay(0)
    lab.set_delay(FOREVER_S, "aten::mm")
    short, long = event(), event()
    x + x
    short.record()
    x @ x
    long.record()
    assert short.query()
    assert not long.query()


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: torch.equal(x, x),
        lambda x: bool(x.all()),
        lambda x: torch.lab.current_stream().synchronize(),  # type: ignore[attr-defined]
        lambda x: torch.accelerator.synchronize(),
    ],
)
def test_what_gives_the_host_a_number_waits(wait: Callable[[torch.Tensor], object]) -> None:
    x = torch.ones(4, device="lab")
    lab.set_delay(LONG_S)
    begun = time.perf_counter()
    wait(x * 2)
    assert time.perf_counter() - begun >= LONG_S


def test_views_and_empty_tensors_take_no_time() -> None:
    x = torch.ones(4, 4, device="lab")
    lab.synchronize()
    lab.set_delay(FOREVER_S)
    end = event()
    x.t()[1:].unfold(0, 2, 1).detach()
    x.view(2, 8).narrow(1, 0, 3)
    torch.empty(3, device="lab")
    end.record()
    assert end.query()
    x.t().reshape(-1)  # This one copies.
    end.record()
    assert not end.query()


def test_a_copy_that_is_not_waited_for_has_not_arrived() -> None:
    x = torch.arange(3.0, device="lab")
    numbers = torch.arange(3, device="lab")
    there = x.to("cpu", non_blocking=True)
    target = torch.zeros(3, dtype=torch.int64)
    target.copy_(numbers, non_blocking=True)
    x.zero_()  # comes after the copy in the queue
    assert there.isnan().all()
    assert target.tolist() == [-1, -1, -1]
    lab.synchronize()
    assert there.tolist() == [0.0, 1.0, 2.0]
    assert target.tolist() == [0, 1, 2]


def test_phases_are_timed_on_the_device_and_the_host_is_faster() -> None:
    x = torch.ones(4, device="lab", requires_grad=True)
    lab.set_delay(LONG_S)
    found = get("lab").time_phases(lambda: (x * 2).sum(), lambda loss: loss.backward())
    assert isinstance(found, Times)
    assert found.forward >= 2 * LONG_S
    assert found.backward is not None
    assert found.backward >= LONG_S
    assert found.host_forward is not None
    assert found.host_forward < found.forward


def test_autograd_runs_in_a_thread_of_the_device() -> None:
    threads: list[int] = []
    x = torch.ones(4, device="lab", requires_grad=True)
    y = x * 2
    y.register_hook(lambda gradient: threads.append(threading.get_ident()))
    y.sum().backward()
    assert threads
    assert threading.get_ident() not in threads
