"""Steps that write down what is asked of them, or take the time that they are told to."""

from __future__ import annotations

import gc
from collections.abc import Iterator

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
