"""Communication: which kernels, how long, how much of it beside compute, how fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.traces.communication import (
    Communication,
    collectives,
    communication,
    is_communication,
)
from profiling.traces.table import MORE_COLUMNS
from tests.profiling.traces.gpu_events import read, work
from tests.profiling.traces.nests import table

RING = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"


def collective(name: str, dur: float, elements: int, size: int, dtype: str) -> dict[str, Any]:
    args = {"Collective name": name, "In msg nelems": elements, "Group size": size}
    return work(RING, 0, dur, 0, dtype=dtype, **args, **{"Process Group Name": "0"})


def test_kernels_that_communicate_are_known_by_name_or_collective(tmp_path: Path) -> None:
    names = [
        RING,
        "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclWorkElem)",
        "void multimem_all_reduce_kernel<c10::BFloat16, 16>(c10::BFloat16*)",
        "void vllm::cross_device_reduce_1stage<float, 8>(vllm::RankData*)",
        "reduce_kernel",
        "Memcpy DtoD (Device -> Device)",
    ]
    trace = read(tmp_path, *(work(name, 10 * at, 5) for at, name in enumerate(names))).events
    assert is_communication(trace).to_list() == [True, True, True, True, False, False]
    named = collectives(trace)["collective"].to_list()
    assert named[:2] == ["AllReduce", "SendRecv"]


def test_bandwidths_are_those_of_the_tests_of_nccl(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        collective("allreduce", 100, 1000, 4, "Float"),
        collective("allreduce", 300, 1000, 4, "Float"),
        collective("_allgather_base", 100, 1000, 4, "BFloat16"),
        collective("all_to_allv", 100, 1000, 4, "Long"),
        collective("reduce_scatter_tensor_coalesced", 100, 1000, 1, "Float"),
    ).events
    found = collectives(trace).set_index("collective")
    reduced, gathered = found.loc["allreduce"], found.loc["_allgather_base"]
    assert (reduced["message_bytes"], reduced["count"], reduced["group"]) == (4000, 2, "0")
    assert reduced["algorithm_bytes_per_s"] == pytest.approx(4000 / 200e-6)
    assert reduced["bus_bytes_per_s"] == pytest.approx(4000 / 200e-6 * 2 * 3 / 4)
    assert gathered["algorithm_bytes_per_s"] == pytest.approx(4 * 2000 / 100e-6)
    assert gathered["bus_bytes_per_s"] == pytest.approx(4 * 2000 / 100e-6 * 3 / 4)
    # Sizes differ by process, and a group of one communicates with nobody.
    unknown = found.loc[["all_to_allv", "reduce_scatter_tensor_coalesced"]]
    assert unknown["bus_bytes_per_s"].isna().all()


_kernels = st.lists(
    st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 9)), min_size=1, max_size=9
)


@settings(max_examples=40)
@given(_kernels)
def test_overlap_is_counted_by_the_nanosecond(kernels: list[tuple[bool, int, int]]) -> None:
    rows = [
        {
            "name": RING if talks else "gemm",
            "category": "kernel",
            "process": "0",
            "thread": "7",
            "start_s": start / 1e9,
            "duration_s": length / 1e9,
        }
        for talks, start, length in kernels
    ]
    more = {name: pd.Series(dtype=kind) for name, kind in MORE_COLUMNS.items()}
    trace = table(rows).assign(**more)
    moments = [
        {
            at
            for talks, start, length in kernels
            if talks == which
            for at in range(start, start + length)
        }
        for which in (True, False)
    ]
    count = sum(talks for talks, _, _ in kernels)
    expected = Communication(0, "0", count, len(moments[0]), len(moments[0] & moments[1]))
    assert communication(trace) == ((expected,) if count else ())
