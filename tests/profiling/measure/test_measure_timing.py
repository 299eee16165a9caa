from __future__ import annotations

import collections
import gc
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from typing import cast

import pytest
import torch

from profiling.measure import timing
from profiling.measure.device import get
from profiling.measure.step import State, Step
from profiling.measure.timing import (
    FEWEST_ROUNDS,
    LOOPED_SAMPLE_S,
    MAX_WARM_UP_ROUNDS,
    loops_for,
    time_steps,
)
from profiling.model.run import Sample
from tests.profiling.measure.recorders import (
    NAMES,
    Counted,
    Failing,
    Planted,
    Recorder,
    RecordingDevice,
)
from tests.profiling.planted import cell


@pytest.fixture
def calls() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def recorders(calls: list[tuple[str, str]]) -> list[Recorder]:
    return [Recorder(name, calls) for name in NAMES]


@pytest.fixture
def planted_clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    clock = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock[0])
    return clock


def timed(recorders: Sequence[Recorder], seed: int, budget_s: float) -> list[list[Sample]]:
    return time_steps(cast("list[Step]", list(recorders)), get("cpu"), seed, budget_s).samples


def rounds(calls: Sequence[tuple[str, str]]) -> Iterator[list[str]]:
    """Yield the order of branches in each round, warm-up included."""
    names = [name for name, what in calls if what == "forward"]
    for start in range(0, len(names), len(NAMES)):
        yield names[start : start + len(NAMES)]


def expected_rounds(seed: int, count: int) -> list[list[str]]:
    order, shuffled = list(NAMES), []
    shuffle = random.Random(seed).shuffle
    for _ in range(count):
        shuffle(order)
        shuffled.append(list(order))
    return shuffled


def test_without_budget_the_least_rounds_are_taken(
    recorders: list[Recorder], calls: list[tuple[str, str]]
) -> None:
    samples = timed(recorders, 0, 0.0)
    assert len(samples) == len(NAMES)
    for mine in samples:
        assert [(each.phase, each.index) for each in mine] == [
            (phase, index) for index in range(FEWEST_ROUNDS) for phase in ("forward", "backward")
        ]
    # Any round is as long as a warm-up that may take nothing.
    assert len(list(rounds(calls))) == FEWEST_ROUNDS


def test_every_sample_is_a_time_in_seconds(recorders: list[Recorder]) -> None:
    for mine in timed(recorders, 0, 0.0):
        assert {(each.metric, each.unit) for each in mine} == {("time", "s")}
        assert all(each.value is not None and each.value >= 0 for each in mine)


def test_a_step_is_reset_run_and_run_back_in_one_go(
    recorders: list[Recorder], calls: list[tuple[str, str]]
) -> None:
    timed(recorders, 0, 0.0)
    for start in range(0, len(calls), 3):
        once = calls[start : start + 3]
        assert [what for _, what in once] == ["reset", "forward", "backward"]
        assert len({name for name, _ in once}) == 1


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_rounds_hold_every_branch_once_in_an_order_of_the_seed(
    seed: int,
    recorders: list[Recorder],
    calls: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "MAX_ROUNDS", 20)
    samples = timed(recorders, seed, 1e9)
    taken = list(rounds(calls))
    assert taken == expected_rounds(seed, MAX_WARM_UP_ROUNDS + 20)
    assert all(sorted(order) == sorted(NAMES) for order in taken)
    assert [len(mine) for mine in samples] == [40] * len(NAMES)


def test_another_seed_gives_another_order() -> None:
    assert expected_rounds(0, 5) != expected_rounds(1, 5)


def test_samples_come_back_in_the_given_order(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0
    costs = {"attached": 1, "detach": 100}

    class Slow(Recorder):
        """Takes its own number of seconds for each phase, by the clock below."""

        def forward(self) -> str:
            nonlocal now
            now += costs[self.name] * 10**9
            return super().forward()

        def backward(self, result: str) -> None:
            nonlocal now
            now += 2 * costs[self.name] * 10**9

    monkeypatch.setattr(time, "perf_counter_ns", lambda: now)
    attached, detach = timed([Slow("attached", []), Slow("detach", [])], 3, 0.0)
    assert [each.value for each in attached] == [1.0, 2.0] * FEWEST_ROUNDS
    assert [each.value for each in detach] == [100.0, 200.0] * FEWEST_ROUNDS


def test_the_budget_is_spent_on_timed_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(ticks) * 10**9)
    calls: list[tuple[str, str]] = []
    steps = [Recorder("attached", calls), Recorder("detach", calls)]
    # Every phase takes a second by this clock, so a round four.
    rounds = {
        budget_s: len(timed(steps, 0, budget_s)[0]) // 2 for budget_s in (1.0, 6.0, 20.0, 48.0)
    }
    # What would take more than five budgets ends earlier, but not before there is an interval.
    assert rounds == {1.0: FEWEST_ROUNDS, 6.0: 8, 20.0: timing.MIN_ROUNDS, 48.0: 12}
    assert [each.value for each in timed(steps, 0, 48.0)[0]] == [1.0] * 24


