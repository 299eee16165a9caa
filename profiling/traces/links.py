"""Joins what ran on a GPU to the call that launched it, and that to its operator."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from profiling.traces.nesting import around, is_outermost, lanes, nanoseconds

DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
# Of CUDA, ROCm, XPU and others: cuda_runtime, cuda_driver, xpu_runtime and so on.
RUNTIME_ENDINGS = ("_runtime", "_driver")


def linked(trace: pd.DataFrame, flows: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Find the launch and the operator of everything that ran on a GPU.

    The launch is the last call of the runtime with the same correlation that began before; where
    there is none, the one at the other end of an arrow. The operator is the one with the external
    id of the launch or, where that lacks, of the work itself; else the innermost one around the
    launch on its thread.

    Args:
        trace: In order of start, as from `profiling.traces.load.read_trace`.
        flows: Makes the table of `profiling.traces.flows.flow_table`, if that is needed.

    Returns:
        Columns ``launch_index`` and ``op_index``: places in the trace, for work on a GPU;
        ``op_index`` for calls of the runtime as well. Empty where unknown.
    """
    category = trace["category"]
    calls = trace[category.isin([name for name in category.cat.categories if is_runtime(name)])]
    work = trace[category.isin(DEVICE_WORK)]
    found = pd.DataFrame({"launch_index": pd.NA, "op_index": pd.NA}, trace.index, dtype="Int64")
    if calls.empty and work.empty:
        return found
    launch = _by_correlation(calls, work)
    if launch.isna().any():
        launch = launch.fillna(_by_flow(calls, work, flows()))
    found.loc[work.index, "launch_index"] = launch
    ops = trace[(category == "cpu_op") & trace["duration_s"].notna()]
    by_id = _by_external_id(ops)
    of_calls = calls["external_id"].map(by_id).astype("Int64")
    if of_calls.isna().any():
        of_calls = of_calls.fillna(_innermost(ops, calls[of_calls.isna()]))
    of_work = launch.map(of_calls).astype("Int64").fillna(work["external_id"].map(by_id))
    found.loc[calls.index, "op_index"] = of_calls
    found.loc[work.index, "op_index"] = of_work
    return found


def is_runtime(category: str) -> bool:
    """Tell whether events of that category are calls of a device's runtime or driver."""
    return category.endswith(RUNTIME_ENDINGS)


def _by_correlation(calls: pd.DataFrame, work: pd.DataFrame) -> pd.Series:
    named = calls[["start_s", "correlation"]].dropna().assign(launch=lambda rows: rows.index)
    asked = work[["start_s", "correlation"]].dropna()
    if asked.empty:
        return pd.Series(pd.NA, work.index, dtype="Int64")
    before = pd.merge_asof(asked, named, on="start_s", by="correlation")
    launch = before["launch"].astype("Int64").set_axis(asked.index)
    # A device's clock may run a little ahead of the host's.
    first = named.drop_duplicates("correlation").set_index("correlation")["launch"]
    return launch.fillna(asked["correlation"].map(first).astype("Int64")).reindex(work.index)


def _by_flow(calls: pd.DataFrame, work: pd.DataFrame, flows: pd.DataFrame) -> pd.Series:
    starts = _at_ends(calls, flows[flows["is_start"]]).set_index("flow")["row"]
    ends = _at_ends(work, flows[~flows["is_start"]]).set_index("row")["flow"]
    starts = starts[~starts.index.duplicated()]
    ends = ends[~ends.index.duplicated()]
    return ends.map(starts).astype("Int64").reindex(work.index)


def _at_ends(rows: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    """Return columns ``flow`` and ``row``: the rows that begin where an arrow has its end."""
    keys = ["process", "thread", "start"]
    table = rows[["process", "thread"]].assign(start=nanoseconds(rows["start_s"]), row=rows.index)
    return ends.merge(table, on=keys)[["flow", "row"]]


def _by_external_id(ops: pd.DataFrame) -> pd.Series:
    known = ops["external_id"].dropna().drop_duplicates()
    return pd.Series(known.index, index=known, dtype="Int64")


def _innermost(ops: pd.DataFrame, calls: pd.DataFrame) -> pd.Series:
    """Return the place of the innermost operator around each call, on its thread."""
    moments = pd.DataFrame({"lane": lanes(calls), "start": nanoseconds(calls["start_s"])})
    start = nanoseconds(ops["start_s"])
    spans = pd.DataFrame({"name": ops.index, "lane": lanes(ops), "start": start})
    spans["end"] = start + nanoseconds(ops["duration_s"])
    spans = spans[spans["lane"].isin(moments["lane"])]
    spans = spans.sort_values(["start", "end"], ascending=[True, False], kind="stable")
    found = pd.Series(pd.NA, index=calls.index, dtype="Int64")
    while len(spans) and len(moments):
        outermost = is_outermost(spans)
        level = around(spans[outermost], moments)["name"].set_axis(calls.index)
        found = level.astype("Int64").fillna(found)
        spans = spans[~outermost]
    return found
