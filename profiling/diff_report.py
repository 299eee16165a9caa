"""Two runs side by side in words and short numbers, as the page and the shell show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from demos.locales import Text
from profiling.diff import Diff, Difference, Lone
from profiling.units import Unit, byte_unit, show_bytes, significant, time_unit
from profiling.wording import lenient

_CELL = ["workload", "size", "unit", "dtype", "parameters", "device_a", "device_b"]


class DiffRow(NamedTuple):
    """One branch that both runs have; texts are empty where nothing was measured.

    Attributes:
        time: Median time of a step in a and in b, or why there is none.
        verdict: ``faster``, ``slower`` or ``no_difference`` of b, or nothing.
        change: How many bytes b's peak is above a's, with its sign.
        notes: What else differs.
    """

    branch: str
    time: str
    ratio: str
    interval: str
    verdict: str
    peak: str
    change: str
    notes: tuple[str, ...]


class Section(NamedTuple):
    """The rows of one cell."""

    title: str
    rows: list[DiffRow]


def sections(found: Diff, text: Text) -> list[Section]:
    """Format the rows of two runs, cell by cell, each cell in units of its own."""
    said = lenient(text)
    return [
        Section(_title(cell.iloc[0], said), _rows(cell, said))
        for _, cell in found.rows.groupby(_CELL, sort=False)
    ]


def finding(found: Diff, text: Text) -> str:
    """Say in one sentence how often b is faster or slower than a, and what is not in both."""
    if found.rows.empty:
        return text("diff.finding.none") + text("finding.end")
    verdicts = found.rows["verdict"].value_counts()
    counts = {
        name: int(verdicts.get(name, 0)) for name in ("faster", "slower", "no_difference", "")
    }
    clauses = [
        text(
            "diff.finding",
            count=len(found.rows),
            faster=counts["faster"],
            slower=counts["slower"],
            same=counts["no_difference"],
        )
    ]
    if counts[""]:
        clauses.append(text("diff.finding.untimed", count=counts[""]))
    disagreeing = found.rows[found.rows["gradients_agree"].eq(False)]["branch"].unique()
    if len(disagreeing):
        names = text("language.list").join(f"`{name}`" for name in disagreeing)
        clauses.append(text("diff.finding.gradients", names=names))
    for side, lone in (("a", found.only_a), ("b", found.only_b)):
        if lone:
            clauses.append(text(f"diff.finding.only_{side}", count=len(lone)))
    return text("finding.and").join(clauses) + text("finding.end")


def around(found: Diff) -> tuple[Difference, ...]:
    """Return what differs around two runs, without the device, which heads the columns."""
    return tuple(each for each in found.environment if each.field != "device")


def lone_words(lone: Sequence[Lone], text: Text) -> list[str]:
    """Say what only one of the runs has, a line for each cell."""
    said = lenient(text)
    branches: dict[Lone, list[str]] = {}
    for each in lone:
        branches.setdefault(each._replace(branch=""), []).append(each.branch)
    lines = []
    for cell, names in branches.items():
        details = cell.dtype, cell.device, cell.parameters
        title = _cell_words(cell.workload, cell.size, cell.unit, details, said)
        listed = said("language.list").join(f"`{name}`" for name in names if name)
        lines.append(said("diff.branches", cell=title, branches=listed) if listed else title)
    return lines


def _title(row: pd.Series, text: Text) -> str:
    details = row["dtype"], row["parameters"]
    return _cell_words(row["workload"], row["size"], row["unit"], details, text)


def _cell_words(workload: str, size: int, unit: str, details: tuple[str, ...], text: Text) -> str:
    return text(
        "diff.cell",
        workload=workload,
        size=f"{size:,}",
        unit=text(f"size.{unit}"),
        details=text("diff.comma").join(filter(None, details)),
    )


def _rows(cell: pd.DataFrame, text: Text) -> list[DiffRow]:
    times = time_unit([*cell["step_median_a_s"], *cell["step_median_b_s"]])
    memory = byte_unit([*cell["peak_a_bytes"].dropna(), *cell["peak_b_bytes"].dropna()])
    return [_row(each, times, memory, text) for each in cell.itertuples()]


def _row(row: Any, times: Unit, memory: Unit, text: Text) -> DiffRow:
    return DiffRow(
        branch=row.branch,
        time=_times(row, times, text),
        ratio="" if pd.isna(row.ratio) else f"{significant(row.ratio)}×",
        interval=_interval(row),
        verdict=row.verdict,
        peak=_peaks(_optional(row.peak_a_bytes), _optional(row.peak_b_bytes), memory),
        change=_change(_optional(row.peak_difference_bytes)),
        notes=_notes(row, text),
    )


def _times(row: Any, unit: Unit, text: Text) -> str:
    a, b = row.step_median_a_s, row.step_median_b_s
    if not pd.isna(a) and not pd.isna(b):
        return f"{unit.number(a)} → {unit.show(b)}"
    sides = unit.show(a) or _why(row.status_a, text), unit.show(b) or _why(row.status_b, text)
    return sides[0] if sides[0] == sides[1] else " → ".join(sides)


def _why(status: str, text: Text) -> str:
    return text("chart.not_measured") if status == "ok" else text(f"status.{status}")


def _peaks(a: float | None, b: float | None, unit: Unit) -> str:
    if a is None and b is None:
        return ""
    if a is None or b is None:
        return f"{unit.show(a, 4) or '–'} → {unit.show(b, 4) or '–'}"
    return f"{unit.number(a, 4)} → {unit.show(b, 4)}"


def _interval(row: Any) -> str:
    if pd.isna(row.ratio_low):
        return ""
    return f"{significant(row.ratio_low)}–{significant(row.ratio_high)}"


def _change(difference: float | None) -> str:
    if not difference:
        return "" if difference is None else "0"
    return f"{'+' if difference > 0 else '−'}{show_bytes(abs(difference))}"


def _notes(row: Any, text: Text) -> tuple[str, ...]:
    """Say which groups' gradients are another, and whether the code is."""
    notes = []
    gradients = row.gradients_a, row.gradients_b
    if row.gradients_agree is False:
        a, b = (dict(part.split(":") for part in each.split(";")) for each in gradients)
        for group in dict.fromkeys([*a, *b]):
            outcomes = [text(f"reach.{side[group]}") if group in side else "–" for side in (a, b)]
            if a.get(group) != b.get(group):
                notes.append(text("diff.group", group=group, a=outcomes[0], b=outcomes[1]))
    if row.source_differs is True:
        notes.append(text("diff.source_differs"))
    return tuple(notes)


def _optional(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
