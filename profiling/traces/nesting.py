"""Which operator's call a moment of a trace is in, in the profiler's own step, nanoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def operator_spans(trace: pd.DataFrame) -> pd.DataFrame:
    """Return when each operator's call began and ended.

    Args:
        trace: As from `profiling.traces.load.load_trace`.

    Returns:
        Columns ``name``, ``lane`` (process and thread), ``start`` and ``end`` in nanoseconds, and
        ``external_id``; in order of start, and of two that start together the outer one first.
    """
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()]
    start = nanoseconds(calls["start_s"])
    spans = pd.DataFrame(
        {
            "name": calls["name"],
            "lane": lanes(calls),
            "start": start,
            "end": start + nanoseconds(calls["duration_s"]),
            "external_id": calls["external_id"],
        }
    )
    order = ["start", "end"]
    return spans.sort_values(order, ascending=[True, False], kind="stable", ignore_index=True)


def is_outermost(spans: pd.DataFrame) -> pd.Series:
    """Tell which spans, in order as from `operator_spans`, are in no other one of their lane."""
    last_end = spans.groupby("lane")["end"].cummax()
    return spans["start"] >= last_end.groupby(spans["lane"]).shift(fill_value=-1)


def around(spans: pd.DataFrame, moments: pd.DataFrame) -> pd.DataFrame:
    """Find the span that each moment is in.

    Args:
        spans: Some of those from `operator_spans` that do not overlap within a lane, in order.
        moments: Columns ``lane`` and ``start``, in order of start.

    Returns:
        One row a moment: ``name`` and ``end`` of the span, empty for a moment that is in none.
    """
    last = pd.merge_asof(moments[["start", "lane"]], spans, on="start", by="lane")
    return last[["name", "end"]].where(last["end"] > last["start"])


def lanes(events: pd.DataFrame) -> pd.Series:
    """Return process and thread of each event as one text."""
    return events["process"].fillna("") + " " + events["thread"].fillna("")


def nanoseconds(seconds: pd.Series) -> npt.NDArray[Any]:
    """Return whole nanoseconds, in which ends and starts compare exactly."""
    return np.rint(seconds.to_numpy() * 1e9).astype("int64")
