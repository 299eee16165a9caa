from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from profiling.measure import guard
from profiling.measure.guard import free_bytes, needed_bytes
from profiling.measure.prediction import Prediction, Predictions, predict
from tests.profiling.planted import cell


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine and a process of which everything is known."""
    planted = SimpleNamespace(available=1000, data=300, limit=None)
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(data=planted.data))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: planted)
    monkeypatch.setattr(psutil, "Process", lambda: process)
    monkeypatch.setattr(guard, "_own_limit", lambda: planted.limit)
    return planted


def test_without_a_limit_what_the_system_has_is_free(machine: SimpleNamespace) -> None:
    assert free_bytes("cpu") == 1000


@pytest.mark.parametrize(
    ("limit", "free"),
    [
        (900, 600),  # the limit leaves less than the system has
        (5000, 1000),  # the system has less than the limit leaves
        (300, 0),
        (200, 0),  # never less than nothing
    ],
)
def test_a_limit_of_the_processs_own_counts(
    limit: int, free: int, machine: SimpleNamespace
) -> None:
    machine.limit = limit
    assert free_bytes("cpu") == free


def test_the_limit_is_the_one_that_the_worker_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = {resource.RLIMIT_DATA: (123_456, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    assert guard._own_limit() == 123_456
    limits[resource.RLIMIT_DATA] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert guard._own_limit() is None


def test_more_is_free_here_than_a_small_step_needs() -> None:
    predictions = predict(cell("frozen_backbone"), ["attached"])
    assert free_bytes("cpu") > needed_bytes(predictions, predictions.branches["attached"]) > 0


def test_needed_are_the_state_the_gradients_to_compare_with_and_the_step() -> None:
    step = Prediction(10_000, frozenset())
    predictions = Predictions(100, 20, None, {})
    assert needed_bytes(predictions, step) == 100 + 20 + 100 + 10_000
    assert needed_bytes(predictions, None) == 100 + 20 + 100


def test_what_could_not_be_predicted_counts_as_nothing() -> None:
    nothing = Predictions(None, None, None, {})
    assert needed_bytes(nothing, None) == 0
    assert needed_bytes(nothing, Prediction(7, frozenset())) == 7


@pytest.mark.cuda
def test_what_torch_holds_unused_is_free_on_cuda() -> None:
    size = 64 * 2**20
    held = torch.empty(size, dtype=torch.uint8, device="cuda")
    with_it = free_bytes("cuda")
    del held  # torch's allocator keeps the memory
    assert free_bytes("cuda") - with_it == size
    assert free_bytes("cuda") <= torch.cuda.get_device_properties(0).total_memory
