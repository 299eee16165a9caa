"""Which kind each allocation of a planted trace is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiling.traces.memory import memory_curve, peak_parts, scratch
from tests.profiling.planted import event
from tests.profiling.traces.peaks import NODE, memory, planted, rows

pytestmark = pytest.mark.usefixtures("small_heap")


def test_kinds_by_lifetime_and_place(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("forward", 0, dur=50, cat="user_annotation"),
        event("aten::linear", 0, dur=10),
        event("aten::addmm", 1, dur=8),
        memory(1, 1, 2),
        event("aten::clone", 10, dur=10),
        memory(2, 10, 12),
        event("aten::contiguous", 20, dur=10),
        event("aten::clone", 21, dur=8),
        memory(3, 100, 22),
        memory(4, 1_000, 31),
        event("aten::mean", 40, dur=5),
        memory(5, 10_000, 41),
        event("aten::ones_like", 60, dur=5),
        memory(6, 100_000, 61),
        event(NODE + "AddmmBackward0", 70, dur=20),
        event("AddmmBackward0", 71, dur=18),
        event("aten::clone", 72, dur=5),
        memory(7, 1_000_000, 73),
        memory(8, 10_000_000, 80),
        memory(1, -1, 85),
        memory(2, -10, 86),
        memory(3, -100, 87),
        memory(4, -1_000, 95),
        memory(6, -100_000, 96),
        memory(7, -1_000_000, 97),
    )
    assert rows(peak_parts(trace, "cpu")) == [
        ("gradient", "AddmmBackward0", 10_000_000),
        ("backward_temporary", "AddmmBackward0", 1_000_000),
        ("backward_temporary", "aten::ones_like", 100_000),
        ("kept", "aten::mean", 10_000),
        ("saved", "python", 1_000),
        ("saved", "aten::contiguous", 100),
        ("copy", "aten::clone", 10),
        ("saved", "aten::linear", 1),
    ]


def test_what_is_freed_before_backward_begins_is_temporary(tmp_path: Path) -> None:
    events = [
        event("aten::mul", 0, dur=10),
        memory(1, 8, 1),
        memory(2, 16, 2),
        memory(1, -8, 20),
        event(NODE + "MulBackward0", 30, dur=5),
        memory(2, -16, 31),
        event("aten::add", 40, dur=5),
    ]
    assert rows(peak_parts(planted(tmp_path, *events), "cpu")) == [
        ("saved", "aten::mul", 16),
        ("temporary", "aten::mul", 8),
    ]
    # After the last backward nothing is saved any more.
    after = [memory(3, 32, 42), memory(3, -32, 50)]
    assert rows(peak_parts(planted(tmp_path, *events, *after), "cpu")) == [
        ("temporary", "aten::add", 32)
    ]


def test_an_operator_between_two_backward_nodes_ends_the_window(tmp_path: Path) -> None:
    def kinds(*between: dict[str, Any]) -> list[str]:
        trace = planted(
            tmp_path,
            event(NODE + "A", 0, dur=10),
            *between,
            memory(1, 8, 25),
            event(NODE + "B", 30, dur=10),
            memory(1, -8, 31),
        )
        return peak_parts(trace, "cpu")["kind"].to_list()

    assert kinds() == ["backward_temporary"]
    assert kinds(event("range", 20, dur=9, cat="user_annotation")) == ["backward_temporary"]
    assert kinds(event("aten::mul", 20, dur=9)) == ["saved"]
    assert kinds(event("aten::ones_like", 20, dur=9)) == ["backward_temporary"]
    assert kinds(event("aten::ones_like", 20, dur=2), event("aten::mul", 22, dur=7)) == ["saved"]


def test_backward_may_run_in_another_thread(tmp_path: Path) -> None:
    gpu = {"device": {"device_type": 1, "device_id": 0}}
    trace = planted(
        tmp_path,
        event("aten::mul", 0, dur=10),
        memory(1, 512, 1, **gpu),
        memory(1, 7, 2),  # on the CPU, at the same address
        event("aten::ones_like", 20, dur=5),
        memory(2, 1024, 21, **gpu),
        event(NODE + "MulBackward0", 30, dur=20, tid=2),
        memory(3, 2048, 35, tid=2, **gpu),
        memory(1, -512, 36, tid=2, **gpu),
        memory(2, -1024, 60, **gpu),
    )
    assert rows(peak_parts(trace, "cuda")) == [
        ("gradient", "MulBackward0", 2048),
        ("backward_temporary", "aten::ones_like", 1024),
        ("saved", "aten::mul", 512),
    ]
    assert rows(peak_parts(trace, "cpu")) == [("kept", "aten::mul", 7)]


def test_an_address_is_used_again(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        memory(1, 8, 1),
        memory(1, -8, 2),
        event("aten::mul", 3, dur=5),
        memory(1, 8, 4),
        memory(2, 4, 5),
        memory(2, -4, 6),
    )
    assert rows(peak_parts(trace, "cpu")) == [
        ("kept", "aten::mul", 8),
        ("temporary", "aten::mul", 4),
    ]


def test_frees_of_what_was_there_before_keep_the_sum_exact(tmp_path: Path) -> None:
    trace = planted(
        tmp_path,
        event("aten::mul", 0, dur=10),
        memory(1, -5, 1),
        memory(2, 20, 2),
        memory(2, -7, 3),  # of another size: not the one allocated above
        memory(3, 30, 4),
        memory(9, -2, 5),
    )
    parts = peak_parts(trace, "cpu")
    assert rows(parts) == [("kept", "aten::mul", 50), ("released", "", -12)]
    assert parts["bytes"].sum() == memory_curve(trace, "cpu")["live_bytes"].max() == 38


def test_of_two_equal_peaks_the_first_counts(tmp_path: Path) -> None:
    trace = planted(tmp_path, memory(1, 8, 1), memory(1, -8, 2), memory(2, 8, 3))
    assert rows(peak_parts(trace, "cpu")) == [("temporary", "python", 8)]


@pytest.mark.parametrize(
    "events", [[], [event("aten::mul", 1)], [memory(1, -8, 1)], [memory(1, -8, 1), memory(1, 8, 2)]]
)
def test_a_step_that_never_rises_above_its_start_has_no_parts(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    trace = planted(tmp_path, *events)
    assert rows(peak_parts(trace, "cpu")) == []
    assert list(scratch(trace, "cpu", frozenset({"aten::mul"})).columns) == ["op", "bytes"]
