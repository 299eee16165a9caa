"""What the tests of measuring share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from profiling.measure.cell import measure_cell
from profiling.measure.device import Cpu
from profiling.model.run import Cell, CellResult
from tests.profiling.measure.cells import Measure


@pytest.fixture
def own_module_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a device's own module asked, as tests replace its functions.

    A build for CUDA has `torch.accelerator` serve CUDA even where there is no GPU.
    """
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_: None)


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Return a function that measures a cell in this process, with so much memory free."""

    def measure(asked: Cell, free_bytes: int = 2**40) -> CellResult:
        monkeypatch.setattr(Cpu, "free_bytes", lambda self: free_bytes)
        return measure_cell(asked, tmp_path)

    return measure
