"""A device whose allocator counts: what the memory pass then leaves to the trace pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiling.measure.cell import measure_cell
from profiling.measure.device import KINDS, Counters, Cpu
from tests.profiling.measure.cells import metrics
from tests.profiling.planted import cell

pytestmark = pytest.mark.usefixtures("small_heap")

VECTOR = 1000 * 4


class Counting(Cpu):
    """The CPU, with counters and a bandwidth that are known."""

    has_counters = True

    def reset_counters(self) -> None:
        """Nothing is counted."""

    def counters(self) -> Counters:
        return Counters(0, 100, 0, 0, 0, 512, 1024)

    def copy_bandwidth(self) -> float:
        return 8e9


def test_operators_and_parts_are_read_from_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "cpu", Counting)
    asked = cell(size=1000, branches=("attached", "clone_detach"))
    results = measure_cell(asked, tmp_path).results
    counted = ["peak", "live", "allocated", "allocations", "block_peak", "reserved_peak"]
    traced = ["ops", "kernels", "launches", "copies", "device_copies", "syncs"]
    for result in results:
        assert metrics(result) == [
            *("predicted", *counted, "saved", "time", *traced),
            *("clone_bandwidth", "copy_bandwidth"),
        ]
        values = {sample.metric: sample.value for sample in result.samples}
        assert (values["peak"], values["block_peak"], values["reserved_peak"]) == (100, 512, 1024)
        assert values["copy_bandwidth"] == 8e9
        # No GPU is in the trace.
        assert (values["kernels"], values["clone_bandwidth"]) == (None, None)
        assert sum(part.bytes for part in result.peak_parts) == values["predicted"]
    copies = [
        [part.bytes for part in result.peak_parts if part.kind == "copy"] for result in results
    ]
    assert copies == [[], [VECTOR]]
