"""Steps and a device that write down what is asked of them, or take the time they are told to."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.profiler import ProfilerActivity

from profiling.measure.device import Counters, Device, Times

NAMES = ("attached", "detach", "no_grad", "frozen")


class Recorder:
    """Stands where a step does and writes down what is asked of it."""

    def __init__(self, name: str, calls: list[tuple[str, str]]) -> None:
        self.name = name
        self.calls = calls
        self.collecting: set[bool] = set()

    def reset(self) -> None:
        self.calls.append((self.name, "reset"))

    def forward(self) -> str:
        self.collecting.add(gc.isenabled())
        self.calls.append((self.name, "forward"))
        return f"loss of {self.name}"

    def backward(self, result: str) -> None:
        assert result == f"loss of {self.name}"
        self.calls.append((self.name, "backward"))


class Failing(Recorder):
    """Raises when it is run for the given time and ever after."""

    def __init__(self, name: str, calls: list[tuple[str, str]], good: int) -> None:
        super().__init__(name, calls)
        self.good = good

    def backward(self, result: str) -> None:
        self.good -= 1
        if self.good < 0:
            raise ValueError(f"planted in {self.name}")
        super().backward(result)


class Counted(Recorder):
    """A step that leaves nothing behind, so that many may follow each other."""

    count = 0

    def call(self) -> None:
        self.count += 1


class Planted(Recorder):
    """Takes the seconds it is told to, by the clock that `planted_clock` puts in place."""

    def __init__(self, name: str, clock: list[int], seconds: Iterator[float]) -> None:
        super().__init__(name, [])
        self.clock = clock
        self.seconds = seconds

    def forward(self) -> str:
        self.clock[0] += round(next(self.seconds) * 1e9)
        return super().forward()


class RecordingDevice(Device):
    """An accelerator that writes down what is asked of it, and counts what it is told to."""

    kind = "recording"
    trace_name = "cpu"
    is_accelerator = True
    has_counters = True
    has_kernels = True

    def __init__(self, calls: list[tuple[str, str]], counted: Iterator[Counters]) -> None:
        self.calls = calls
        self._counted = counted

    def name(self) -> str:
        return "A recording device"

    def memory_bytes(self) -> int:
        return 1000

    def free_bytes(self) -> int:
        return 600

    def dtypes(self) -> tuple[str, ...]:
        return ("float32",)

    def driver(self) -> str:
        return "13.0"

    def activities(self) -> list[ProfilerActivity]:
        self._note("activities")
        return [ProfilerActivity.CPU]

    def generators(self) -> list[torch.Generator]:
        return []

    def time_phases(self, forward: Callable[[], Any], backward: Callable[[Any], object]) -> Times:
        self._note("time")
        backward(forward())
        self._note("timed")
        return Times(1.0, 2.0, 0.25, 0.5)

    def time_loop(self, call: Callable[[], object], loops: int) -> Times:
        self._note("loop")
        for _ in range(loops):
            call()
        return Times(1.0, host_forward=0.25)

    def synchronize(self) -> None:
        self._note("synchronize")

    def empty_cache(self) -> None:
        self._note("empty_cache")

    def reset_counters(self) -> None:
        self._note("reset_counters")

    def counters(self) -> Counters:
        self._note("counters")
        return next(self._counted)

    def _note(self, what: str) -> None:
        self.calls.append(("device", what))
