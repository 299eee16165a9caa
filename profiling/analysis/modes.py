"""What another mode changes: the branches of a size in eager beside the same branches compiled.

A peak has changed if it differs by at least 1%, as in `profiling.analysis.findings`. A step is
faster or slower if the 95% interval of the ratio of the medians is all on one side of 1. They were
timed one after the other and not in turns, which this interval does not know.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from profiling.analysis.analysis import Analysis, CellAnalysis
from profiling.analysis.diff import DiffRow, beside, shown_rows
from profiling.analysis.findings import alike, span
from profiling.analysis.statistics import by_group
from profiling.model.request import EAGER
from profiling.model.run import Status
from profiling.model.units import show_bytes, show_ratio, time_unit
from profiling.model.words import Text, lenient

# Two branches that agree in all of these do the same.
_SAME = ("peak_bytes", "saved_bytes", "allocated_bytes", "allocations")


class ModeRow(NamedTuple):
    """A branch in eager and in another mode, formatted.

    Attributes:
        row: Both side by side.
        compile: How long the first step took, nearly all of it to compile; empty where none was.
    """

    row: DiffRow
    compile: str


class Modes(NamedTuple):
    """One size in eager beside another mode.

    Attributes:
        mode: The other mode.
        eager: The cell in eager.
        other: The cell in the other mode.
    """

    mode: str
    eager: CellAnalysis
    other: CellAnalysis

    @property
    def size(self) -> int:
        """The size of both."""
        return self.eager.finished.cell.size


def modes(analysis: Analysis) -> list[Modes]:
    """Return what of a run can be laid side by side, by size and mode."""
    cells = [(each.finished.cell, each) for each in analysis.cells]
    eager = {cell.size: each for cell, each in cells if cell.mode == EAGER}
    return [
        Modes(cell.mode, eager[cell.size], each)
        for cell, each in cells
        if cell.mode != EAGER and cell.size in eager
    ]


def of_cell(analysis: Analysis, cell: CellAnalysis) -> list[Modes]:
    """Return what of a run can be laid beside a cell: its size in each other mode."""
    return [each for each in modes(analysis) if each.size == cell.finished.cell.size]


def title(found: Modes, text: Text) -> str:
    """Return what is laid side by side, such as "Compiled beside eager, batch 64"."""
    cell = found.eager.finished.cell
    unit = lenient(text)(f"size.{cell.unit}")
    return text("mode.title", mode=text(f"mode.{found.mode}"), size=f"{cell.size:,}", unit=unit)


def rows(found: Modes, text: Text) -> list[ModeRow]:
    """Format both side by side, a row a branch."""
    said = lenient(text)
    seconds = found.other.summary.set_index("branch")["compile_s"]
    unit = time_unit(seconds.dropna())
    table = beside(found.eager.finished, found.other.finished)
    return [
        ModeRow(row, "" if pd.isna(seconds[row.branch]) else unit.show(float(seconds[row.branch])))
        for row in shown_rows(table, said)
    ]


def sentences(found: Modes, text: Text) -> list[str]:
    """Say what the mode changed, the most telling first."""
    said = lenient(text)
    table = beside(found.eager.finished, found.other.finished)
    both = [row for row in _records(table) if row["status_a"] == row["status_b"] == _OK]
    clauses = [
        *_same(found, both, said),
        *_peaks(both, said),
        *_times(both, said),
        *_gradients(both, said),
        *_failures(_records(table), said),
    ]
    return clauses or [said("mode.no_change")]


_OK = Status.OK.value
Record = dict[Hashable, Any]


def _records(table: pd.DataFrame) -> list[Record]:
    return table.to_dict("records")


def _same(found: Modes, both: Sequence[Record], text: Text) -> Iterator[str]:
    """Say which branches differ in eager and are one and the same in the other mode."""
    ran = {row["branch"] for row in both}
    before, after = (_groups(each.summary, ran) for each in (found.eager, found.other))
    for branches in after.values():
        if len(branches) > 1 and not any(set(branches) <= set(each) for each in before.values()):
            peaks = [row["peak_b_bytes"] for row in both if row["branch"] in branches]
            yield text(
                "mode.same", names=_listed(branches, text), peak=show_bytes(float(min(peaks)))
            )


def _groups(summary: pd.DataFrame, ran: set[str]) -> dict[tuple[Any, ...], list[str]]:
    """Return the branches that agree in all that can be counted, by what that is."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for row in summary.to_dict("records"):
        counted = tuple(row[name] for name in _SAME)
        if row["branch"] in ran and not any(pd.isna(each) for each in counted):
            groups.setdefault(counted, []).append(str(row["branch"]))
    return groups


def _peaks(both: Sequence[Record], text: Text) -> Iterator[str]:
    known = [row for row in both if not pd.isna(row["peak_difference_bytes"])]
    changed = [row for row in known if not alike(row["peak_a_bytes"], row["peak_b_bytes"])]
    for key, those in (
        ("lower", [row for row in changed if row["peak_difference_bytes"] < 0]),
        ("higher", [row for row in changed if row["peak_difference_bytes"] > 0]),
    ):
        if those:
            most = max(those, key=lambda row: abs(row["peak_difference_bytes"]))
            yield text(
                f"mode.peak.{key}.{'one' if len(those) == 1 else 'several'}",
                names=_names(those, text),
                most=most["branch"],
                a=show_bytes(float(most["peak_a_bytes"])),
                b=show_bytes(float(most["peak_b_bytes"])),
            )


def _times(both: Sequence[Record], text: Text) -> Iterator[str]:
    for verdict in ("faster", "slower"):
        those = [row for row in both if row["verdict"] == verdict]
        if those:
            ratios = [row["ratio"] for row in those]
            ratio = span(show_ratio, min(ratios), max(ratios))
            yield text(f"mode.time.{verdict}", names=_names(those, text), ratio=ratio)


def _gradients(both: Sequence[Record], text: Text) -> Iterator[str]:
    for row in both:
        if row["gradients_agree"] is not False:
            continue
        a, b = by_group(row["gradients_a"]), by_group(row["gradients_b"])
        for group in (each for each in a if each in b):
            if a[group] == "none" and b[group] == "zeros":
                yield text("mode.gradient.zeros", name=row["branch"], group=group)
            elif a[group] != b[group]:
                yield text(
                    "mode.gradient",
                    name=row["branch"],
                    group=group,
                    a=text(f"reach.{a[group]}"),
                    b=text(f"reach.{b[group]}"),
                )


def _failures(table: Sequence[Record], text: Text) -> Iterator[str]:
    for key, runs, fails in (("fails", "status_a", "status_b"), ("works", "status_b", "status_a")):
        those = [row for row in table if row[runs] == _OK and row[fails] != _OK]
        if those:
            yield text(f"mode.{key}", names=_names(those, text))


def _names(those: Iterable[Record], text: Text) -> str:
    return _listed([str(row["branch"]) for row in those], text)


def _listed(names: Iterable[str], text: Text) -> str:
    return text("language.list").join(f"`{name}`" for name in names)
