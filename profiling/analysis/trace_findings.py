"""What two traces say beside each other, in sentences."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from profiling.model.units import show_bytes, time_unit

Text = Callable[..., str]

_MOST_NAMED = 8
_NAME_LIMIT = 60


def diff_sentences(diff: pd.DataFrame, text: Text) -> list[str]:
    """Say what of two traces differs: counts first, which are certain, then times and bytes.

    Args:
        diff: As from `profiling.traces.diff.trace_diff`.
        text: Says a locale key.
    """
    said = []
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
