"""What the tests of the passes speak of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from profiling.measure.cell import measure_cell
from profiling.measure.device import Cpu
from profiling.model.run import BranchResult, Cell, CellResult
from tests.profiling.planted import cell

SIZE = 1000
VECTOR = SIZE * 4
# x and w, what w's gradient is compared with (x's never has one, but may), and the step.
NEEDED = {"attached": 4 * VECTOR + 4 * VECTOR + 8, "detach": 4 * VECTOR + 2 * VECTOR + 8}
ASKED = cell(size=SIZE, branches=("attached", "detach"))


def metrics(result: BranchResult) -> list[str]:
    return list(dict.fromkeys(sample.metric for sample in result.samples))


EVERY_METRIC = ["predicted", "peak", "live", "allocated", "allocations", "ops", "saved", "time"]


Measure = Callable[..., CellResult]


def measurer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Return a function that measures a cell in this process, with so much memory free."""

    def measure(asked: Cell, free_bytes: int = 2**40) -> CellResult:
        monkeypatch.setattr(Cpu, "free_bytes", lambda self: free_bytes)
        return measure_cell(asked, folder)

    return measure
