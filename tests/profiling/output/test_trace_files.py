"""The files of a trace: every device is in them, and a window has what it shows alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiling.output import trace_files
from profiling.traces.table import Trace, read_trace
from tests.profiling.planted import event, memory_event, write_trace


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    events = (
        event("first", 0, dur=10, args={"Input Dims": [[2]]}),
        memory_event(1024, 1),
        memory_event(512, 2, 1, 0),
        event("first", 100, dur=10, args={"Input Dims": [[3]]}),
        event("last", 200, dur=10),
    )
    return read_trace(write_trace(tmp_path / "trace.json", events))


def test_memory_has_the_curve_of_every_device(trace: Trace, tmp_path: Path) -> None:
    table = pd.read_csv(trace_files.write("memory.csv", trace, (0.0, 1.0), tmp_path))
    assert list(table) == ["device", "time_s", "change_bytes", "live_bytes"]
    assert table["device"].to_list() == ["cpu", "cuda:0"]
    assert table["live_bytes"].to_list() == [1024, 512]


def test_a_window_has_what_lies_in_it_and_tables_have_everything(
    trace: Trace, tmp_path: Path
) -> None:
    span = (90e-6, 120e-6)
    part = read_trace(trace_files.write(trace_files.WINDOW, trace, span, tmp_path)).events
    assert part["name"].to_list() == ["first"]
    whole = pd.read_csv(trace_files.write(trace_files.EVENTS, trace, span, tmp_path))
    assert len(whole) == len(trace.events) == 5
    ops = pd.read_csv(trace_files.write("ops.csv", trace, span, tmp_path))
    assert sorted(ops["name"]) == ["first", "first", "last"]
