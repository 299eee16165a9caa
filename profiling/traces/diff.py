"""Compares two traces, as a table and in words: what only one of them ran, where times differ.

Counts come first in both: they are certain, while times vary from run to run.
"""

from __future__ import annotations

import pandas as pd

from profiling.model.units import show_bytes, time_unit
from profiling.model.words import Text
from profiling.traces.kernel_names import short_names
from profiling.traces.operators import GROUPINGS, kernels, operator_groups

_NUMBERS = {
    "count": "Int64",
    "total_s": "Float64",
    "self_s": "Float64",
    "device_s": "Float64",
    "allocated_bytes": "Int64",
}
_MOST_NAMED = 8
_NAME_LIMIT = 120


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
    return compare_sides(diff_side(a, by), diff_side(b, by), by)


def compare_sides(a: pd.DataFrame, b: pd.DataFrame, by: str = "name") -> pd.DataFrame:
    """Compare two traces of which only their groups are at hand; see `trace_diff`.

    Args:
        a: As from `diff_side`; missing values may be None.
        b: Another one.
        by: How operators are grouped in both.
    """
    columns = ["category", *GROUPINGS[by]]
    found = _typed(a, by).merge(
        _typed(b, by), on=columns, how="outer", suffixes=("_a", "_b"), indicator="only_in"
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


def diff_sentences(diff: pd.DataFrame, text: Text) -> list[str]:
    """Say what of two traces differs: counts first, which are certain, then times and bytes.

    Args:
        diff: As from `trace_diff`.
        text: Translator.
    """
    said = []
    is_work = diff["category"] != "cpu_op"
    short = short_names(diff.loc[is_work, "name"])
    diff = diff.assign(name=diff["name"].map(short).where(is_work, diff["name"]))
    counts = diff[diff["count_a"].fillna(0) != diff["count_b"].fillna(0)]
    for side in ("a", "b"):
        alone = counts[counts["only_in"].eq(side).fillna(False)]
        if len(alone):
            said.append(text(f"trace.diff.only_{side}", names=_named(alone, f"count_{side}", text)))
    both = counts[counts["only_in"].isna() | counts["only_in"].eq("")]
    if len(both):
        said.append(text("trace.diff.counts", names=_changes(both, text)))
    if counts.empty:
        said.append(text("trace.diff.same_counts"))
    return [*said, *_totals(diff, text)]


def diff_side(trace: pd.DataFrame, by: str = "name") -> pd.DataFrame:
    """Return what a comparison needs of a trace: a row for each group, far fewer than events."""
    operators = operator_groups(trace, by).assign(category="cpu_op")
    work = kernels(trace)
    work["self_s"] = work["total_s"]
    parts = [_typed(part, by) for part in (operators, work)]
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _typed(part: pd.DataFrame, by: str) -> pd.DataFrame:
    texts = dict.fromkeys(["category", *GROUPINGS[by]], "str")
    return part.reindex(columns=[*texts, *_NUMBERS]).astype({**_NUMBERS, **texts})


def _named(rows: pd.DataFrame, column: str, text: Text) -> str:
    pairs = zip(rows["name"], rows[column], strict=True)
    return _joined([f"`{_short(name)}` ×{count:,}" for name, count in pairs], text)


def _changes(rows: pd.DataFrame, text: Text) -> str:
    triples = zip(rows["name"], rows["count_a"], rows["count_b"], strict=True)
    return _joined([f"`{_short(name)}` {a:,} → {b:,}" for name, a, b in triples], text)


def _joined(parts: list[str], text: Text) -> str:
    named = text("language.list").join(parts[:_MOST_NAMED])
    more = len(parts) - _MOST_NAMED
    return named if more <= 0 else text("trace.diff.and_more", names=named, count=more)


def _short(name: str) -> str:
    plain = name.replace("`", "'")
    return plain if len(plain) <= _NAME_LIMIT else f"{plain[: _NAME_LIMIT - 1]}…"


def _totals(diff: pd.DataFrame, text: Text) -> list[str]:
    """Say the sums of self time on the CPU, of GPU work and of bytes allocated."""
    ops, work = diff[diff["category"] == "cpu_op"], diff[diff["category"] != "cpu_op"]
    said = []
    for key, rows in (("cpu", ops), ("gpu", work)):
        a, b = (float(rows[f"self_s_{side}"].sum()) for side in ("a", "b"))
        if a or b:
            unit = time_unit([a, b])
            said.append(text(f"trace.diff.{key}", a=unit.show(a), b=unit.show(b)))
    if ops["allocated_bytes_a"].notna().any() and ops["allocated_bytes_b"].notna().any():
        a, b = (float(ops[f"allocated_bytes_{side}"].sum()) for side in ("a", "b"))
        said.append(text("trace.diff.bytes", a=show_bytes(a), b=show_bytes(b)))
    return said
