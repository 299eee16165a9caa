"""Random traces for property tests, and what they hold said the slow and plain way."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import strategies as st

from profiling.traces.table import COLUMNS

Interval = tuple[int, int, int]

# Lane, start and length in nanoseconds; small, so that ties and overlaps are common.
intervals = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 12)), max_size=40
)


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a trace's table, in order of start; what a row lacks is empty."""
    defaults: dict[str, Any] = {"category": "cpu_op", "phase": "X", "process": "1", "thread": "1"}
    found = pd.DataFrame([defaults | row for row in rows]).reindex(columns=list(COLUMNS))
    return found.astype(COLUMNS).sort_values("start_s", kind="stable", ignore_index=True)


def operators_at(given: list[Interval]) -> pd.DataFrame:
    """Return a trace's table with an operator for each interval."""
    rows = [
        {
            "name": f"op{start % 3}",
            "thread": str(lane),
            "start_s": start / 1e9,
            "duration_s": length / 1e9,
        }
        for lane, start, length in given
    ]
    return table(rows)


def covered(given: list[Interval], lane: int) -> int:
    """Return how many nanoseconds of a lane any interval covers, by looking at each of them."""
    return len(
        {
            moment
            for number, start, length in given
            if number == lane
            for moment in range(start, start + length)
        }
    )
