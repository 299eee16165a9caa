"""What a row has that its own event does not say: an end, a stack."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from profiling.traces.table import read_trace
from tests.profiling.planted import event, write_trace


def test_begin_and_end_events_are_one_row(tmp_path: Path) -> None:
    events = [
        event("outer", 1, ph="B", dur=None),
        event("inner", 2, ph="B", dur=None),
        event("", 3, ph="E", dur=None),
        event("elsewhere", 3, ph="B", dur=None, tid=2),
        event("", 9, ph="E", dur=None),
        event("", 10, ph="E", dur=None),
    ]
    trace = read_trace(write_trace(tmp_path / "trace.json", events))
    assert trace.events["name"].to_list() == ["outer", "inner", "elsewhere"]
    durations = trace.events["duration_s"]
    assert durations[:2].to_list() == [8e-6, 1e-6]
    assert pd.isna(durations[2])
    assert trace.notices == (("trace.notice.pairs", {"count": 2}),)


def test_stacks_are_the_functions_around_an_operator(tmp_path: Path) -> None:
    python = {"cat": "python_function"}
    events = [
        event("main", 0, dur=100, **python),
        event("same start", 10, dur=20, **python),
        event("op", 10, dur=20),
        event("inside the operator", 12, dur=2, **python),
        event("later", 40),
        event("other thread", 12, tid=2),
        event("own", 50, args={"Call stack": "a;b"}),
    ]
    trace = read_trace(write_trace(tmp_path / "trace.json", events)).events.set_index("name")[
        "stack"
    ]
    assert trace["op"] == "same start;main"
    assert trace["later"] == "main"
    assert trace["own"] == "a;b"
    assert trace[["main", "same start", "other thread"]].isna().all()
