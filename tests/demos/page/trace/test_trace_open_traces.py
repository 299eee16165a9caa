"""Opened traces are kept up to a limit."""

from __future__ import annotations

import pytest

from demos.page.trace.opened import OpenTraces
from profiling.model.errors import InputError
from tests.demos.page.trace.making import opened


def test_the_traces_used_last_are_kept() -> None:
    traces = OpenTraces(max_events=10, max_traces=3)
    first, second = traces.add(opened(5)), traces.add(opened(5))
    assert len(traces.get(first).events) == 5
    third = traces.add(opened(4))
    assert traces.get(first)
    assert traces.get(third)
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        traces.get(second)
    with pytest.raises(InputError, match=r"error\.trace_none"):
        traces.get(None)
    alone = traces.add(opened(100))
    assert len(traces.get(alone).events) == 100
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        traces.get(first)
    traces.remove(alone)
    traces.remove(None)
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        traces.get(alone)


def test_as_many_traces_are_kept_as_there_may_be() -> None:
    traces = OpenTraces(max_events=10, max_traces=2)
    first, second, third = (traces.add(opened(1)) for _ in range(3))
    assert traces.get(second)
    assert traces.get(third)
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        traces.get(first)
    full = OpenTraces(max_events=10, max_traces=9)
    keys = [full.add(opened(5)) for _ in range(2)]
    assert all(full.get(key) for key in keys)
