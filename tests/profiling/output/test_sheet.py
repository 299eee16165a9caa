"""Tables as a person reads them."""

from __future__ import annotations

import pandas as pd

from profiling.model.words import Text
from profiling.output.sheet import Cell, Column, sheet
from profiling.traces.operators import MOST_ROWS, filter_rows


def test_rows_are_filtered_by_every_word_and_sorted() -> None:
    table = pd.DataFrame(
        {
            "name": ["aten::mm", "aten::ADD", "void mm<float>"],
            "category": pd.Categorical(["cpu_op", "cpu_op", "kernel"]),
            "count": [1, 3, 2],
        }
    )
    assert list(filter_rows(table, "MM", None).table["name"]) == ["aten::mm", "void mm<float>"]
    assert list(filter_rows(table, "mm kernel", None).table["name"]) == ["void mm<float>"]
    assert filter_rows(table, "(", "count").found == 0
    assert list(filter_rows(table, "", "count").table["count"]) == [3, 2, 1]
    assert list(filter_rows(table, "", "no such").table["count"]) == [1, 3, 2]
    many = pd.concat([table] * MOST_ROWS, ignore_index=True)
    assert len(filter_rows(many, "", None).table) == MOST_ROWS
    assert filter_rows(many, "", None).found == 3 * MOST_ROWS


def test_heads_say_the_unit_and_what_is_unknown_stays_empty(english: Text) -> None:
    table = pd.DataFrame(
        {
            "name": ["<b>", None],
            "self_s_a": [1.5e-6, None],
            "allocated_bytes": pd.array([2048, None], dtype="Int64"),
            "idle_share": [0.25, None],
            "count": pd.array([3000, None], dtype="Int64"),
            "longest_event": pd.array([7, None], dtype="Int64"),
        }
    )
    shown = sheet(table, english)
    assert shown.columns == [
        Column("name", False),
        Column("self, A (µs)", True),
        Column("allocated (KiB)", True),
        Column("idle share (%)", True),
        Column("calls", True),
    ]
    first, second = shown.rows
    numbers = [("1.500", 1.5), ("2.000", 2), ("25.000", 25), ("3,000", 3000)]
    assert first.cells == [Cell("<b>"), *(Cell(*each) for each in numbers)]
    assert (first.event, second.event) == (7, None)
    assert second.cells == [Cell("")] * 5


def test_a_column_has_one_number_of_decimals_and_a_stream_is_no_amount(english: Text) -> None:
    table = pd.DataFrame({"total_s": [0.0123456, 2e-9], "stream": [1007, 7]})
    found = [[cell.shown for cell in row.cells] for row in sheet(table, english).rows]
    assert found == [["12,345.6", "1007"], ["0.0", "7"]]


def test_a_long_name_is_folded_and_kept_whole_beside(english: Text) -> None:
    whole = "void at::native::kernel<" + "x" * 100 + ">"
    (row,) = sheet(pd.DataFrame({"name": [whole]}), english).rows
    (cell,) = row.cells
    assert (len(cell.shown), cell.whole) == (60, whole)
