"""Kernels by name, with how they were launched."""

from __future__ import annotations

import pandas as pd

from profiling.traces.kernel_names import short_names
from profiling.traces.operators import kernels

# How a kernel was launched.
CONFIGURATION = ("grid", "block", "registers", "shared_bytes")
_COLUMNS = (*CONFIGURATION, "occupancy_pct", "kernel_file")


def kernel_table(trace: pd.DataFrame) -> pd.DataFrame:
    """Summarize GPU work by name, with shares, short names and launch configurations.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        The columns of `profiling.traces.operators.kernels`; ``short`` (a short name, no other
        kernel's), ``share`` (of the time of all work), ``configurations`` (number of different
        ``grid``, ``block``, ``registers`` and ``shared_bytes``; 0 if unknown), these four (empty
        if unknown, or if calls differ in it), ``varies`` (names of those in which calls differ,
        joined by ``,``), ``occupancy_pct`` (the mean over time) and ``kernel_file`` (of Triton).
    """
    found = kernels(trace)
    short = short_names(found["name"])
    whole = found["total_s"].sum()
    keys = ["name", "category"]
    work = trace[trace["category"].isin(found["category"]) & trace["duration_s"].notna()]
    table = work[[*keys, "duration_s", *_COLUMNS]].astype({"category": "str"})
    texts = dict.fromkeys(("grid", "block", "kernel_file"), "object")
    grouped = table.astype(texts).groupby(keys, sort=False)
    is_known = table[list(CONFIGURATION)].notna().any(axis=1)
    distinct = table[is_known].drop_duplicates([*keys, *CONFIGURATION]).groupby(keys, sort=False)
    more = pd.DataFrame({"configurations": distinct.size()})
    different = grouped[[*CONFIGURATION, "kernel_file"]].nunique()
    for name in (*CONFIGURATION, "kernel_file"):
        more[name] = grouped[name].first().where(different[name] == 1)
    more["varies"] = [
        ",".join(name for name in CONFIGURATION if count[name] > 1)
        for count in different.reindex(more.index).to_dict("records")
    ]
    is_timed = table["occupancy_pct"].notna()
    weight = table["duration_s"].where(is_timed)
    sums = pd.DataFrame({"weighted": table["occupancy_pct"] * weight, "weight": weight})
    sums = sums.groupby([table[name] for name in keys], sort=False).sum(min_count=1)
    more["occupancy_pct"] = sums["weighted"] / sums["weight"]
    found = found.merge(more.reset_index(), on=keys, how="left")
    found["configurations"] = found["configurations"].fillna(0).astype("int64")
    found["share"] = found["total_s"] / (whole or float("nan"))
    found["short"] = found["name"].map(short).astype("str")
    found["varies"] = found["varies"].fillna("")
    types = dict.fromkeys(("grid", "block", "kernel_file", "varies"), "str")
    types |= dict.fromkeys(("registers", "shared_bytes"), "Int64")
    head = ["name", "short", "category", "count", "total_s", "mean_s", "share"]
    tail = ["configurations", "varies", *_COLUMNS, "launch_s", "queue_s", "longest_event"]
    return found.astype(types)[[*head, *tail]]
