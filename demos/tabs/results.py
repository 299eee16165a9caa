"""What a comparison shows: the finding, the table, the charts, the sources, the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from demos.locales import Text
from demos.tabs import views
from demos.tabs.behind import behind
from demos.tabs.report_button import ReportButton
from profiling import export, tables
from profiling.errors import FileError, file_error
from profiling.figures import cell_tables, figures
from profiling.records import CellResult, Run
from profiling.report import disturbance, finding, rows
from profiling.sources import sources
from profiling.statistics import summary
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
            self.report = ReportButton(labels)
        self.unwritten = gr.HTML(elem_id="compare-unwritten")
        self.plots: dict[str, gr.Plot] = {}
        for names in _PLOT_ROWS:
            with gr.Row(elem_classes="lab-charts"):
                for name in names:
                    self.plots[name] = gr.Plot(
                        show_label=False, visible=False, min_width=320, elem_id=f"plot-{name}"
                    )
        below: dict[str, Any] = {"open": False, "visible": False, "elem_classes": "lab-below"}
        with gr.Accordion(labels("behind.accordion"), **below) as self.numbers:
            self.behind = gr.HTML(elem_id="compare-behind")
        with gr.Accordion(labels("compare.sources"), **below) as self.folded:
            self.sources = gr.HTML(elem_id="compare-sources")
        self.traces = gr.File(
            label=labels("download.traces"),
            file_count="multiple",
            interactive=False,
            visible=False,
            elem_classes="lab-below",
        )
        self.components = (
            self.size,
            self.table,
            *self.files.values(),
            *self.report.components,
            *self.plots.values(),
            self.folded,
            self.sources,
            self.traces,
            self.unwritten,
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
        found = cell_tables(run, cell, folder)
        charts = figures(run, table, cell, found, text)
        drawn = {
            self.plots[name]: gr.update(value=figure, visible=True)
            for name, figure in charts.items()
        }
        sheets = behind(table, *found, text)
        return {**drawn, self.numbers: gr.update(visible=True), self.behind: sheets}

    def _files(self, run: Run, folder: Path, text: Text) -> dict[Any, Any]:
        try:
            files = export.export(run, folder, text)
        except OSError as error:
            # What was measured is shown all the same.
            refused = file_error(error) or FileError("error.unwritable", reason=str(error))
            hidden = gr.update(value=None, visible=False)
            buttons = dict.fromkeys((*self.files.values(), self.traces), hidden)
            return {**buttons, self.unwritten: views.problem(refused, text)}
        traces = [str(path) for path in export.trace_files(run, folder)]
        buttons = {
            button: gr.update(value=str(files[name]), label=text(f"download.{name}"), visible=True)
            for name, button in self.files.items()
        }
        buttons |= self.report.offered()
        offered = gr.update(value=traces, visible=bool(traces))
        return {**buttons, self.traces: offered, self.unwritten: ""}

    def _sources(self, run: Run, text: Text) -> dict[Any, Any]:
        found, reference = sources(run)
        html = views.render(
            "sources.html",
            text,
            sources=[(branch, views.code(source)) for branch, source in found.items()],
            reference="" if reference is None else views.code(reference),
        )
        return {self.folded: gr.update(visible=bool(found)), self.sources: html}


def _table(run: Run, table: pd.DataFrame, cell: CellResult, text: Text) -> str:
    one = tables.of_cell(table, cell.cell)
    machine = tables.environment(run)
    environment = f"{machine['env_device_name']}, torch {machine['env_torch']}"
    return views.render(
        "results.html",
        text,
        finding=finding(one, cell.cell.unit, text),
        disturbance=disturbance(one, text).strip(),
        rows=rows(one, text),
        environment=environment,
        baseline=cell.cell.baseline,
        cell=cell,
    )
