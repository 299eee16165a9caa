"""Steps that fail, that are looped, and that run on a GPU."""

from __future__ import annotations

import collections
import gc
import time
from typing import cast

import pytest
import torch

from profiling.measure.step import State, Step
from profiling.measure.timing import (
    FEWEST_ROUNDS,
    LOOPED_SAMPLE_S,
    loops_for,
    time_steps,
)
from tests.profiling.measure.recorders import Counted, Failing, Recorder
from tests.profiling.planted import cell


@pytest.fixture
def calls() -> list[tuple[str, str]]:
    return []


@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_step_that_fails_is_left_out_and_the_others_go_on(
    good: int, calls: list[tuple[str, str]]
) -> None:
    steps = [Recorder("attached", calls), Failing("detach", calls, good), Recorder("frozen", calls)]
    timed = time_steps(cast("list[Step]", steps), "cpu", 0, 0.0)
    assert [failure.message for failure in timed.failures.values()] == ["planted in detach"]
    assert list(timed.failures) == [1]
    assert [len(mine) for mine in timed.samples] == [2 * FEWEST_ROUNDS, 0, 2 * FEWEST_ROUNDS]
    # It is reset and begun once more, and never again.
    assert [name for name, _ in calls].count("detach") == 3 * good + 2
    assert gc.isenabled()


def test_a_baseline_that_fails_leaves_the_others_timed(calls: list[tuple[str, str]]) -> None:
    steps = [Failing("attached", calls, 5), Recorder("detach", calls)]
    timed = time_steps(cast("list[Step]", steps), "cpu", 0, 0.001)
    assert list(timed.failures) == [0]
    assert timed.stopped_by in ("budget", "rounds")
    assert len(timed.samples[1]) >= 2 * FEWEST_ROUNDS


def test_when_all_fail_nothing_is_timed() -> None:
    steps = [Failing("attached", [], 0), Failing("detach", [], 0)]
    timed = time_steps(cast("list[Step]", steps), "cpu", 0, 1e9)
    assert (timed.samples, list(timed.failures), timed.stopped_by) == ([[], []], [0, 1], "")
    assert gc.isenabled()


def test_looped_samples_are_means_of_many_steps() -> None:
    calls: list[tuple[str, str]] = []
    steps = [Counted("attached", calls), Counted("detach", calls)]
    timed = time_steps(cast("list[Step]", steps), "cpu", 0, 0.0, looped=True)
    assert timed.loops > 100  # a call of this kind takes well below a microsecond
    assert timed.loops & (timed.loops - 1) == 0
    # Things are put back before a sample and not between its steps.
    resets = collections.Counter(calls)
    rounds = timed.warm_up_rounds + FEWEST_ROUNDS
    doublings = timed.loops.bit_length()
    assert set(resets) == {("attached", "reset"), ("detach", "reset")}
    # While the loops are too few for one step, the other has mostly not to be asked.
    assert all(rounds + 3 <= count <= rounds + 3 * doublings for count in resets.values())
    assert resets.total() < 2 * (rounds + 3 * doublings)
    for step, mine in zip(steps, timed.samples, strict=True):
        # Finding the number of loops takes nearly as many steps as one sample.
        assert step.count >= (FEWEST_ROUNDS + timed.warm_up_rounds) * timed.loops
        assert [(each.phase, each.metric) for each in mine] == [("forward", "time")] * FEWEST_ROUNDS
        assert all(each.value is not None and each.value < LOOPED_SAMPLE_S for each in mine)


def test_a_looped_step_that_fails_is_left_out() -> None:
    class Failing(Counted):
        def call(self) -> None:
            raise ValueError("planted")

    steps = [Failing("attached", []), Counted("detach", [])]
    timed = time_steps(cast("list[Step]", steps), "cpu", 0, 0.0, looped=True)
    assert {place: each.message for place, each in timed.failures.items()} == {0: "planted"}
    assert [len(mine) for mine in timed.samples] == [0, FEWEST_ROUNDS]
    assert timed.loops > 1


def test_a_long_step_is_not_looped() -> None:
    class Long(Counted):
        def call(self) -> None:
            end = time.perf_counter() + LOOPED_SAMPLE_S
            while time.perf_counter() < end:
                pass

    assert loops_for(cast("list[Step]", [Long("attached", [])])) == 1


@pytest.mark.cuda
@pytest.mark.parametrize("looped", [False, True])
def test_cuda_is_timed_by_events_with_the_host_beside(looped: bool) -> None:
    state = State(cell("frozen_backbone", size=256, device="cuda"))
    steps = [state.step("attached"), state.step("no_grad")]
    timed = time_steps(steps, "cuda", 0, 0.0, looped=looped)
    assert (timed.failures, timed.loops) == ({}, 1)
    for mine in timed.samples:
        assert [(each.phase, each.metric, each.index) for each in mine] == [
            (phase, metric, index)
            for index in range(FEWEST_ROUNDS)
            for metric in ("time", "host")
            for phase in ("forward", "backward")
        ]
        assert {each.unit for each in mine} == {"s"}
        assert all(each.value is not None and each.value > 0 for each in mine)


@pytest.mark.cuda
def test_cuda_host_waits_for_no_device() -> None:
    """A long kernel is queued in forward: the device takes its time, the host does not."""
    state = State(cell("elementwise", device="cuda"))

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        torch.cuda._sleep(50_000_000)
        return (x * w).sum()

    (mine,) = time_steps([Step("planted", forward, None, state)], "cuda", 0, 0.0).samples
    seconds: dict[tuple[str, str], float] = {}
    for each in mine:
        seconds.setdefault((each.phase, each.metric), each.value or 0.0)
    assert seconds["forward", "host"] < seconds["forward", "time"]
