"""What windows a trace is looked at through."""

from __future__ import annotations

import math

import pytest

from demos.page.trace.timeline import LEAST_S, MOVES, clamp, move_window, window_around, window_of
from profiling.model.errors import InputError


def test_windows_move_and_stay_inside() -> None:
    assert move_window((2.0, 4.0), "on", 10.0) == (3.5, 5.5)
    assert move_window((2.0, 4.0), "back", 10.0) == (0.5, 2.5)
    assert move_window((1.0, 3.0), "back", 10.0) == (0.0, 2.0)
    assert move_window((8.0, 9.0), "on", 9.5) == (8.5, 9.5)
    assert move_window((2.0, 5.0), "in", 10.0) == (3.0, 4.0)
    assert move_window((4.0, 5.0), "out", 10.0) == (3.0, 6.0)
    assert move_window((4.0, 5.0), "out", 2.0) == (0.0, 2.0)
    assert move_window((4.0, 5.0), "whole", 10.0) == (0.0, 10.0)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("end_s", [0.0, 1e-9, 1.0])
def test_no_window_vanishes(move: str, end_s: float) -> None:
    start, end = move_window((0.0, 1e-9), move, end_s)  # type: ignore[arg-type]
    assert end - start >= LEAST_S * 0.999
    assert start >= 0


def test_windows_that_were_chosen() -> None:
    assert window_of((0.001, 0.003), 10.0) == (0.001, 0.003)
    assert window_of([-5, 2], 10.0) == (0.0, 7.0)
    assert window_of((0.0, 1e6), 10.0) == (0.0, 10.0)
    wrong: list[object] = [
        *(None, (), (1.0,), (1.0, 2.0, 3.0), (None, 1.0), (1.0, None), ("1", "2")),
        *((1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (1.0, math.nan), (1.0, math.inf)),
    ]
    for ends in wrong:
        with pytest.raises(InputError, match=r"error\.trace_window"):
            window_of(ends, 10.0)  # type: ignore[arg-type]


def test_an_event_is_seen_with_something_around_it() -> None:
    assert window_around((1.0, 2.0), 10.0) == pytest.approx((0.85, 2.15))
    assert window_around((0.0, 10.0), 10.0) == clamp((0.0, 10.0), 10.0)
