"""Every branch that runs, in every dtype, needs what was predicted.

To the byte, since kernels of the simulated accelerator have no scratch; attention is composed of
operators there, some of which need memory that they do not return, so it needs no less.
"""

from __future__ import annotations

import pytest

from profiling import catalogue
from profiling.catalogue import WORKLOADS
from profiling.measure.prediction import predict
from profiling.measure.step import State
from profiling.model.request import DTYPES
from tests.profiling.measure.predicting import measured
from tests.profiling.planted import cell

pytestmark = [pytest.mark.lab, pytest.mark.long]

COMPOSED = "transformer_backbone"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_branch_needs_what_was_predicted(workload: str, dtype: str) -> None:
    entry = catalogue.workload(workload)
    branches = [each for each in entry.branches if each not in {*entry.absent, *entry.raises}]
    asked = cell(workload, size=entry.sizes[0], dtype=dtype, device="lab", branches=branches)
    predictions = predict(asked, branches).branches
    state = State(asked)
    for branch in branches:
        predicted = predictions[branch]
        assert predicted is not None
        found = measured(state.step(branch), predicted, "lab")
        peak = found.samples[0].value or 0
        assert peak >= predicted.peak_bytes, branch
        if workload != COMPOSED or branch == "attached":
            assert (branch, peak) == (branch, predicted.peak_bytes)