def test_a_round_as_long_as_a_warm_up_counts_itself(
    recorders: list[Recorder], calls: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(ticks) * 10**9)
    monkeypatch.setattr(timing, "MAX_ROUNDS", 5)
    steps = cast("list[Step]", list(recorders))
    # A round takes eight seconds by this clock, which is one part in forty of the first budget.
    assert time_steps(steps, get("cpu"), 0, 320.0).warm_up_rounds == 0
    assert list(rounds(calls)) == expected_rounds(0, 5)
    calls.clear()
    assert time_steps(steps, get("cpu"), 0, 320.5).warm_up_rounds == 2
    assert len(list(rounds(calls))) == 2 + 5


@pytest.mark.parametrize(("budget_s", "expected"), [(100.0, 2), (250.0, 3), (1e6, 3)])
def test_a_warm_up_ends_when_it_has_taken_its_share_of_the_budget(
    planted_clock: list[int], monkeypatch: pytest.MonkeyPatch, budget_s: float, expected: int
) -> None:
    monkeypatch.setattr(timing, "MAX_ROUNDS", 5)
    seconds = itertools.chain([1.0, 2.0, 5.0][:expected], itertools.repeat(1.0))
    steps = cast("list[Step]", [Planted("attached", planted_clock, seconds)])
    timed = time_steps(steps, get("cpu"), 0, budget_s)
    assert timed.warm_up_rounds == expected
    assert [each.value for each in timed.samples[0] if each.phase == "forward"] == [1.0] * 5


def test_no_garbage_is_collected_while_steps_run(recorders: list[Recorder]) -> None:
    assert gc.isenabled()
    timed(recorders, 0, 0.0)
    assert {state for each in recorders for state in each.collecting} == {False}
    assert gc.isenabled()


def test_garbage_collection_that_was_off_stays_off(recorders: list[Recorder]) -> None:
    gc.disable()
    try:
        timed(recorders, 0, 0.0)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_timing_ends_as_soon_as_ratios_are_precise(planted_clock: list[int]) -> None:
    steps = [
        Planted(name, planted_clock, itertools.repeat(seconds))
        for name, seconds in (("attached", 1.0), ("detach", 2.0))
    ]
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 1e9)
    assert timed.stopped_by == "precision"
    assert len(timed.samples[0]) == 2 * timing.MIN_PRECISE_ROUNDS


def test_timing_of_a_wide_ratio_goes_on_until_the_budget_is_used(
    planted_clock: list[int],
) -> None:
    source = random.Random(0)
    steps = [
        Planted("attached", planted_clock, itertools.repeat(1.0)),
        Planted("detach", planted_clock, (source.uniform(0.5, 1.5) for _ in itertools.count())),
    ]
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 400.0)
    assert timed.stopped_by == "budget"
    seconds = sum(each.value or 0.0 for mine in timed.samples for each in mine)
    assert 400.0 <= seconds < 402.5


def test_timing_ends_at_the_most_rounds(
    planted_clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "MAX_ROUNDS", 7)
    step = Planted("attached", planted_clock, itertools.repeat(1.0))
    timed = time_steps(cast("list[Step]", [step]), get("cpu"), 0, 1e9)
    assert (timed.stopped_by, len(timed.samples[0])) == ("rounds", 14)


def test_nothing_to_time_gives_nothing() -> None:
    assert time_steps([], get("cpu"), 0, 1e9).samples == []


def test_real_steps_come_in_pairs() -> None:
    state = State(cell("elementwise"))
    samples = time_steps([state.step("attached"), state.step("detach")], get("cpu"), 0, 0.0).samples
    first, second = ([(each.phase, each.index) for each in mine] for mine in samples)
    assert first == second
    assert all(each.value is not None and each.value > 0 for mine in samples for each in mine)


