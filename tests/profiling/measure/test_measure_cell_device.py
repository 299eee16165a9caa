"""A device whose allocator counts: what the memory pass then leaves to the trace pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from demos.workloads import elementwise
from profiling.measure import cell as cell_module
from profiling.measure import device, profiler
from profiling.measure.cell import measure_cell
from profiling.measure.device import KINDS, Counters, Cpu, Device
from profiling.measure.failure import attempt
from profiling.measure.step import Step
from profiling.model.run import Notice, Status
from tests.profiling.measure.cells import metrics
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

VECTOR = 1000 * 4


class Counting(Cpu):
    """The CPU, with counters and a bandwidth that are known."""

    has_counters = True

    def reset_counters(self) -> None:
        """Nothing is counted."""

    def counters(self) -> Counters:
        return Counters(0, 100, 0, 0, 0, 512, 1024)

    def copy_bandwidth(self) -> float:
        return 8e9


def test_operators_and_parts_are_read_from_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "cpu", Counting)
    asked = cell(size=1000, branches=("attached", "clone_detach"))
    results = measure_cell(asked, tmp_path).results
    counted = ["peak", "live", "allocated", "allocations", "block_peak", "reserved_peak"]
    traced = ["ops", "kernels", "launches", "copies", "device_copies", "syncs"]
    for result in results:
        assert metrics(result) == [
            *("predicted", *counted, "saved", "time"),
            *("copy_bandwidth", *traced, "clone_bandwidth"),
        ]
        values = {sample.metric: sample.value for sample in result.samples}
        assert (values["peak"], values["block_peak"], values["reserved_peak"]) == (100, 512, 1024)
        assert values["copy_bandwidth"] == 8e9
        # No GPU is in the trace.
        assert (values["kernels"], values["clone_bandwidth"]) == (None, None)
        assert sum(part.bytes for part in result.peak_parts) == values["predicted"]
    copies = [
        [part.bytes for part in result.peak_parts if part.kind == "copy"] for result in results
    ]
    assert copies == [[], [VECTOR]]


class Noting(Counting):
    """A device that notes what is asked of it, and whose errors come when it is waited for."""

    is_accelerator = True
    has_kernels = True
    calls: ClassVar[list[str]] = []
    late: ClassVar[list[Exception]] = []

    def synchronize(self) -> None:
        if self.late:
            raise self.late.pop()

    def empty_cache(self) -> None:
        self.calls.append("empty_cache")


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> type[Noting]:
    monkeypatch.setattr(Noting, "calls", [])
    monkeypatch.setattr(Noting, "late", [])
    monkeypatch.setitem(KINDS, "cpu", Noting)
    monkeypatch.setattr(device, "in_use", lambda: [Noting()])
    return Noting


def test_memory_is_given_back_when_a_cell_is_finished(
    noting: type[Noting], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def marked(action: Any) -> Any:
        result = attempt(action)
        noting.calls.append("attempted")
        return result

    monkeypatch.setattr(cell_module, "attempt", marked)
    assert measure_cell(cell(), tmp_path).status is Status.OK
    assert noting.calls[-2:] == ["attempted", "empty_cache"]


def test_a_profiler_that_sees_no_kernels_is_told_of(noting: type[Noting], tmp_path: Path) -> None:
    finished = measure_cell(cell(), tmp_path)
    assert [each.key for each in finished.notices] == ["notice.no_kernels_recorded"]


def test_a_profiler_that_sees_kernels_is_warmed_up_before_the_first_branch(
    noting: type[Noting], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    record = profiler.record_step

    def recorded(step: Step, *arguments: Any, **named: Any) -> None:
        order.append(step.branch)
        record(step, *arguments, **named)

    def sees(device: Device) -> bool:
        order.append("warm up")
        return True

    monkeypatch.setattr(profiler, "record_step", recorded)
    monkeypatch.setattr(profiler, "sees_kernels", sees)
    assert measure_cell(cell(), tmp_path).notices == ()
    assert order == ["warm up", "attached", "detach"]


def test_a_bandwidth_for_which_there_is_no_memory_costs_nothing_but_itself(
    noting: type[Noting], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Noting) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(noting, "copy_bandwidth", fail)
    finished = measure_cell(cell(), tmp_path)
    assert [each.status for each in finished.results] == [Status.OK, Status.OK]
    (copied,) = (each for each in finished.results[0].samples if each.metric == "copy_bandwidth")
    assert copied.value is None


def test_an_error_that_comes_late_is_that_of_the_branch_that_made_it(
    noting: type[Noting], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detach: Callable[..., Any] = elementwise.detach

    def late(x: torch.Tensor, w: torch.Tensor) -> Any:
        if type(x) is torch.Tensor:
            noting.late.append(RuntimeError("an illegal memory access"))
        return detach(x, w)

    monkeypatch.setattr(elementwise, "detach", late)
    asked = cell(branches=("attached", "detach", "no_grad"))
    results = measure_cell(asked, tmp_path).results
    assert [(each.branch, each.status, each.message) for each in results] == [
        ("attached", Status.OK, ""),
        ("detach", Status.ERROR, "an illegal memory access"),
        ("no_grad", Status.OK, ""),
    ]


def test_memory_that_the_allocator_does_not_count_is_left_empty_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Uncounted(Counting):
        def counts(self) -> bool:
            return False

        def untold(self) -> tuple[Notice, ...]:
            return (Notice("notice.no_counters", {"allocator": "another"}),)

    monkeypatch.setitem(KINDS, "cpu", Uncounted)
    finished = measure_cell(cell(), tmp_path)
    assert finished.notices == (Notice("notice.no_counters", {"allocator": "another"}),)
    for result in finished.results:
        values = {sample.metric: sample.value for sample in result.samples}
        names = ("peak", "live", "allocated", "allocations", "block_peak", "reserved_peak")
        assert [values[name] for name in names] == [None] * 6
        assert (result.peak_parts, result.scratch) == ((), ())
        assert values["ops"] is not None


class Untraced(Cpu):
    """A device whose allocations nothing tells of."""

    has_allocations = False


@pytest.mark.parametrize("workload", ["elementwise", "side_branch", "frozen_backbone"])
def test_without_counters_and_events_the_results_of_operators_are_counted(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = cell(workload, size=8)
    usual = measure_cell(asked, tmp_path).results
    monkeypatch.setitem(KINDS, "cpu", Untraced)
    tracked = measure_cell(asked, tmp_path).results
    for mine, theirs in zip(tracked, usual, strict=True):
        assert theirs.scratch == ()
        for metric in ("predicted", "peak", "live", "ops"):
            found, wanted = (
                [each.value for each in result.samples if each.metric == metric]
                for result in (mine, theirs)
            )
            assert found == wanted, metric
        assert mine.peak_parts == ()
