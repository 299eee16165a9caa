"""A GPU that has too little memory: it is told, given back, and the next run works."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiling.measure.cell import measure_cell
from profiling.model.run import Status
from tests.profiling.planted import cell

# Its input alone takes 320 GB.
TOO_LARGE = 10**10


@pytest.mark.cuda
def test_what_does_not_fit_on_the_gpu_is_told_and_leaves_no_memory_taken(tmp_path: Path) -> None:
    import torch

    small = cell("frozen_backbone", device="cuda", branches=("attached",), size=64)
    measure_cell(small, tmp_path)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    large = cell(
        "frozen_backbone", device="cuda", branches=("attached",), size=TOO_LARGE, force=True
    )
    refused = measure_cell(large, tmp_path)
    assert (refused.status, refused.reason) == (Status.OUT_OF_MEMORY, "error.out_of_memory")
    assert torch.cuda.memory_reserved() <= before
    (again,) = measure_cell(small, tmp_path).results
    assert again.status is Status.OK
