from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from demos.workloads import elementwise, side_branch
from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure.cell import measure_cell
from profiling.measure.step import State
from profiling.model.run import BranchResult, Cell, CellResult, Sample, Status
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

STATUSES: dict[str, dict[str, str]] = {
    "call_alone": {"detach_inplace": "unsupported"},
    "side_branch": {
        "detach_inline": "unsupported",
        "detach_kept": "unsupported",
        "detach_inplace": "expected_error",
        "frozen": "unsupported",
    },
    "gan_generator": {"no_grad": "expected_error", "inference_mode": "expected_error"},
    "truncated_bptt": {
        "carried": "expected_error",
        "no_grad": "unsupported",
        "inference_mode": "unsupported",
        "frozen": "unsupported",
    },
    "straight_through": {"frozen": "unsupported"},
    "split_backward": dict.fromkeys(("no_grad", "inference_mode", "frozen"), "unsupported"),
    "grad_cache": dict.fromkeys(("frozen",), "unsupported"),
    "recycling": dict.fromkeys(("frozen",), "unsupported"),
    "lora_checkpoint": dict.fromkeys(("inference_mode",), "unsupported"),
    "maml": dict.fromkeys(("no_grad", "inference_mode", "frozen"), "unsupported"),
    "vq_vae": dict.fromkeys(("inference_mode", "frozen"), "unsupported"),
    "actor_critic": dict.fromkeys(("inference_mode", "frozen"), "unsupported"),
}


def full(workload: str, **values: Any) -> Cell:
    return cell(workload, branches=catalogue.workload(workload).branches, **values)


def by_branch(result: CellResult) -> dict[str, BranchResult]:
    return {each.branch: each for each in result.results}


def named(result: BranchResult) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in result.samples:
        found.setdefault(sample.metric, []).append(sample)
    return found


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_branch_of_a_workload(workload: str, tmp_path: Path) -> None:
    asked = full(workload)
    measured = measure_cell(asked, tmp_path)
    assert (measured.cell, measured.status) == (asked, Status.OK)
    assert (measured.reason, measured.message) == ("", "")
    results = by_branch(measured)
    assert tuple(results) == asked.branches
    statuses = dict.fromkeys(asked.branches, "ok") | STATUSES.get(workload, {})
    assert {name: result.status.value for name, result in results.items()} == statuses
    entry = catalogue.workload(workload)
    for name, result in results.items():
        if result.status is Status.UNSUPPORTED:
            reason = f"workload.{workload}.absent.{name}"
            assert result == BranchResult(name, Status.UNSUPPORTED, reason)
        else:
            assert result.source == entry.sources[name].text
            assert result.source_sha256 == hashlib.sha256(result.source.encode()).hexdigest()
        if result.status is Status.OK:
            check_passes(result, asked, tmp_path)
    traces = [result.trace for result in results.values() if result.trace is not None]
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json.gz"))
    assert found == sorted(traces)


MEMORY = ("peak", "live", "allocated", "allocations", "ops", "saved")


def check_peak(result: BranchResult, samples: dict[str, list[Sample]]) -> None:
    (peak,), (predicted,) = samples["peak"], samples["predicted"]
    assert peak.value is not None
    assert predicted.value is not None
    assert sum(part.bytes for part in result.peak_parts) == peak.value
    assert predicted.value <= peak.value
    # What a prediction misses is an operator's scratch.
    assert (predicted.value == peak.value) or result.scratch


def check_passes(result: BranchResult, asked: Cell, folder: Path) -> None:
    samples = named(result)
    assert list(samples) == ["predicted", *MEMORY, "time"]
    check_peak(result, samples)
    # A looped step has no backward.
    looped = catalogue.workload(asked.workload).looped
    phases = ("forward",) if looped else ("forward", "backward")
    rounds = len(samples["time"]) // len(phases)
    assert rounds >= 5
    assert [(each.phase, each.index) for each in samples["time"]] == [
        (phase, index) for index in range(rounds) for phase in phases
    ]
    assert all(len(samples[metric]) == 1 for metric in MEMORY)
    assert result.trace == (
        f"traces/{asked.workload}-{result.branch}-{asked.size}-{asked.dtype}-cpu.json.gz"
    )
    (ops,) = samples["ops"]
    assert (ops.phase, ops.unit, ops.index) == ("step", "count", 0)
    assert ops.value == count_operators(folder / result.trace)
    assert [each.group for each in result.reach] == list(State(asked).groups)


def count_operators(path: Path) -> int:
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    return sum(event.get("cat") == "cpu_op" for event in events)


def test_an_expected_error_is_told_in_its_own_words(tmp_path: Path) -> None:
    measured = measure_cell(full("side_branch"), tmp_path)
    result = by_branch(measured)["detach_inplace"]
    assert result.reason == "workload.side_branch.raises.detach_inplace"
    assert result.message == (
        "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_()."
        "This is not supported, please use out-of-place `.detach()` instead"
    )
    assert (result.samples, result.reach, result.trace) == ((), (), None)


