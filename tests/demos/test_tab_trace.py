"""What the tab Trace works out before anything is drawn."""

from __future__ import annotations

import gc
import math
from pathlib import Path

import pandas as pd
import pytest

from demos.locales import Text
from demos.tabs.trace_opened import Opened
from demos.tabs.trace_sheet import MOST_ROWS, chosen, headed
from demos.tabs.trace_shelf import Shelf
from demos.tabs.trace_window import LEAST_S, MOVES, around, inside, moved, typed
from profiling.errors import InputError
from profiling.traces.load import Trace


def opened(events: int) -> Opened:
    table = pd.DataFrame({"start_s": [0.0] * events, "duration_s": [1.0] * events})
    return Opened("made", Trace(table, (), frozenset(), (), None, {}, {}))


def test_windows_move_and_stay_inside() -> None:
    assert moved((2.0, 4.0), "on", 10.0) == (3.5, 5.5)
    assert moved((2.0, 4.0), "back", 10.0) == (0.5, 2.5)
    assert moved((1.0, 3.0), "back", 10.0) == (0.0, 2.0)
    assert moved((8.0, 9.0), "on", 9.5) == (8.5, 9.5)
    assert moved((2.0, 5.0), "in", 10.0) == (3.0, 4.0)
    assert moved((4.0, 5.0), "out", 10.0) == (3.0, 6.0)
    assert moved((4.0, 5.0), "out", 2.0) == (0.0, 2.0)
    assert moved((4.0, 5.0), "whole", 10.0) == (0.0, 10.0)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("end_s", [0.0, 1e-9, 1.0])
def test_no_window_vanishes(move: str, end_s: float) -> None:
    start, end = moved((0.0, 1e-9), move, end_s)  # type: ignore[arg-type]
    assert end - start >= LEAST_S * 0.999
    assert start >= 0


def test_windows_that_were_typed() -> None:
    assert typed(1.0, 2.0, 10.0) == (0.001, 0.003)
    assert typed(-5.0, 2.0, 10.0) == (0.0, 0.002)
    assert typed(0.0, 1e9, 10.0) == (0.0, 10.0)
    wrong = (None, 1.0), (1.0, None), (1.0, 0.0), (1.0, -1.0), (math.nan, 1.0), (1.0, math.inf)
    for start, width in wrong:
        with pytest.raises(InputError, match=r"error\.trace_window"):
            typed(start, width, 10.0)


def test_an_event_is_seen_with_something_around_it() -> None:
    assert around(1.0, 2.0, 10.0) == pytest.approx((0.85, 2.15))
    assert around(0.0, 10.0, 10.0) == inside((0.0, 10.0), 10.0)


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


def test_rows_are_filtered_by_every_word_and_sorted() -> None:
    table = pd.DataFrame(
        {
            "name": ["aten::mm", "aten::ADD", "void mm<float>"],
            "category": pd.Categorical(["cpu_op", "cpu_op", "kernel"]),
            "count": [1, 3, 2],
        }
    )
    assert list(chosen(table, "MM", None).table["name"]) == ["aten::mm", "void mm<float>"]
    assert list(chosen(table, "mm kernel", None).table["name"]) == ["void mm<float>"]
    assert chosen(table, "(", "count").found == 0
    assert list(chosen(table, "", "count").table["count"]) == [3, 2, 1]
    assert list(chosen(table, "", "no such").table["count"]) == [1, 3, 2]
    many = pd.concat([table] * MOST_ROWS, ignore_index=True)
    assert len(chosen(many, "", None).table) == MOST_ROWS
    assert chosen(many, "", None).found == 3 * MOST_ROWS


def test_heads_say_the_unit_and_what_is_unknown_stays_empty(english: Text) -> None:
    table = pd.DataFrame(
        {
            "name": ["<b>", None],
            "self_s_a": [1.5e-6, None],
            "allocated_bytes": pd.array([2048, None], dtype="Int64"),
            "idle_share": [0.25, None],
            "count": pd.array([3, None], dtype="Int64"),
        }
    )
    shown = headed(table, english)
    assert list(shown) == [
        "name",
        "self, A (µs)",
        "allocated (KiB)",
        "idle share (%)",
        "count",
    ]
    assert shown.iloc[0].tolist() == ["<b>", 1.5, 2, 25, 3]
    assert shown["name"].iloc[1] == ""
    assert shown.iloc[1, 1:].isna().all()


def test_the_files_of_a_trace_go_with_it(tmp_path: Path) -> None:
    trace = opened(1)
    folder = trace.folder_in(tmp_path)
    (folder / "a.csv").write_text("a", "utf-8")
    assert trace.folder_in(tmp_path) == folder
    del trace
    gc.collect()
    assert not folder.exists()


def test_a_trace_ends_with_its_last_event() -> None:
    assert opened(2).end_s == 1.0
    assert opened(0).end_s == 0.0
