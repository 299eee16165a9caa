from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiling.traces.kernel_table import kernel_table
from tests.profiling.traces.gpu_events import read, work

ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::AddFunctor<float>>(int)"


def test_configurations_are_shown_if_there_is_one(tmp_path: Path) -> None:
    same = {"registers per thread": 32, "shared memory": 1024, "block": [128, 1, 1]}
    trace = read(
        tmp_path,
        work(ADD, 0, 10, 1, grid=[8, 1, 1], **same, **{"est. achieved occupancy %": 100}),
        work(ADD, 20, 30, 2, grid=[16, 1, 1], **same, **{"est. achieved occupancy %": 20}),
        work("triton_poi_fused_add_0", 60, 40, 3, grid=[4, 1, 1], kernel_file="cache/c.py", **same),
        work("Memcpy DtoD (Device -> Device)", 110, 20, 4),
    ).events
    found = kernel_table(trace).set_index("short")
    assert found.index.to_list() == [
        "vectorized_elementwise_kernel<AddFunctor<float>>",
        "triton_poi_fused_add_0",
        "Memcpy DtoD (Device -> Device)",
    ]
    assert found["name"].iloc[0] == ADD
    assert found["share"].to_list() == pytest.approx([0.4, 0.4, 0.2])
    assert found["configurations"].to_list() == [2, 1, 0]
    assert found["varies"].to_list() == ["grid", "", ""]
    assert found["grid"].fillna("").to_list() == ["", "4,1,1", ""]
    assert found["block"].fillna("").to_list() == ["128,1,1", "128,1,1", ""]
    assert found["registers"].to_list() == [32, 32, pd.NA]
    assert found["kernel_file"].fillna("").to_list() == ["", "cache/c.py", ""]
    # Weighted by time: 100% for 10 µs, 20% for 30 µs.
    assert found["occupancy_pct"].iloc[0] == pytest.approx(40)
    assert kernel_table(trace[:0]).empty