def test_another_error_than_the_expected_one_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(trunk: Any, main: Any, side: Any, x: Any) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(side_branch, "detach_inplace", failing)
    measured = measure_cell(full("side_branch"), tmp_path)
    result = by_branch(measured)["detach_inplace"]
    assert (result.status, result.reason) == (Status.ERROR, "error.step_failed")
    assert result.message == "planted"


@pytest.mark.parametrize(
    ("error", "status", "reason", "message"),
    [
        (ValueError("planted"), "error", "error.step_failed", "planted"),
        (ValueError(), "error", "error.step_failed", "ValueError"),
        (MemoryError(), "out_of_memory", "error.out_of_memory", "MemoryError"),
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            "out_of_memory",
            "error.out_of_memory",
            "CUDA out of memory.",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            "out_of_memory",
            "error.out_of_memory",
            "DefaultCPUAllocator: can't allocate memory: you tried",
        ),
    ],
)
def test_one_branch_that_fails_leaves_the_others_measured(
    error: Exception,
    status: str,
    reason: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(x: torch.Tensor, w: torch.Tensor) -> None:
        raise error

    monkeypatch.setattr(elementwise, "detach", failing)
    asked = cell(branches=("attached", "detach", "no_grad"))
    measured = measure_cell(asked, tmp_path)
    attached, detach, no_grad = measured.results
    assert measured.status is Status.OK
    assert (attached.status, no_grad.status) == (Status.OK, Status.OK)
    assert (detach.status.value, detach.reason, detach.message) == (status, reason, message)
    assert (detach.samples, detach.reach, detach.trace) == ((), (), None)
    assert detach.source == catalogue.workload("elementwise").sources["detach"].text
    assert len(list(tmp_path.rglob("*.json.gz"))) == 2


def test_memory_that_was_short_further_down_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(x: torch.Tensor, w: torch.Tensor) -> None:
        raise RuntimeError("wrapped") from MemoryError()

    monkeypatch.setattr(elementwise, "detach", failing)
    (result,) = measure_cell(cell(branches=("detach",)), tmp_path).results
    assert (result.status, result.message) == (Status.OUT_OF_MEMORY, "wrapped")


def test_a_branch_that_fails_late_keeps_what_was_measured_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step: Callable[..., Any] = elementwise.detach
    calls = 0

    def failing(x: torch.Tensor, w: torch.Tensor) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:  # after prediction, reach and memory, while saved bytes are measured
            raise ValueError("planted")
        return step(x, w)

    monkeypatch.setattr(elementwise, "detach", failing)
    asked = cell(branches=("attached", "detach"))
    attached, detach = measure_cell(asked, tmp_path).results
    assert (detach.status, detach.message) == (Status.ERROR, "planted")
    assert [each.outcome for each in detach.reach] == ["none", "equal"]
    assert [sample.metric for sample in detach.samples] == ["predicted"]
    assert list(named(attached)) == ["predicted", *MEMORY, "time"]


def test_a_cell_that_cannot_be_built_has_no_branches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(size: int) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(elementwise, "build", failing)
    asked = cell()
    measured = measure_cell(asked, tmp_path)
    assert replace(measured, duration_s=None) == CellResult(
        asked, Status.ERROR, (), "error.step_failed", "planted"
    )
    assert list(tmp_path.iterdir()) == []


def test_memory_and_reach_repeat_exactly(tmp_path: Path) -> None:
    asked = full("frozen_backbone")
    first, second = (by_branch(measure_cell(asked, tmp_path)) for _ in range(2))
    for name in asked.branches:
        assert first[name].reach == second[name].reach
        for metric in MEMORY:
            assert named(first[name])[metric] == named(second[name])[metric]


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_every_dtype_is_measured(dtype: str, tmp_path: Path) -> None:
    asked = cell("frozen_backbone", dtype=dtype, branches=("attached", "detach"))
    attached, detach = measure_cell(asked, tmp_path).results
    assert [each.outcome for each in attached.reach] == ["unwanted", "equal"]
    assert [each.outcome for each in detach.reach] == ["none", "equal"]
    assert detach.trace == f"traces/frozen_backbone-detach-4-{dtype}-cpu.json.gz"


@pytest.mark.parametrize(
    "workload",
    [
        pytest.param(
            each, marks=() if each in ("side_branch", "gan_generator") else pytest.mark.long
        )
        for each in WORKLOADS
    ],
)
def test_every_branch_is_measured_on_an_accelerator(
    workload: str, tmp_path: Path, accelerator: str
) -> None:
    asked = full(workload, size=64, device=accelerator)
    results = by_branch(measure_cell(asked, tmp_path))
    statuses = dict.fromkeys(asked.branches, "ok") | STATUSES.get(workload, {})
    assert {name: result.status.value for name, result in results.items()} == statuses
    here = by_branch(measure_cell(full(workload, size=64), tmp_path))
    for name, result in results.items():
        assert [each.outcome for each in result.reach] == [
            each.outcome for each in here[name].reach
        ]
        # A GPU's kernels of attention save other tensors than the CPU's.
        if result.status is Status.OK and workload != "transformer_backbone":
            assert named(result)["saved"] == named(here[name])["saved"]
