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
