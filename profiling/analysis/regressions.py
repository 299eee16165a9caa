"""What got worse from one run to another, for a check that fails where something did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from profiling.analysis.diff import Diff
from profiling.analysis.statistics import by_group
from profiling.model.errors import InputError, short
from profiling.model.request import mode_word
from profiling.model.units import show_interval, show_ratio
from profiling.model.words import Text

MEASURES = ("peak", "saved", "reach", "time")
# Outcomes of a group that speak against a branch, whatever they were before.
_BAD = {"missing", "unwanted", "zeros", "different", "absent"}


class Limits(NamedTuple):
    """What must not get worse.

    Attributes:
        measures: Of `MEASURES`.
        time_percent: By how much more time may be taken without counting as worse.
    """

    measures: tuple[str, ...]
    time_percent: float = 0.0


class Regression(NamedTuple):
    """One branch that is worse in B than in A.

    Attributes:
        measure: One of `MEASURES`, or ``"status"`` if it ran in A and not in B.
        group: The parameter group; for ``"reach"`` only.
        a: The value in A: bytes, an outcome or a status; for ``"time"`` the median in seconds.
        b: The value in B.
        ratio: Of B's median time to A's, with the ends of its interval; for ``"time"`` only.
    """

    workload: str
    size: int
    dtype: str
    mode: str
    device: str
    parameters: str
    branch: str
    measure: str
    group: str
    a: Any
    b: Any
    ratio: tuple[float, float, float] | None = None


class Judged(NamedTuple):
    """What the check of two runs found.

    Attributes:
        worse: What got worse.
        unknown: How many branches could not be judged, by measure: a value is missing on a side or,
            for a time, there are too few samples for an interval.
    """

    worse: tuple[Regression, ...]
    unknown: dict[str, int]


def read_limits(texts: Iterable[str]) -> Limits:
    """Read limits such as ``"peak,saved,time=5"``.

    Raises:
        InputError: A name is not in `MEASURES`, or a percentage is no number from 0 on or stands
            with anything but a time.
    """
    measures: list[str] = []
    percent = 0.0
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, has_value, value = (piece.strip() for piece in part.partition("="))
        if name not in MEASURES:
            allowed = ", ".join(MEASURES)
            raise InputError("error.fail_on_unknown", given=short(name), allowed=allowed)
        if has_value:
            percent = _percent(name, value)
        measures.append(name)
    return Limits(tuple(dict.fromkeys(measures)), percent)


def judge(found: Diff, limits: Limits) -> Judged:
    """Find what is worse in B than in A.

    Bytes and outcomes are exact, so any change for the worse counts. A time is worse if the whole
    interval of the ratio is above 1, or above what the limit allows. A branch that ran in A and did
    not run in B is worse whatever is asked.

    Args:
        found: The two runs side by side.
        limits: What must not get worse.
    """
    worse: list[Regression] = []
    unknown: dict[str, int] = {}
    for row in _records(found.rows):
        if row["status_a"] != "ok":
            continue
        if row["status_b"] != "ok":
            worse.append(_regression(row, "status", row["status_a"], row["status_b"]))
            continue
        for measure in limits.measures:
            regressions = _worse(row, measure, limits.time_percent)
            if regressions is None:
                unknown[measure] = unknown.get(measure, 0) + 1
            else:
                worse.extend(regressions)
    return Judged(tuple(worse), unknown)


def sentences(judged: Judged, text: Text) -> list[str]:
    """Say what got worse, a sentence each, and what could not be judged."""
    said = [_sentence(each, text) for each in judged.worse]
    for measure, count in judged.unknown.items():
        said.append(
            text("regression.unknown", measure=text(f"regression.of.{measure}"), count=count)
        )
    return said or [text("regression.none")]


def _percent(name: str, value: str) -> float:
    if name != "time":
        raise InputError("error.fail_on_percent", name=name)
    try:
        percent = float(value.removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent < float("inf"):
        raise InputError("error.fail_on_number", given=short(value))
    return percent


def _worse(row: dict[str, Any], measure: str, percent: float) -> Sequence[Regression] | None:
    """Return in what a branch is worse; None if that cannot be told."""
    if measure == "reach":
        return tuple(_of_groups(row)) if row["gradients_a"] and row["gradients_b"] else None
    if measure == "time":
        ratio = row["ratio"], row["ratio_low"], row["ratio_high"]
        if pd.isna(row["ratio_low"]):
            return None
        slower = row["ratio_low"] > 1 + percent / 100
        sides = row["step_median_a_s"], row["step_median_b_s"]
        return (_regression(row, measure, *sides, ratio=ratio),) if slower else ()
    a, b = row[f"{measure}_a_bytes"], row[f"{measure}_b_bytes"]
    if pd.isna(a) or pd.isna(b):
        return None
    return (_regression(row, measure, int(a), int(b)),) if b > a else ()


def _of_groups(row: dict[str, Any]) -> Iterator[Regression]:
    a, b = by_group(row["gradients_a"]), by_group(row["gradients_b"])
    for group, outcome in b.items():
        if outcome in _BAD and a.get(group) not in _BAD:
            yield _regression(row, "reach", a.get(group, ""), outcome, group=group)


def _regression(
    row: dict[str, Any],
    measure: str,
    a: Any,
    b: Any,
    group: str = "",
    ratio: tuple[float, float, float] | None = None,
) -> Regression:
    names = ("workload", "size", "dtype", "mode")
    place = {name: row[name] for name in names} | {"device": row["device_b"]}
    return Regression(
        **place,
        parameters=row["parameters"],
        branch=row["branch"],
        measure=measure,
        group=group,
        a=a,
        b=b,
        ratio=ratio,
    )


def _sentence(each: Regression, text: Text) -> str:
    a, b = (_shown(each.measure, value, text) for value in (each.a, each.b))
    values: dict[str, str] = {"a": a, "b": b, "group": each.group}
    if each.ratio is not None:
        estimate, low, high = each.ratio
        values |= {"ratio": show_ratio(estimate), "interval": show_interval(low, high)}
    details = (each.dtype, mode_word(each.mode), each.device, each.parameters)
    return text(
        "regression.worse",
        branch=each.branch,
        workload=each.workload,
        size=f"{each.size:,}",
        details=text("diff.comma").join(filter(None, details)),
        what=text(f"regression.{each.measure}", **values),
    )


def _shown(measure: str, value: Any, text: Text) -> str:
    if measure in ("peak", "saved"):
        return f"{value:,} B"  # Rounded, both might read the same.
    if measure == "reach":
        return text(f"reach.{value}") if value else "–"
    return text(f"status.{value}") if measure == "status" else ""


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
