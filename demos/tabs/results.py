"""What a comparison shows: the finding, the table, the charts, the sources, the files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from demos import catalogue
from demos.catalogue import Source, WorkloadEntry
from demos.locales import Text
from demos.tabs import views
from demos.tabs.behind import behind
from profiling import export, tables
from profiling.charts import bars, memory, operators, peak_parts, reach, sizes
from profiling.errors import InputError
from profiling.records import Cell, CellResult, Run, ran
from profiling.report import finding, rows
from profiling.statistics import summary
from profiling.traces.load import load_trace
from profiling.traces.memory import memory_curve
from profiling.traces.operators import operators as operators_of
from profiling.wording import lenient

_FILES = ("summary.csv", "samples.csv", "trace_events.csv", export.ARCHIVE)
_PLOT_ROWS = (
    ("time", "peak"),
    ("peak_parts", "reach"),
    ("memory", "operators"),
    ("time_over_size", "memory_over_size"),
)


class Panel:
    """The components that show a run.

    Attributes:
        size: Chooses the cell that the table and the single-cell charts show.
        components: All components that `show` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        self.size = gr.Radio([], label=labels("compare.size"), visible=False)
        self.table = gr.HTML(elem_id="compare-results", visible=False)
        with gr.Row(elem_classes="lab-downloads"):
            self.files = {
                name: gr.DownloadButton(name, visible=False, size="sm", min_width=120)
                for name in _FILES
            }
        self.plots: dict[str, gr.Plot] = {}
        for names in _PLOT_ROWS:
            with gr.Row(elem_classes="lab-charts"):
                for name in names:
                    self.plots[name] = gr.Plot(
                        show_label=False, visible=False, min_width=320, elem_id=f"plot-{name}"
                    )
        with gr.Accordion(labels("behind.accordion"), open=False, visible=False) as self.numbers:
            self.behind = gr.HTML(elem_id="compare-behind")
        with gr.Accordion(labels("compare.sources"), open=False, visible=False) as self.folded:
            self.sources = gr.HTML(elem_id="compare-sources")
        self.traces = gr.File(
            label=labels("download.traces"), file_count="multiple", interactive=False, visible=False
        )
        self.components = (
            self.size,
            self.table,
            *self.files.values(),
            *self.plots.values(),
            self.folded,
            self.sources,
            self.traces,
            self.numbers,
            self.behind,
        )

    def show(self, run: Run, folder: Path, size: int | None, text: Text) -> dict[Any, Any]:
        """Return updates that show a run, measured here or elsewhere.

        Args:
            run: The run, with one result at least.
            folder: The run's folder.
            size: The size to show the cell of; the latest unless given.
            text: The visitor's words.
        """
        text = lenient(text)
        measured = {finished.cell.size: finished for finished in run.results}
        shown = measured.get(size) if size is not None else None
        cell = shown or run.results[-1]
        table = summary(run)
        updates = {
            self.size: gr.update(
                choices=[(f"{each:,}", each) for each in measured],
                value=cell.cell.size,
                visible=len(run.cells) > 1,
            ),
            self.table: gr.update(value=_table(run, table, cell, text), visible=True),
            **self._charts(run, table, cell, folder, text),
        }
        if size is not None:
            return updates
        return updates | self._files(run, folder, text) | self._sources(run, text)

    def _charts(
        self, run: Run, table: pd.DataFrame, cell: CellResult, folder: Path, text: Text
    ) -> dict[Any, Any]:
        unit = cell.cell.unit
        one = tables.of_cell(table, cell.cell)
        reached = tables.of_cell(tables.reach(run), cell.cell)
        parts = tables.of_cell(tables.peak_parts(run), cell.cell)
        predicted = one.rename(columns={"predicted_peak_bytes": "predicted_bytes"})
        traces = _traces(cell, folder)
        ops = _joined((branch, operators_of(trace)) for branch, trace in traces.items())
        curves = _joined(
            (branch, memory_curve(trace, cell.cell.device)) for branch, trace in traces.items()
        )
        figures = {
            "time": bars.time_by_branch(one, text),
            "peak": bars.peak_by_branch(one, text),
            "peak_parts": peak_parts.peak_parts(parts, text, predicted),
            "time_over_size": sizes.time_over_size(table, text, unit),
            "memory_over_size": sizes.memory_over_size(table, text, unit),
            "operators": operators.operators_by_branch(ops, text),
            "memory": memory.memory_over_time(curves, text),
            "reach": reach.gradient_reach(reached, text),
        }
        drawn = {
            self.plots[name]: gr.update(value=figure, visible=True)
            for name, figure in figures.items()
        }
        sheets = behind(table, parts, curves, ops, text)
        return {**drawn, self.numbers: gr.update(visible=True), self.behind: sheets}

    def _files(self, run: Run, folder: Path, text: Text) -> dict[Any, Any]:
        files = export.export(run, folder, text)
        traces = [str(path) for path in export.trace_files(run, folder)]
        buttons = {
            button: gr.update(value=str(files[name]), label=text(f"download.{name}"), visible=True)
            for name, button in self.files.items()
        }
        return {**buttons, self.traces: gr.update(value=traces, visible=bool(traces))}

    def _sources(self, run: Run, text: Text) -> dict[Any, Any]:
        cell, entry = run.cells[0], _entry(run.cells[0])
        texts: dict[str, str] = {}
        for result in (each for finished in run.results for each in finished.results):
            if result.source:
                texts.setdefault(ran(result.branch), result.source)
        ours = {} if entry is None else entry.sources
        sources = {
            branch: ours[branch]
            if branch in ours and ours[branch].text == shown
            else Source(shown, 1, cell.file)
            for branch, shown in texts.items()
        }
        # The reference that a run was judged by is known only if its other code is the same.
        same = entry is not None and all(sources[branch] is ours.get(branch) for branch in sources)
        reference = entry.reference if entry is not None and same else None
        html = views.render(
            "sources.html",
            text,
            sources=[(branch, views.code(source)) for branch, source in sources.items()],
            reference="" if reference is None else views.code(reference),
        )
        return {self.folded: gr.update(visible=bool(sources)), self.sources: html}


def _entry(cell: Cell) -> WorkloadEntry | None:
    """Return a cell's workload as it is here and now; None if it is not known here."""
    if cell.workload not in catalogue.workloads():
        return None
    try:
        return catalogue.workload(cell.workload)
    except InputError:
        return None  # a registered file that has changed since


def _table(run: Run, table: pd.DataFrame, cell: CellResult, text: Text) -> str:
    one = tables.of_cell(table, cell.cell)
    machine = tables.environment(run)
    environment = f"{machine['env_device_name']}, torch {machine['env_torch']}"
    return views.render(
        "results.html",
        text,
        finding=finding(one, cell.cell.unit, text),
        rows=rows(one, text),
        environment=environment,
        baseline=cell.cell.baseline,
        cell=cell,
    )


def _traces(cell: CellResult, folder: Path) -> dict[str, pd.DataFrame]:
    return {
        result.branch: load_trace(folder / result.trace)
        for result in cell.results
        if result.trace is not None
    }


def _joined(parts: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Put tables of several branches under each other, with a leading column ``branch``."""
    labelled = [table.assign(branch=branch) for branch, table in parts]
    return pd.concat(labelled, ignore_index=True) if labelled else pd.DataFrame()
