"""What is given back after a failure, and between two visitors of one process."""

from __future__ import annotations

import pytest

from profiling.measure import device
from profiling.measure.device import Device
from profiling.measure.failure import (
    Failure,
    attempt,
    clear_device,
    give_memory_back,
    is_out_of_memory,
)
from profiling.model.errors import DeviceLostError
from profiling.model.run import Status
from tests.profiling.measure.recorders import RecordingDevice


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is asked of the one accelerator that is in use."""
    noted: list[tuple[str, str]] = []
    used: list[Device] = [RecordingDevice(noted, iter(()))]
    monkeypatch.setattr(device, "in_use", lambda: used)
    return noted


def fail() -> None:
    raise ValueError("planted")


def test_a_failure_gives_the_memory_of_devices_in_use_back(calls: list[tuple[str, str]]) -> None:
    assert attempt(lambda: 3) == 3
    assert calls == []
    failed = attempt(fail)
    assert isinstance(failed, Failure)
    assert failed.message == "planted"
    assert calls == [("device", "synchronize"), ("device", "empty_cache")]


def test_the_next_visitor_finds_memory_and_counters_as_new(calls: list[tuple[str, str]]) -> None:
    give_memory_back()
    given_back = [("device", "synchronize"), ("device", "empty_cache")]
    assert calls == given_back
    calls.clear()
    clear_device()
    assert calls == [*given_back, ("device", "reset_counters")]


class Lost(RecordingDevice):
    """A device that fails a few times, or for good, at whatever it is asked for."""

    def __init__(self, failures: float) -> None:
        super().__init__([], iter(()))
        self.failures = failures

    def synchronize(self) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("CUDA error: device-side assert triggered")


def test_a_device_that_fails_at_everything_is_told_with_the_error_that_cost_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "in_use", lambda: [Lost(float("inf"))])
    with pytest.raises(DeviceLostError) as told:
        attempt(lambda: attempt(fail))
    assert (told.value.key, told.value.values) == ("error.device_lost", {"text": "planted"})
    with pytest.raises(DeviceLostError) as told:
        give_memory_back()
    assert "device-side assert" in str(told.value.values["text"])


def test_an_error_that_is_told_late_costs_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "in_use", lambda: [Lost(1)])
    failed = attempt(fail)
    assert isinstance(failed, Failure)
    assert failed.message == "planted"


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 20.00 GiB.",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "HIP error: out of memory",
        "HIP out of memory. Tried to allocate 2.00 GiB.",
        "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
        "XPU out of memory. Tried to allocate 2.00 GiB.",
        "level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
        "MPS backend out of memory (MPS allocated: 9.07 GB, max allowed: 9.07 GB)",
        "Invalid buffer size: 14.90 GiB",
    ],
)
def test_every_devices_words_for_a_lack_of_memory_are_known(said: str) -> None:
    assert is_out_of_memory(RuntimeError(said))
    assert Failure(RuntimeError(said)).status is Status.OUT_OF_MEMORY


def test_other_errors_are_no_lack_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))
