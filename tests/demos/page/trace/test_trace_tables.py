"""Tables as a person reads them."""

from __future__ import annotations

import pandas as pd

from demos.page.trace.common import with_headings
from profiling.model.words import Text
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
            "count": pd.array([3, None], dtype="Int64"),
        }
    )
    shown = with_headings(table, english)
    assert list(shown) == [
        "name",
        "self, A (µs)",
        "allocated (KiB)",
        "idle share (%)",
        "calls",
    ]
    assert shown.iloc[0].tolist() == ["<b>", 1.5, 2, 25, 3]
    assert shown["name"].iloc[1] == ""
    assert shown.iloc[1, 1:].isna().all()
