"""What the tests of the passes speak of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from profiling.model.run import BranchResult, CellResult
from tests.profiling.planted import cell

# Lessons then leave out what is saved for backward.
reads_saved = pytest.mark.skipif(
    not hasattr(torch._C._autograd.SavedTensor, "data"),
    reason="this torch cannot tell what is saved without unpacking it",
)
SIZE = 1000
VECTOR = SIZE * 4
# x and w, what w's gradient is compared with (x's never has one, but may), and the step.
NEEDED = {"attached": 4 * VECTOR + 4 * VECTOR + 8, "detach": 4 * VECTOR + 2 * VECTOR + 8}
# Peak of each branch of frozen_backbone at size 4,096, depth 8 and width 128, in bytes.
FROZEN_BACKBONE_PEAKS = [
    ("attached", 23_069_196),
    ("detach", 20_971_520),
    ("detach_inline", 18_874_368),
    ("detach_kept", 23_069_196),
    ("no_grad", 8_389_132),
    ("frozen", 8_389_132),
]
ASKED = cell(size=SIZE, branches=("attached", "detach"))


def metrics(result: BranchResult) -> list[str]:
    return list(dict.fromkeys(sample.metric for sample in result.samples))


EVERY_METRIC = ["predicted", "peak", "live", "allocated", "allocations", "ops", "saved", "time"]


Measure = Callable[..., CellResult]
