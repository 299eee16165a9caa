"""Two runs side by side, such as before and after a change, or a CPU beside a GPU.

`diff` gives the table of what both have and what only one has; the other functions put it into
words. Verdicts and numbers follow the rules of `profiling.analysis.findings`, but for the interval,
which here is that of two medians whose samples were taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from profiling.analysis.statistics import (
    Floats,
    Measured,
    by_group,
    gradients,
    interval_verdict,
    unpaired_ratio,
)
from profiling.analysis.tables import results_of
from profiling.model.request import EAGER, mode_word
from profiling.model.run import BranchResult, Cell, CellResult, Run
from profiling.model.units import (
    Unit,
    byte_unit,
    show_bytes,
    show_flags,
    show_interval,
    show_ratio,
    time_unit,
)
from profiling.model.words import Text, lenient

# Columns of what both runs have; `_a` and `_b` are the two runs.
COLUMNS = (
    *("workload", "size", "unit", "dtype", "mode", "parameters", "branch"),
    *("device_a", "device_b"),
    *("status_a", "status_b", "step_median_a_s", "step_median_b_s"),
    *("ratio", "ratio_low", "ratio_high", "verdict"),
    *("peak_a_bytes", "peak_b_bytes", "peak_difference_bytes", "saved_a_bytes", "saved_b_bytes"),
    *("gradients_a", "gradients_b", "gradients_agree", "source_differs"),
)
_COUNTS = tuple(name for name in COLUMNS if name.endswith("_bytes"))


_CELL = ["workload", "size", "unit", "dtype", "mode", "parameters", "device_a", "device_b"]


class Lone(NamedTuple):
    """What one run alone has: a cell, or one branch of a cell that both have.

    Attributes:
        parameters: Such as ``depth=8 width=128``.
        branch: Empty for a whole cell.
    """

    workload: str
    size: int
    unit: str
    dtype: str
    device: str
    parameters: str
    mode: str = EAGER
    branch: str = ""


class Difference(NamedTuple):
    """One field of the environment that the runs do not share; empty where a run has none."""

    field: str
    a: str
    b: str


class Diff(NamedTuple):
    """Two runs side by side.

    Attributes:
        rows: One row a branch of every cell that both runs have measured; columns as in
            `COLUMNS`. Times in seconds, memory in bytes; the ratio is b's median time over a's,
            with its 95% interval.
        only_a: What only the first run has.
        only_b: What only the second run has.
        environment: What differs around the measuring.
    """

    rows: pd.DataFrame
    only_a: tuple[Lone, ...]
    only_b: tuple[Lone, ...]
    environment: tuple[Difference, ...]


def diff(a: Run, b: Run) -> Diff:
    """Lay two runs side by side.

    Cells belong together when workload, size, dtype, mode and parameters are equal. The device may
    be another one, but where a run has both, cells of the same device belong together.
    """
    pairs = list(_pairs(a, b))
    return Diff(
        rows=_table(pairs),
        only_a=tuple(_lone(a, [(one, other) for one, other in pairs])),
        only_b=tuple(_lone(b, [(other, one) for one, other in pairs])),
        environment=_environment(a, b),
    )


def beside(one: CellResult, other: CellResult) -> pd.DataFrame:
    """Lay two cells side by side, whatever they differ in.

    Returns:
        One row a branch that both have; columns as in `COLUMNS`.
    """
    return _table([(one, other)])


def _table(pairs: Sequence[tuple[CellResult, CellResult]]) -> pd.DataFrame:
    rows = [
        _row(one, other, result, twin)
        for one, other in pairs
        for result in results_of(one)
        for twin in results_of(other)
        if result.branch == twin.branch
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(_COUNTS, "Int64"))


def device_name(run: Run, cell: Cell | None = None) -> str:
    """Return the maker's name of the device that a cell was measured on, by default the first."""
    measured = cell or run.cells[0]
    device = run.environment_of(measured).device(measured.device)
    return measured.device if device is None else device.name


def _pairs(a: Run, b: Run) -> Iterator[tuple[CellResult, CellResult]]:
    for one in a.results:
        same = [other for other in b.results if _subject(other.cell) == _subject(one.cell)]
        devices = {other.cell.device: other for other in same}
        mine = {each.cell.device for each in a.results if _subject(each.cell) == _subject(one.cell)}
        if one.cell.device in devices:
            yield one, devices[one.cell.device]
        elif same and not mine & set(devices):
            yield one, same[0]


def _subject(cell: Cell) -> tuple[str, int, str, str, str]:
    """Return what has to be equal for two cells to belong together."""
    return cell.workload, cell.size, cell.dtype, cell.mode, _parameters(cell)


