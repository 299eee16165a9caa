"""What is said of a result beside what it shows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from profiling.analysis.notices import is_launch_bound, notices
from profiling.model.run import BranchResult, CellResult, Notice, Sample, Status
from profiling.model.words import Text
from tests.profiling.planted import branch, cell


def sampled(name: str, device_s: float, host_s: float, syncs: int | None = 0) -> BranchResult:
    """Return a branch of three rounds with so many seconds of forward and backward together."""
    samples = [
        Sample(phase, metric, "s", index, seconds / 2)
        for metric, seconds in (("time", device_s), ("host", host_s))
        for index in range(3)
        for phase in ("forward", "backward")
    ]
    return branch(name, samples=(*samples, Sample("step", "syncs", "count", 0, syncs)))


@pytest.mark.parametrize(
    ("device_s", "host_s", "syncs", "is_bound"),
    [
        (1.0, 0.9, 0, True),
        (1.0, 1.1, None, True),
        (1.0, 0.89, 0, False),
        # The host waits for the device, whatever the device does.
        (1.0, 1.0, 1, False),
    ],
)
def test_a_step_is_launch_bound_if_the_host_takes_as_long_as_the_device(
    device_s: float, host_s: float, syncs: int | None, is_bound: bool
) -> None:
    assert is_launch_bound(sampled("attached", device_s, host_s, syncs)) is is_bound


def test_on_a_cpu_nothing_is_launched() -> None:
    result = sampled("attached", 1.0, 1.0)
    times = tuple(each for each in result.samples if each.metric == "time")
    assert not is_launch_bound(replace(result, samples=times))


def test_everything_is_said_once(text: Text) -> None:
    noted = branch("frozen", notices=(Notice("notice.no_kernels_recorded"),))
    results = (sampled("attached", 1.0, 1.0), sampled("detach", 1.0, 0.1), noted)
    finished = CellResult(
        cell(),
        Status.OK,
        results,
        notices=(Notice("notice.no_counters", {"allocator": "cudaMallocAsync"}),),
    )
    assert notices(finished, text) == [
        text("notice.no_counters", allocator="cudaMallocAsync"),
        f"frozen: {text('notice.no_kernels_recorded')}",
        text("notice.launch_bound", names="`attached`", count="1", size="64"),
    ]


def test_where_size_is_the_number_of_steps_a_larger_one_is_not_offered(text: Text) -> None:
    finished = CellResult(cell(unit="steps"), Status.OK, (sampled("attached", 1.0, 1.0),))
    assert notices(finished, text) == [
        text("notice.launch_bound_steps", names="`attached`", count="1")
    ]


def test_what_a_newer_version_notes_is_said_as_far_as_it_is_known(text: Text) -> None:
    finished = CellResult(cell(), Status.OK, (), notices=(Notice("notice.of_tomorrow"),))
    assert notices(finished, text) == ["of_tomorrow"]
