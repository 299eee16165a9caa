"""Operators of forward beside the backward nodes that they caused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import DEVICE_WORK
from profiling.traces.memory import NODE_PREFIX
from profiling.traces.nesting import covered_before, nanoseconds, nest, nesting_order
from profiling.traces.timeline import lane_keys

Array = npt.NDArray[Any]


def forward_backward(trace: pd.DataFrame) -> pd.DataFrame:
    """Return what each kind of forward operator costs, and the backward node that it caused.

    An operator and its node have the same sequence number and process. Of several operators with
    a number, the one that started last before the node made it; others only read the number.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        ``forward`` and ``backward`` (names of the operator and of the node), ``count`` (of pairs),
        ``forward_s`` and ``backward_s`` (durations on the host), ``forward_device_s`` and
        ``backward_device_s`` (of the GPU work launched inside; empty if the trace has none).
        Greatest backward time first: on the device, or else on the host.
    """
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()]
    device_s = launched_seconds(trace, calls)
    numbered = calls["sequence"].notna() & (calls["sequence"] >= 0)
    is_node = calls["name"].str.startswith(NODE_PREFIX)
    columns = ["name", "process", "sequence", "start_s", "duration_s"]
    rows = calls.loc[numbered, columns].assign(device_s=device_s[numbered])
    rows["process"] = rows["process"].fillna("")
    nodes = rows[is_node[numbered]].sort_values("start_s", kind="stable")
    inside = in_backward(calls)
    makers = rows[~inside[numbered]].sort_values("start_s", kind="stable")
    pairs = pd.merge_asof(
        nodes.astype({"sequence": "int64"}),
        makers.astype({"sequence": "int64"}),
        on="start_s",
        by=["process", "sequence"],
        suffixes=("_b", "_f"),
    ).dropna(subset="name_f")
    pairs["forward"] = pairs["name_f"].astype("str")
    pairs["backward"] = pairs["name_b"].str.removeprefix(NODE_PREFIX).astype("str")
    grouped = pairs.groupby(["forward", "backward"], sort=False)
    found = pd.DataFrame(
        {
            "count": grouped.size(),
            "forward_s": grouped["duration_s_f"].sum(),
            "backward_s": grouped["duration_s_b"].sum(),
            "forward_device_s": grouped["device_s_f"].sum(min_count=1),
            "backward_device_s": grouped["device_s_b"].sum(min_count=1),
        }
    ).reset_index()
    order = ["backward_device_s", "backward_s"]
    return found.sort_values(order, ascending=False, kind="stable", ignore_index=True)


def in_backward(calls: pd.DataFrame) -> pd.Series:
    """Return which operator calls are in a backward node on their thread, or are one.

    Args:
        calls: Rows of operators of a trace, all of them.
    """
    is_node = calls["name"].str.startswith(NODE_PREFIX)
    lane, _ = lane_keys(calls)
    start = nanoseconds(calls["start_s"])
    end = start + np.maximum(nanoseconds(calls["duration_s"]), 0)
    found = np.zeros(len(calls), dtype="bool")
    for number in np.unique(lane[is_node.to_numpy()]):
        mine = lane == number
        of_nodes = mine & is_node.to_numpy()
        spans = start[of_nodes], end[of_nodes]
        before, after = (covered_before(*spans, start[mine] + more) for more in (0, 1))
        found[mine] = after > before
    return pd.Series(found, calls.index) | is_node


def launched_seconds(trace: pd.DataFrame, calls: pd.DataFrame) -> pd.Series:
    """Return the duration of the GPU work that each call and the calls in it launched.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        calls: The rows of its operators.

    Returns:
        With the index of ``calls``; empty if the trace has no GPU work.
    """
    work = trace[trace["category"].isin(DEVICE_WORK)]
    if work.empty:
        return pd.Series(np.nan, calls.index)
    own = nanoseconds(work["duration_s"].fillna(0))
    place = calls.index.get_indexer(pd.Index(work["op_index"].fillna(-1)))
    sums = np.bincount(place[place >= 0], own[place >= 0], minlength=len(calls)).astype("int64")
    lane, _ = lane_keys(calls)
    start = nanoseconds(calls["start_s"])
    end = start + np.maximum(nanoseconds(calls["duration_s"]), 0)
    order = nesting_order(lane, start, end)
    nesting = nest(lane[order], start[order], end[order])
    total = sums[order]
    # From the innermost calls outward.
    for depth in range(int(nesting.depth.max(initial=0)), 0, -1):
        at = np.flatnonzero(nesting.depth == depth)
        np.add.at(total, nesting.parent[at], total[at])
    found = np.empty(len(calls))
    found[order] = total / 1e9
    return pd.Series(found, calls.index)
