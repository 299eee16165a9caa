"""Compares two traces: what ran in only one of them, and where their times differ."""

from __future__ import annotations

import pandas as pd

from profiling.traces.operators import GROUPINGS, kernels, operator_groups

_NUMBERS = {
    "count": "Int64",
    "total_s": "Float64",
    "self_s": "Float64",
    "device_s": "Float64",
    "allocated_bytes": "Int64",
}


def trace_diff(a: pd.DataFrame, b: pd.DataFrame, by: str = "name") -> pd.DataFrame:
    """Compare the operators and the GPU work of two traces, group by group.

    Args:
        a: As from `profiling.traces.table.read_trace`.
        b: Another one.
        by: How operators are grouped, one of `profiling.traces.operators.GROUPINGS`.

    Returns:
        ``category`` (``"cpu_op"``, ``"kernel"``, ``"gpu_memcpy"`` or ``"gpu_memset"``), the columns
        of the grouping, ``only_in`` (``"a"``, ``"b"`` or empty), and, with the suffixes ``_a`` and
        ``_b``, ``count`` (0 if a trace lacks the group), ``total_s``, ``self_s``, ``device_s`` and
        ``allocated_bytes`` (empty if a trace lacks the group or the value is unknown);
        ``count_change`` and ``change_s``, the changes of count and self time from a to b. The self
        time of GPU work is its duration. The self times of a thread add up to its time in
        operators, so the changes of its operators add up to the change of that time.

        Groups whose counts differ come first, since this is certain while times vary from run to
        run; each part has the greatest change of time first.
    """
    columns = ["category", *GROUPINGS[by]]
    found = _groups(a, by).merge(
        _groups(b, by), on=columns, how="outer", suffixes=("_a", "_b"), indicator="only_in"
    )
    is_in = {"left_only": "a", "right_only": "b"}
    found["only_in"] = found["only_in"].astype("str").map(is_in).astype("str")
    found[["count_a", "count_b"]] = found[["count_a", "count_b"]].fillna(0)
    found["count_change"] = found["count_b"] - found["count_a"]
    found["change_s"] = found["self_s_b"].fillna(0) - found["self_s_a"].fillna(0)
    order = pd.DataFrame({"same": found["count_change"] == 0, "less": -found["change_s"].abs()})
    sides = [f"{name}_{side}" for name in _NUMBERS for side in "ab"]
    shown = [*columns, "only_in", *sides, "count_change", "change_s"]
    return found.loc[order.sort_values(["same", "less"]).index, shown].reset_index(drop=True)


def _groups(trace: pd.DataFrame, by: str) -> pd.DataFrame:
    operators = operator_groups(trace, by).assign(category="cpu_op")
    work = kernels(trace)
    work["self_s"] = work["total_s"]
    columns = ["category", *GROUPINGS[by], *_NUMBERS]
    parts = [part.reindex(columns=columns).astype(_NUMBERS) for part in (operators, work)]
    texts = dict.fromkeys(["category", *GROUPINGS[by]], "str")
    return pd.concat(
        [part.astype(texts) for part in parts if len(part)] or [parts[0].astype(texts)]
    )