def _parameters(cell: Cell) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(cell.parameters.items()))


def _row(
    one: CellResult, other: CellResult, result: BranchResult, twin: BranchResult
) -> dict[str, Any]:
    cell, measured = one.cell, (Measured(one, result), Measured(other, twin))
    (a, steps_a), (b, steps_b) = map(_side, measured)
    ratio = unpaired_ratio(steps_b, steps_a)
    peaks = a["peak_{}_bytes"], b["peak_{}_bytes"]
    outcomes = a["gradients_{}"], b["gradients_{}"]
    hashes = result.source_sha256, twin.source_sha256
    return {
        "workload": cell.workload,
        "size": cell.size,
        "unit": cell.unit,
        "dtype": cell.dtype,
        "mode": cell.mode,
        "parameters": _parameters(cell),
        "branch": result.branch,
        **{name.format("a"): value for name, value in a.items()},
        **{name.format("b"): value for name, value in b.items()},
        "ratio": ratio.estimate,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "verdict": interval_verdict(ratio),
        "peak_difference_bytes": None if None in peaks else peaks[1] - peaks[0],
        "gradients_agree": outcomes[0] == outcomes[1] if all(outcomes) else None,
        "source_differs": hashes[0] != hashes[1] if all(hashes) else None,
    }


def _side(branch: Measured) -> tuple[dict[str, Any], Floats]:
    """Return what each of the two runs has of its own, by column with a place for its letter.

    The second item is the seconds of each step.
    """
    steps = branch.steps.dropna().to_numpy()
    side = {
        "device_{}": branch.finished.cell.device,
        "status_{}": branch.result.status.value,
        "step_median_{}_s": float(np.median(steps)) if len(steps) else np.nan,
        "peak_{}_bytes": branch.largest("peak"),
        "saved_{}_bytes": branch.largest("saved"),
        "gradients_{}": gradients(branch.finished, branch.result),
    }
    return side, steps


def _lone(run: Run, pairs: list[tuple[CellResult, CellResult]]) -> Iterator[Lone]:
    """Yield what a run has alone; each pair's first is of this run."""
    for finished in run.results:
        cell = finished.cell
        details = cell.dtype, cell.device, _parameters(cell), cell.mode
        lone = Lone(cell.workload, cell.size, cell.unit, *details)
        theirs = [other for mine, other in pairs if mine is finished]
        if not theirs:
            yield lone
            continue
        known = {result.branch for other in theirs for result in results_of(other)}
        for result in results_of(finished):
            if result.branch not in known:
                yield lone._replace(branch=result.branch)


def _environment(a: Run, b: Run) -> tuple[Difference, ...]:
    sides = [_surroundings(run) for run in (a, b)]
    return tuple(
        Difference(field, value, sides[1][field])
        for field, value in sides[0].items()
        # An older run does not tell its flags.
        if value != sides[1][field] and (field != "flags" or all(side[field] for side in sides))
    )


def _surroundings(run: Run) -> dict[str, str]:
    machine, request = run.environment, run.request
    values = {
        "device": device_name(run),
        "torch": machine.torch,
        "cuda": machine.cuda,
        "driver": machine.driver,
        "flags": show_flags(machine.flags),
        "python": machine.python,
        "platform": machine.platform,
        "threads": machine.threads,
        "commit": machine.commit,
        "budget": request.budget_s,
        "seed": request.seed,
    }
    return {field: "" if value is None else str(value) for field, value in values.items()}


class DiffRow(NamedTuple):
    """One branch that both runs have; texts are empty where nothing was measured.

    Attributes:
        time: Median time of a step in a and in b, or why there is none.
        verdict: ``faster``, ``slower`` or ``no_difference`` of b, or nothing.
        change: How many bytes b's peak is above a's, with its sign.
        notes: What else differs.
        saved: What autograd saves for backward in a and in b.
    """

    branch: str
    time: str
    ratio: str
    interval: str
    verdict: str
    peak: str
    change: str
    notes: tuple[str, ...]
    saved: str = ""


class Counts(NamedTuple):
    """How many branches b is faster in, slower in, the same in, and which have no times."""

    faster: int
    slower: int
    same: int
    untimed: int

    @property
    def timed(self) -> int:
        """How many have times in both runs."""
        return self.faster + self.slower + self.same


class Section(NamedTuple):
    """The rows of one cell."""

    title: str
    rows: list[DiffRow]


