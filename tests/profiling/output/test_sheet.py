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
        Column("idle share", True),
        Column("calls", True),
    ]
    first, second = shown.rows
    numbers = [("1.50", 1.5e-6), ("2.00", 2048), ("25.0%", 0.25), ("3,000", 3000)]
    assert first.cells == [Cell("<b>"), *(Cell(*each) for each in numbers)]
    assert (first.event, second.event) == (7, None)
    assert second.cells == [Cell("")] * 5
    assert sheet(table, english, ["count"]).rows[0].cells == [Cell("3,000", 3000)]


def test_both_sides_have_one_unit_and_a_stream_is_no_amount(english: Text) -> None:
    table = pd.DataFrame(
        {"total_s_a": [0.25, 2e-3], "total_s_b": [1e-3, 2e-3], "stream": [1007, 7]}
    )
    shown = sheet(table, english)
    headings = [each.heading for each in shown.columns]
    assert headings == ["total, A (ms)", "total, B (ms)", "stream"]
    found = [[cell.shown for cell in row.cells] for row in shown.rows]
    assert found == [["250.0", "1.00", "1007"], ["2.0", "2.00", "7"]]


def test_a_long_name_is_folded_and_kept_whole_beside(english: Text) -> None:
    whole = "void at::native::kernel<" + "x" * 100 + ">"
    (row,) = sheet(pd.DataFrame({"name": [whole]}), english).rows
    (cell,) = row.cells
    assert (len(cell.shown), cell.whole) == (60, whole)
    short = pd.DataFrame({"short": ["kernel", "gemm"], "whole": [whole, "gemm"]})
    found = sheet(short, english)
    assert [row.cells for row in found.rows] == [[Cell("kernel", None, whole)], [Cell("gemm")]]