@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_step_that_fails_is_left_out_and_the_others_go_on(
    good: int, calls: list[tuple[str, str]]
) -> None:
    steps = [Recorder("attached", calls), Failing("detach", calls, good), Recorder("frozen", calls)]
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 0.0)
    assert [failure.message for failure in timed.failures.values()] == ["planted in detach"]
    assert list(timed.failures) == [1]
    assert [len(mine) for mine in timed.samples] == [2 * FEWEST_ROUNDS, 0, 2 * FEWEST_ROUNDS]
    # It is reset and begun once more, and never again.
    assert [name for name, _ in calls].count("detach") == 3 * good + 2
    assert gc.isenabled()


def test_a_baseline_that_fails_leaves_the_others_timed(calls: list[tuple[str, str]]) -> None:
    steps = [Failing("attached", calls, 5), Recorder("detach", calls)]
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 0.001)
    assert list(timed.failures) == [0]
    assert timed.stopped_by in ("budget", "rounds")
    assert len(timed.samples[1]) >= 2 * FEWEST_ROUNDS


def test_when_all_fail_nothing_is_timed() -> None:
    steps = [Failing("attached", [], 0), Failing("detach", [], 0)]
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 1e9)
    assert (timed.samples, list(timed.failures), timed.stopped_by) == ([[], []], [0, 1], "")
    assert gc.isenabled()


def test_looped_samples_are_means_of_many_steps() -> None:
    calls: list[tuple[str, str]] = []
    steps = [Counted("attached", calls), Counted("detach", calls)]
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 0.0, looped=True)
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
    timed = time_steps(cast("list[Step]", steps), get("cpu"), 0, 0.0, looped=True)
    assert {place: each.message for place, each in timed.failures.items()} == {0: "planted"}
    assert [len(mine) for mine in timed.samples] == [0, FEWEST_ROUNDS]
    assert timed.loops > 1


def test_a_long_step_is_not_looped() -> None:
    class Long(Counted):
        def call(self) -> None:
            end = time.perf_counter() + LOOPED_SAMPLE_S
            while time.perf_counter() < end:
                pass

    assert loops_for(cast("list[Step]", [Long("attached", [])]), get("cpu")) == 1


def test_an_accelerator_times_each_step_itself_after_its_reset(
    calls: list[tuple[str, str]],
) -> None:
    step = cast("Step", Recorder("attached", calls))
    timed = time_steps([step], RecordingDevice(calls, iter(())), 0, 0.0)
    assert (timed.failures, timed.loops) == ({}, 1)
    once = [
        ("attached", "reset"),
        ("device", "time"),
        ("attached", "forward"),
        ("attached", "backward"),
        ("device", "timed"),
    ]
    assert calls == once * FEWEST_ROUNDS
    (mine,) = timed.samples
    assert [(each.phase, each.metric, each.value) for each in mine] == [
        ("forward", "time", 1.0),
        ("backward", "time", 2.0),
        ("forward", "host", 0.25),
        ("backward", "host", 0.5),
    ] * FEWEST_ROUNDS


def test_an_accelerator_times_a_loop_of_tiny_calls_itself(calls: list[tuple[str, str]]) -> None:
    step = Counted("attached", calls)
    looped = cast("Step", step)
    timed = time_steps([looped], RecordingDevice(calls, iter(())), 0, 0.0, looped=True)
    assert (timed.failures, timed.loops) == ({}, 1)
    # A sample of one call is long enough, says the device, three times.
    assert calls == [("attached", "reset"), ("device", "loop")] * (3 + FEWEST_ROUNDS)
    assert step.count == 3 + FEWEST_ROUNDS
    (mine,) = timed.samples
    assert [(each.phase, each.metric, each.value) for each in mine] == [
        ("forward", "time", 1.0),
        ("forward", "host", 0.25),
    ] * FEWEST_ROUNDS


@pytest.mark.cuda
def test_cuda_is_timed_by_events_with_the_host_beside() -> None:
    state = State(cell("frozen_backbone", size=256, device="cuda"))
    steps = [state.step("attached"), state.step("no_grad")]
    timed = time_steps(steps, get("cuda"), 0, 0.0)
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

    (mine,) = time_steps([Step("planted", forward, None, state)], get("cuda"), 0, 0.0).samples
    seconds: dict[tuple[str, str], float] = {}
    for each in mine:
        seconds.setdefault((each.phase, each.metric), each.value or 0.0)
    assert seconds["forward", "host"] < seconds["forward", "time"]
