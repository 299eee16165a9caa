"""The traces that come with the project are small, known by name, and say where they are from."""

from __future__ import annotations

import pytest

from profiling import catalogue
from profiling.output.saved_runs import INDEX, TRACES, recorded_traces
from profiling.traces.diff import trace_diff
from profiling.traces.table import read_trace

_KNOWN = recorded_traces()


def test_the_index_and_the_folder_have_the_same_traces() -> None:
    files = {path.name for path in TRACES.iterdir()} - {INDEX}
    assert files == {trace.path.name for trace in _KNOWN.values()}
    assert len(_KNOWN) >= 6


@pytest.mark.parametrize("name", _KNOWN)
def test_a_recorded_trace_is_small_and_of_what_it_says(name: str) -> None:
    trace = _KNOWN[name]
    assert trace.path.stat().st_size < 60_000
    assert trace.branch in catalogue.workload(trace.workload).branches
    assert trace.device
    read = read_trace(trace.path)
    assert {"cpu_op", "annotation", "memory", "shapes"} <= read.kinds
    assert read.notices == ()


def test_what_a_clone_adds_is_named() -> None:
    a, b = (
        read_trace(trace.path).events
        for branch in ("detach", "clone_detach")
        for trace in _KNOWN.values()
        if (trace.workload, trace.branch) == ("side_branch", branch)
    )
    diff = trace_diff(a, b).set_index("name")["count_change"]
    assert diff["aten::clone"] == 1
    assert diff["aten::copy_"] == 1
