"""What of a peak no operator returned."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from profiling.measure.step import State, Step
from profiling.traces.memory import NO_OP, scratch
from tests.profiling.planted import cell, event
from tests.profiling.traces.peaks import NODE, memory, planted, recorded

pytestmark = pytest.mark.usefixtures("small_heap")


def test_scratch_is_what_an_operator_frees_itself(tmp_path: Path) -> None:
    size = 1000

    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (x * w).logsumexp(0)

    trace = recorded(
        tmp_path, Step("attached", forward, None, State(cell("elementwise", size=size)))
    )
    forward_only = trace[
        trace["start_s"] < trace.loc[trace["name"] == "backward", "start_s"].item()
    ]
    freed_inside = scratch(forward_only, "cpu", frozenset({"aten::logsumexp", "aten::mul"}))
    # The exponentials, and the maximum that is taken out of them.
    expected = [("aten::logsumexp", size * 4 + 4)]
    assert list(freed_inside.itertuples(index=False, name=None)) == expected


def test_scratch_belongs_to_the_innermost_operator_that_outlives_it(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("outer", 0, dur=100),
        event("inner", 10, dur=40),
        event("aten::empty", 11, dur=2),
        memory(1, 6, 12),  # freed in inner
        memory(2, 10, 14),  # freed in outer
        memory(3, 100, 15),  # freed after both
        memory(4, 1_000, 16),  # never freed
        memory(1, -6, 40),
        memory(5, 5, 41),  # after the peak
        memory(5, -5, 42),
        memory(2, -10, 60),
        memory(3, -100, 110),
    )

    def found(*names: str) -> dict[str, int]:
        table = scratch(trace, "cpu", frozenset(names))
        return dict(zip(table["op"], table["bytes"], strict=True))

    assert found("outer", "inner", "aten::empty") == {"outer": 10, "inner": 6}
    assert found("outer") == {"outer": 16}
    assert found("inner") == {"inner": 6}
    # Only what is in no call that is known of was not returned by one for sure.
    assert found("aten::empty") == {NO_OP: 10 + 100 + 1_000}
    assert found() == {NO_OP: 6 + 10 + 100 + 1_000}


def test_scratch_outside_of_any_operator_has_a_name_of_its_own(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        memory(9, -500, 0),  # of before the trace
        memory(1, 8, 1),
        event("aten::mul", 10, dur=10),
        memory(2, 1_000, 11),
        event(NODE + "MulBackward0", 30, dur=20),
        memory(3, 16, 31),
        event("aten::mul", 35, dur=10),
        memory(4, 4, 36),
        memory(4, -4, 44),
        memory(2, -1_000, 60),
    )
    table = scratch(trace, "cpu", frozenset({"aten::mul"}))
    assert list(table.itertuples(index=False, name=None)) == [(NO_OP, 8 + 16), ("aten::mul", 4)]


def test_a_number_made_into_a_tensor_is_outside_of_any_operator(tmp_path: Path) -> None:
    def forward(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x * w, 0.5).sum()

    step = Step("attached", forward, None, State(cell("elementwise", size=1000)))
    dispatched = frozenset({"aten::gt", "aten::mul", "aten::where", "aten::sum"})
    table = scratch(recorded(tmp_path, step), "cpu", dispatched)
    assert NO_OP in table["op"].to_list()
