"""Links GPU work to the runtime call that launched it, and both to their operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import DEVICE_WORK, may_launch
from profiling.traces.clock import ABSENT
from profiling.traces.nesting import (
    innermost,
    lane_numbers,
    last_begun,
    nanoseconds,
    nest,
    nesting_order,
)
from profiling.traces.ranks import Ranks, ranks_of

Places = npt.NDArray[np.int64]
Array = npt.NDArray[Any]
_NONE = -1


def link_launches(trace: pd.DataFrame, flows: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Find the launch and the operator of all GPU work.

    The launch is the last runtime call with the same correlation that began before the work, or
    else the call at the other end of a flow. The operator is the innermost one around the launch on
    its thread. External ids only serve where that does not tell, and only if they agree with it
    where it does: torch 1.13 to 2.2 writes correlations in their place. Numbers and flows of
    different ranks in one file are kept apart.

    Args:
        trace: In order of start, as from `profiling.traces.table.read_trace`.
        flows: Returns the ends of the trace's flows; called only if needed.

    Returns:
        Row numbers in the trace: ``launch_index`` for GPU work, ``op_index`` for GPU work and
        runtime calls. Empty where unknown.
    """
    categories = trace["category"].cat.categories
    calls = _of_categories(trace, filter(may_launch, categories))
    work = _of_categories(trace, DEVICE_WORK)
    launch, op = np.full(len(trace), _NONE), np.full(len(trace), _NONE)
    if len(calls) or len(work):
        ops = _of_categories(trace, ["cpu_op"])
        ops = ops[trace["duration_s"].notna().to_numpy()[ops]]
        ranks = ranks_of(trace, calls, ops, work)
        launch[work], op[work] = _launches(trace, calls, ops, work, ranks, flows)
        _link_operators(trace, calls, ops, work, ranks, launch, op)
    found = {"launch_index": launch, "op_index": op}
    nullable = {name: pd.arrays.IntegerArray(rows, rows == _NONE) for name, rows in found.items()}
    return pd.DataFrame(nullable, trace.index)


def _of_categories(trace: pd.DataFrame, wanted: Iterable[str]) -> Places:
    return np.flatnonzero(trace["category"].isin([*wanted]))


class _ByNumber:
    """Index of rows by a number."""

    def __init__(self, numbers: Array, places: Places) -> None:
        """Index some rows, in ascending order, by the numbers of all rows."""
        places = places[numbers[places] != ABSENT]
        order = np.argsort(numbers[places], kind="stable")
        self._numbers = numbers[places][order]
        self._places = np.append(places[order], _NONE)

    def first(self, numbers: Array) -> Places:
        """Return the first row of each number, -1 if there is none."""
        return self.last_before(numbers, np.zeros(len(numbers), dtype="int64"))

    def last_before(self, numbers: Array, limits: Places) -> Places:
        """Return each number's last row before a limit, else its first row, -1 if it has none."""
        low = np.searchsorted(self._numbers, numbers)
        is_found = low < np.searchsorted(self._numbers, numbers, side="right")
        width = max(self._places.max(), limits.max(initial=0)) + 1
        keys = np.searchsorted(self._numbers, self._numbers) * width + self._places[:-1]
        last = np.searchsorted(keys, low * width + limits) - 1
        return np.where(is_found, self._places[np.maximum(last, low)], _NONE)


