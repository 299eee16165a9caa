"""What is given back after a failure, and between two visitors of one process."""

from __future__ import annotations

import pytest

from profiling.measure import device
from profiling.measure.device import Device
from profiling.measure.failure import Failure, attempt, clear_device, give_memory_back
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
    assert calls == [("device", "empty_cache")]


def test_the_next_visitor_finds_memory_and_counters_as_new(calls: list[tuple[str, str]]) -> None:
    give_memory_back()
    assert calls == [("device", "empty_cache")]
    calls.clear()
    clear_device()
    assert calls == [("device", "empty_cache"), ("device", "reset_counters")]
