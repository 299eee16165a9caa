"""A run analysed: all that page, shell, API, report and files show of it is derived here, once.

What is derived of a cell is kept while its run grows, so that a new result costs only its own cell.
Traces are read once and only what is drawn of them is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from profiling.analysis import tables
from profiling.analysis.findings import Findings, find
from profiling.analysis.statistics import cell_summary, joined
from profiling.model.run import CellResult, Run
from profiling.traces.memory import downsample, memory_curve
from profiling.traces.operators import operator_groups
from profiling.traces.table import load_trace

KEPT_BYTES = 64 * 2**20
KEPT_RUNS = 32


class Traced(NamedTuple):
    """What is drawn of a cell's traces.

    Attributes:
        curves: Memory over time, thinned to what can be seen: ``branch`` and the columns of
            `profiling.traces.memory.memory_curve`.
        operators: ``branch`` and the columns of `profiling.traces.operators.operator_groups`.
    """

    curves: pd.DataFrame
    operators: pd.DataFrame


class CellAnalysis:
    """What is derived of one finished cell, each part when it is first asked for.

    Attributes:
        finished: The cell.
        traced_bytes: Bytes of what was derived of its traces so far.
    """

    def __init__(self, finished: CellResult, folder: Path) -> None:
        """Derive nothing yet.

        Args:
            finished: The cell.
            folder: The run's folder, that its trace paths start from.
        """
        self.finished = finished
        self.traced_bytes = 0
        self._folder = folder

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a branch, as from `profiling.analysis.statistics.cell_summary`."""
        return cell_summary(self.finished)

    @cached_property
    def findings(self) -> Findings:
        """What the cell shows."""
        return find(self.summary)

    @cached_property
    def reach(self) -> pd.DataFrame:
        """One row a parameter group and branch, as from `profiling.analysis.tables.reach`."""
        return tables.reach(self.finished)

    @cached_property
    def peak_parts(self) -> pd.DataFrame:
        """What peaks consist of, as from `profiling.analysis.tables.peak_parts`."""
        return tables.peak_parts(self.finished)

    @cached_property
    def traced(self) -> Traced:
        """What is drawn of its traces.

        Raises:
            InputError: A trace is damaged.
            OSError: A trace is gone.
        """
        curves, operators = [], []
        for result in self.finished.results:
            if result.trace is not None:
                trace = load_trace(self._folder / result.trace)
                curve = downsample(memory_curve(trace, self.finished.cell.device))
                curves.append(curve.assign(branch=result.branch))
                operators.append(operator_groups(trace).assign(branch=result.branch))
        traced = Traced(_stacked(curves), _stacked(operators))
        self.traced_bytes = sum(int(table.memory_usage(deep=True).sum()) for table in traced)
        return traced


class Analysis:
    """What is derived of a run.

    Attributes:
        run: The run.
        folder: Its folder, that its trace paths start from.
        cells: Its finished cells in order.
    """

    def __init__(self, run: Run, folder: Path, before: Analysis | None = None) -> None:
        """Derive nothing yet.

        Args:
            run: The run.
            folder: Its folder, that its trace paths start from.
            before: The same run with fewer results, of which what was derived is kept.
        """
        self.run = run
        self.folder = folder
        known: tuple[CellAnalysis, ...] = () if before is None else before.cells
        self.cells: tuple[CellAnalysis, ...] = tuple(
            old if old is not None and _is_same(old.finished, each) else CellAnalysis(each, folder)
            for old, each in zip_longest(known[: len(run.results)], run.results)
        )

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The summaries of all cells as one table."""
        return joined(cell.summary for cell in self.cells)

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes of its finished cells, in their order."""
        return tuple(dict.fromkeys(cell.finished.cell.mode for cell in self.cells))

    def findings(self, mode: str) -> dict[int, Findings]:
        """Return what each cell of a mode shows, by size."""
        cells = (cell for cell in self.cells if cell.finished.cell.mode == mode)
        return {cell.finished.cell.size: cell.findings for cell in cells}

    def over_sizes(self, mode: str) -> pd.DataFrame:
        """Return the rows of a mode's cells, of all their sizes."""
        return self.summary[self.summary["mode"] == mode]

    def cell(self, size: int | None = None, mode: str | None = None) -> CellAnalysis:
        """Return the cell of a size and mode, or what of it there is.

        Args:
            size: The size; if there is no cell of it, the latest is returned.
            mode: The mode; by default the first that was measured of that size.
        """
        cells = self.cells
        latest = cells[-1].finished.cell.size
        has_size = any(cell.finished.cell.size == size for cell in cells)
        of_size = [
            cell for cell in cells if cell.finished.cell.size == (size if has_size else latest)
        ]
        of_mode = [cell for cell in of_size if cell.finished.cell.mode == mode]
        return (of_mode or of_size)[0]


class Analyses:
    """Keeps the analyses of the runs that were looked at last, within bounds on memory."""

    def __init__(self, most_bytes: int = KEPT_BYTES, most_runs: int = KEPT_RUNS) -> None:
        """Keep nothing yet.

        Args:
            most_bytes: How much may be kept of the traces of all runs but the last.
            most_runs: How many runs there may be.
        """
        self._most_bytes, self._most_runs = most_bytes, most_runs
        self._kept: OrderedDict[str, Analysis] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, run: Run, folder: Path) -> Analysis:
        """Return the analysis of a run, with what was derived when it had fewer results."""
        with self._lock:
            analysis = self._kept.pop(run.id, None)
            if analysis is None or analysis.run is not run:
                analysis = Analysis(run, folder, analysis)
            self._kept[run.id] = analysis
            self._forget_oldest()
        return analysis

    def forget(self, run: Run) -> None:
        """Keep nothing of a run any more."""
        with self._lock:
            self._kept.pop(run.id, None)

    def _forget_oldest(self) -> None:
        sizes = {
            name: sum(cell.traced_bytes for cell in analysis.cells)
            for name, analysis in self._kept.items()
        }
        for name in list(self._kept)[:-1]:
            if len(self._kept) <= self._most_runs and sum(sizes.values()) <= self._most_bytes:
                return
            del self._kept[name], sizes[name]


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _is_same(one: CellResult, other: CellResult) -> bool:
    # A run that was noted in a file is read anew each time.
    return one is other or one == other