def sections(found: Diff, text: Text) -> list[Section]:
    """Format the rows of two runs, cell by cell, each cell in units of its own."""
    said = lenient(text)
    return [
        Section(_title(cell.iloc[0], said), shown_rows(cell, said))
        for _, cell in found.rows.groupby(_CELL, sort=False)
    ]


def counts(rows: pd.DataFrame) -> Counts:
    """Count the verdicts of the rows of a `Diff`."""
    found = rows["verdict"].value_counts()
    names = ("faster", "slower", "no_difference", "")
    return Counts(*(int(found.get(name, 0)) for name in names))


def headline(found: Diff, text: Text) -> str:
    """Say in one sentence how often b is faster or slower than a, and what is not in both."""
    if found.rows.empty:
        return text("diff.finding.none") + text("finding.end")
    number, clauses = counts(found.rows), []
    if number.timed:
        clauses.append(
            text(
                "diff.finding",
                count=number.timed,
                faster=number.faster,
                slower=number.slower,
                same=number.same,
            )
        )
    if number.untimed:
        clauses.append(text("diff.finding.untimed", count=number.untimed))
    disagreeing = found.rows[found.rows["gradients_agree"].eq(False)]["branch"].unique()
    if len(disagreeing):
        names = text("language.list").join(f"`{name}`" for name in disagreeing)
        clauses.append(text("diff.finding.gradients", names=names))
    for side, lone in (("a", found.only_a), ("b", found.only_b)):
        if lone:
            clauses.append(text(f"diff.finding.only_{side}", count=len(lone)))
    return text("finding.and").join(clauses) + text("finding.end")


def chart_title(rows: pd.DataFrame, text: Text) -> str:
    """Say how often b is faster or slower than a, short enough for a chart."""
    number = counts(rows)
    if not number.timed:
        return text("diff.chart.title.none")
    return text("diff.chart.title", count=number.timed, faster=number.faster, slower=number.slower)


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
        details = cell.dtype, mode_word(cell.mode), cell.device, cell.parameters
        title = _cell_words(cell.workload, cell.size, cell.unit, details, said)
        listed = said("language.list").join(f"`{name}`" for name in names if name)
        lines.append(said("diff.branches", cell=title, branches=listed) if listed else title)
    return lines


def _title(row: pd.Series, text: Text) -> str:
    details = row["dtype"], mode_word(row["mode"]), row["parameters"]
    return _cell_words(row["workload"], row["size"], row["unit"], details, text)


def _cell_words(workload: str, size: int, unit: str, details: tuple[str, ...], text: Text) -> str:
    return text(
        "diff.cell",
        workload=workload,
        size=f"{size:,}",
        unit=text(f"size.{unit}"),
        details=text("diff.comma").join(filter(None, details)),
    )


def shown_rows(cell: pd.DataFrame, text: Text) -> list[DiffRow]:
    """Format the rows of one cell, all in common units."""
    times = time_unit([*cell["step_median_a_s"], *cell["step_median_b_s"]])
    memory = byte_unit([*cell["peak_a_bytes"].dropna(), *cell["peak_b_bytes"].dropna()])
    return [_shown(each, times, memory, text) for each in cell.itertuples()]


def _shown(row: Any, times: Unit, memory: Unit, text: Text) -> DiffRow:
    return DiffRow(
        branch=row.branch,
        time=_times(row, times, text),
        ratio="" if pd.isna(row.ratio) else f"{show_ratio(row.ratio)}×",
        interval="" if pd.isna(row.ratio_low) else show_interval(row.ratio_low, row.ratio_high),
        verdict=row.verdict,
        peak=_peaks(_optional(row.peak_a_bytes), _optional(row.peak_b_bytes), memory),
        change=_change(_optional(row.peak_difference_bytes)),
        saved=_peaks(_optional(row.saved_a_bytes), _optional(row.saved_b_bytes), memory),
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


def _change(difference: float | None) -> str:
    if not difference:
        return "" if difference is None else "0"
    return f"{'+' if difference > 0 else '−'}{show_bytes(abs(difference))}"


def _notes(row: Any, text: Text) -> tuple[str, ...]:
    """Say which groups' gradients are another, and whether the code is."""
    notes = []
    gradients = row.gradients_a, row.gradients_b
    if row.gradients_agree is False:
        a, b = map(by_group, gradients)
        for group in dict.fromkeys([*a, *b]):
            outcomes = [text(f"reach.{side[group]}") if group in side else "–" for side in (a, b)]
            if a.get(group) != b.get(group):
                notes.append(text("diff.group", group=group, a=outcomes[0], b=outcomes[1]))
    if row.source_differs is True:
        notes.append(text("diff.source_differs"))
    return tuple(notes)


def _optional(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
