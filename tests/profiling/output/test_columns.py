"""Columns for people: one unit each, thousands separated, nothing rounded to 0 unsaid."""

from __future__ import annotations

import pandas as pd

from profiling.model.words import Text
from profiling.output.columns import Column, column, tells

TABLE = pd.DataFrame(
    {
        "name": ["a", "b", None],
        "count": pd.array([12_345, 2, None], dtype="Int64"),
        "total_s": [115_196.78e-6, 2.5e-3, 1e-9],
        "allocated_bytes": [1.5 * 2**30, 16, None],
        "bus_bytes_per_s": [8.5284e9, None, None],
        "share": [0.98765, 0.0001, 0.0],
        "occupancy_pct": [99.17, 0.0, None],
        "grid": ["8,1,1", None, None],
        "shared_bytes": pd.array([87_568, None, None], dtype="Int64"),
        "varies": ["", "grid,shared_bytes", ""],
    }
)


def test_every_kind_of_column(english: Text) -> None:
    names = map(str, TABLE.drop(columns="varies"))
    assert {name: column(TABLE, name, english) for name in names} == {
        "name": Column("name", ["a", "b", ""], True),
        "count": Column("calls", ["12,345", "2", ""], False),
        "total_s": Column("total (ms)", ["115.20", "2.50", "<0.01"], False),
        "allocated_bytes": Column("allocated (GiB)", ["1.50", "<0.01", ""], False),
        "bus_bytes_per_s": Column("bus bandwidth ≥ (GB/s)", ["8.53", "", ""], False),
        "share": Column("share of GPU time", ["98.8%", "<0.1%", "0%"], False),
        "occupancy_pct": Column("occupancy", ["99.2%", "0%", ""], False),
        "grid": Column("grid", ["8,1,1", "several", ""], True),
        "shared_bytes": Column("shared memory (B)", ["87,568", "several", ""], False),
    }


def test_changes_keep_their_sign(english: Text) -> None:
    table = pd.DataFrame({"change_s": [-1.0, 0.25, -1e-6, 0.0]})
    assert column(table, "change_s", english).cells == ["-1.00", "0.25", ">-0.01", "0"]
    assert column(table[:0], "change_s", english) == Column("Δ self (ns)", [], False)


def test_columns_that_tell_nothing(english: Text) -> None:
    table = pd.DataFrame({"host_wait_s": [0.0], "kernel_file": [None], "grid": [None]})
    assert not any(tells(table, name) for name in map(str, table))
    assert tells(table.assign(varies="grid"), "grid")
    assert tells(table.assign(host_wait_s=1e-9), "host_wait_s")
