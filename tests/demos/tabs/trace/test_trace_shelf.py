"""Opened traces are kept up to a limit."""

from __future__ import annotations

import pytest

from demos.page.trace.opened import Shelf
from profiling.model.errors import InputError
from tests.demos.tabs.trace.making import opened


def test_a_shelf_keeps_what_was_used_last() -> None:
    shelf = Shelf(max_events=10, max_traces=3)
    first, second = shelf.put(opened(5)), shelf.put(opened(5))
    assert len(shelf.get(first).events) == 5
    third = shelf.put(opened(4))
    assert shelf.get(first)
    assert shelf.get(third)
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        shelf.get(second)
    with pytest.raises(InputError, match=r"error\.trace_none"):
        shelf.get(None)
    alone = shelf.put(opened(100))
    assert len(shelf.get(alone).events) == 100
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        shelf.get(first)
    shelf.drop(alone)
    shelf.drop(None)
    with pytest.raises(InputError, match=r"error\.trace_gone"):
        shelf.get(alone)
