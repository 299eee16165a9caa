"""Links GPU work to the runtime call that launched it, and that call to its operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.clock import ABSENT
from profiling.traces.nesting import enclosing_spans, is_outermost, lane_names, nanoseconds

DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
# Categories such as cuda_runtime, cuda_driver and xpu_runtime.
RUNTIME_ENDINGS = ("_runtime", "_driver")

Places = npt.NDArray[np.int64]
_NONE = -1


def link_launches(trace: pd.DataFrame, flows: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Find the launch and the operator of all GPU work.

    The launch is the last runtime call with the same correlation that began before the work, or
    else the call at the other end of a flow. The operator is the one with the external id of the
    launch, or else of the work itself, or else the innermost one around the launch on its thread.

    Args:
        trace: In order of start, as from `profiling.traces.table.read_trace`.
        flows: Returns the ends of the trace's flows; called only if needed.

    Returns:
        Row numbers in the trace: ``launch_index`` for GPU work, ``op_index`` for GPU work and
        runtime calls. Empty where unknown.
    """
    categories = trace["category"].cat.categories
    calls = _of_categories(trace, filter(is_runtime, categories))
    work = _of_categories(trace, DEVICE_WORK)
    launch, op = np.full(len(trace), _NONE), np.full(len(trace), _NONE)
    if len(calls) or len(work):
        launch[work] = _launches(trace, calls, work, flows)
        ops = _of_categories(trace, ["cpu_op"])
        ops = ops[trace["duration_s"].notna().to_numpy()[ops]]
        ids = trace["external_id"].to_numpy("int64", na_value=ABSENT)
        by_id = _ByNumber(ids, ops)
        op[calls] = by_id.first(ids[calls])
        lone = calls[op[calls] == _NONE]
        if len(lone):
            op[lone] = _innermost(trace.iloc[ops], trace.iloc[lone])
        of_launch = np.where(launch[work] == _NONE, _NONE, op[launch[work]])
        op[work] = np.where(of_launch == _NONE, by_id.first(ids[work]), of_launch)
    found = {"launch_index": launch, "op_index": op}
    nullable = {name: pd.arrays.IntegerArray(rows, rows == _NONE) for name, rows in found.items()}
    return pd.DataFrame(nullable, trace.index)


def is_runtime(category: str) -> bool:
    """Return whether a category is that of calls of a device's runtime or driver."""
    return category.endswith(RUNTIME_ENDINGS)


def _of_categories(trace: pd.DataFrame, wanted: Iterable[str]) -> Places:
    return np.flatnonzero(trace["category"].isin([*wanted]))


class _ByNumber:
    """Index of rows by a number."""

    def __init__(self, numbers: npt.NDArray[Any], places: Places) -> None:
        """Index some rows, in ascending order, by the numbers of all rows."""
        places = places[numbers[places] != ABSENT]
        order = np.argsort(numbers[places], kind="stable")
        self._numbers = numbers[places][order]
        self._places = np.append(places[order], _NONE)

    def first(self, numbers: npt.NDArray[Any]) -> Places:
        """Return the first row of each number, -1 if there is none."""
        return self.last_before(numbers, np.zeros(len(numbers), dtype="int64"))

    def last_before(self, numbers: npt.NDArray[Any], limits: Places) -> Places:
        """Return each number's last row before a limit, else its first row, -1 if it has none."""
        low = np.searchsorted(self._numbers, numbers)
        is_found = low < np.searchsorted(self._numbers, numbers, side="right")
        width = max(self._places.max(), limits.max(initial=0)) + 1
        keys = np.searchsorted(self._numbers, self._numbers) * width + self._places[:-1]
        last = np.searchsorted(keys, low * width + limits) - 1
        return np.where(is_found, self._places[np.maximum(last, low)], _NONE)


def _launches(
    trace: pd.DataFrame, calls: Places, work: Places, flows: Callable[[], pd.DataFrame]
) -> Places:
    start_s = trace["start_s"].to_numpy()
    numbers = trace["correlation"].to_numpy("int64", na_value=ABSENT)
    limits = np.searchsorted(start_s, start_s[work], side="right")
    # The call may seem to begin after the work, as the device's clock may be ahead of the host's.
    launch = _ByNumber(numbers, calls).last_before(numbers[work], limits)
    if (launch == _NONE).any():
        by_flow = _by_flow(trace.iloc[calls], trace.iloc[work], flows())
        launch = np.where(launch == _NONE, _places(by_flow), launch)
    return launch


def _places(rows: pd.Series) -> Places:
    return rows.to_numpy("int64", na_value=_NONE)


def _by_flow(calls: pd.DataFrame, work: pd.DataFrame, flows: pd.DataFrame) -> pd.Series:
    starts = _at_ends(calls, flows[flows["is_start"]]).set_index("flow")["row"]
    ends = _at_ends(work, flows[~flows["is_start"]]).set_index("row")["flow"]
    starts = starts[~starts.index.duplicated()]
    ends = ends[~ends.index.duplicated()]
    return ends.map(starts).astype("Int64").reindex(work.index)


def _at_ends(rows: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    """Return columns ``flow`` and ``row``: the rows that begin at an end of a flow."""
    keys = ["process", "thread", "start"]
    table = rows[["process", "thread"]].assign(start=nanoseconds(rows["start_s"]), row=rows.index)
    return ends.merge(table, on=keys)[["flow", "row"]]


def _innermost(ops: pd.DataFrame, calls: pd.DataFrame) -> Places:
    """Return the row of the innermost operator around each call, on its thread."""
    moments = pd.DataFrame({"lane": lane_names(calls), "start": nanoseconds(calls["start_s"])})
    start = nanoseconds(ops["start_s"])
    spans = pd.DataFrame({"name": ops.index, "lane": lane_names(ops), "start": start})
    spans["end"] = start + nanoseconds(ops["duration_s"])
    spans = spans[spans["lane"].isin(moments["lane"])]
    spans = spans.sort_values(["start", "end"], ascending=[True, False], kind="stable")
    found = pd.Series(pd.NA, index=calls.index, dtype="Int64")
    while len(spans) and len(moments):
        outermost = is_outermost(spans)
        level = enclosing_spans(spans[outermost], moments)["name"].set_axis(calls.index)
        found = level.astype("Int64").fillna(found)
        spans = spans[~outermost]
    return _places(found)
