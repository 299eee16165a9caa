"""Joins what ran on a GPU to the call that launched it, and that to its operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.nesting import around, is_outermost, lanes, nanoseconds
from profiling.traces.read import ABSENT

DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
# Of CUDA, ROCm, XPU and others: cuda_runtime, cuda_driver, xpu_runtime and so on.
RUNTIME_ENDINGS = ("_runtime", "_driver")

Places = npt.NDArray[np.int64]
_NONE = -1


def linked(trace: pd.DataFrame, flows: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Find the launch and the operator of everything that ran on a GPU.

    The launch is the last call of the runtime with the same correlation that began before; where
    there is none, the one at the other end of an arrow. The operator is the one with the external
    id of the launch or, where that lacks, of the work itself; else the innermost one around the
    launch on its thread.

    Args:
        trace: In order of start, as from `profiling.traces.table.read_trace`.
        flows: Makes the table of `profiling.traces.table.flow_table`, if that is needed.

    Returns:
        Columns ``launch_index`` and ``op_index``: places in the trace, for work on a GPU;
        ``op_index`` for calls of the runtime as well. Empty where unknown.
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
    """Tell whether events of that category are calls of a device's runtime or driver."""
    return category.endswith(RUNTIME_ENDINGS)


def _of_categories(trace: pd.DataFrame, wanted: Iterable[str]) -> Places:
    return np.flatnonzero(trace["category"].isin([*wanted]))


class _ByNumber:
    """Finds rows by a number that they have."""

    def __init__(self, numbers: npt.NDArray[Any], places: Places) -> None:
        """Take the numbers of all rows, and the places of those to find, ascending."""
        places = places[numbers[places] != ABSENT]
        order = np.argsort(numbers[places], kind="stable")
        self._numbers = numbers[places][order]
        self._places = np.append(places[order], _NONE)

    def first(self, numbers: npt.NDArray[Any]) -> Places:
        """Return the first row of each number, -1 for none."""
        return self.last_before(numbers, np.zeros(len(numbers), dtype="int64"))

    def last_before(self, numbers: npt.NDArray[Any], limits: Places) -> Places:
        """Return the last row of each number before a place, else its first one; -1 for none."""
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
    # Also one that began after, since a device's clock may run a little ahead of the host's.
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
    """Return columns ``flow`` and ``row``: the rows that begin where an arrow has its end."""
    keys = ["process", "thread", "start"]
    table = rows[["process", "thread"]].assign(start=nanoseconds(rows["start_s"]), row=rows.index)
    return ends.merge(table, on=keys)[["flow", "row"]]


def _innermost(ops: pd.DataFrame, calls: pd.DataFrame) -> Places:
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
    return _places(found)
