from __future__ import annotations

import pytest
import torch

from profiling.measure.bandwidth import copy_bandwidth

pytestmark = pytest.mark.cuda


def test_a_copy_is_faster_than_a_cpu_and_slower_than_any_memory() -> None:
    assert 1e10 < copy_bandwidth() < 1e14


def test_a_copy_leaves_no_memory_behind() -> None:
    before = torch.cuda.memory_allocated()
    copy_bandwidth()
    assert torch.cuda.memory_allocated() == before