def _launches(
    trace: pd.DataFrame,
    calls: Places,
    ops: Places,
    work: Places,
    ranks: Ranks,
    flows: Callable[[], pd.DataFrame],
) -> tuple[Places, Places]:
    """Return the launch of each piece of work, and its operator if a flow comes from that."""
    start_s = trace["start_s"].to_numpy()
    numbers = ranks.apart(trace["correlation"].to_numpy("int64", na_value=ABSENT))
    limits = np.searchsorted(start_s, start_s[work], side="right")
    # The call may seem to begin after the work, as the device's clock may be ahead of the host's.
    launch = _ByNumber(numbers, calls).last_before(numbers[work], limits)
    op = np.full(len(work), _NONE)
    lone = launch == _NONE
    if lone.any() and len(arrows := flows()):
        ends = _at_ends(trace, work[lone], arrows[~arrows["is_start"]], ranks)
        for found, sources in ((launch, calls), (op, ops)):
            starts = _at_ends(trace, sources, arrows[arrows["is_start"]], ranks)
            starts = starts.drop_duplicates(["flow", "rank"])
            joined = ends.merge(starts, on=["flow", "rank"], suffixes=("", "_start"))
            joined = joined.drop_duplicates("row")
            place = np.searchsorted(work, joined["row"])
            found[place] = joined["row_start"]
    return launch, op


def _at_ends(trace: pd.DataFrame, rows: Places, ends: pd.DataFrame, ranks: Ranks) -> pd.DataFrame:
    """Return the ends of flows at which a row begins, with the row's rank and number."""
    keys = ["process", "thread", "start"]
    ours = trace[["process", "thread", "start_s"]].iloc[rows]
    table = ours[["process", "thread"]].assign(
        start=nanoseconds(ours["start_s"]), rank=ranks.of_rows[rows], row=rows
    )
    return ends.merge(table.drop_duplicates(keys), on=keys)[["flow", "rank", "row"]]


def _link_operators(
    trace: pd.DataFrame,
    calls: Places,
    ops: Places,
    work: Places,
    ranks: Ranks,
    launch: Places,
    op: Places,
) -> None:
    """Fill in the operators of calls and work."""
    ids = ranks.apart(trace["external_id"].to_numpy("int64", na_value=ABSENT))
    around = innermost_operators(trace, ops, calls)
    by_id = _ByNumber(ids, ops)
    of_id = by_id.first(ids[calls])
    has_length = trace["duration_s"].notna().to_numpy()[calls]
    is_judged = has_length & (around != _NONE) & (of_id != _NONE)
    is_sound = 2 * (around == of_id)[is_judged].sum() >= is_judged.sum()
    if not is_judged.any():
        numbers = trace["correlation"].to_numpy("int64", na_value=ABSENT)[calls]
        own = trace["external_id"].to_numpy("int64", na_value=ABSENT)[calls]
        # Several that are all the same number as the correlation are that number.
        is_sound = len(calls) < 2 or bool((own != numbers).any())
    if is_sound:
        is_unsure = ~has_length | (around == _NONE)
        op[calls] = np.where(is_unsure & (of_id != _NONE), of_id, around)
    else:
        op[calls] = around
    of_launch = np.where(launch[work] == _NONE, op[work], op[launch[work]])
    own = by_id.first(ids[work]) if is_sound else np.full(len(work), _NONE)
    op[work] = np.where(of_launch == _NONE, own, of_launch)


def innermost_operators(trace: pd.DataFrame, ops: Places, calls: Places) -> Places:
    """Return the row of the innermost operator around each call on its thread, -1 without one.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
        ops: Rows of operators.
        calls: Rows of calls.
    """
    columns = ["process", "thread", "start_s", "duration_s"]
    rows = trace[columns].iloc[np.concatenate([ops, calls])]
    lane = lane_numbers(rows)
    start = nanoseconds(rows["start_s"])
    end = start + nanoseconds(rows["duration_s"].fillna(0).clip(lower=0))
    count = len(ops)
    order = nesting_order(lane[:count], start[:count], end[:count])
    spans = lane[order], start[order], end[order]
    moments, lanes = start[count:], lane[count:]
    found = last_begun(spans[0], spans[1], moments, lanes)
    # The last one that began is the innermost one unless it is over.
    if (np.append(spans[2], moments.max(initial=0) + 1)[found] <= moments).any():
        found = innermost(*spans, nest(*spans), moments, lanes)
    return np.where(found == _NONE, _NONE, np.append(ops[order], _NONE)[found])
