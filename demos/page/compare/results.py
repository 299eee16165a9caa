"""What a comparison shows: the finding, the table, the charts, the sources, the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.common import words
from profiling.analysis import tables
from profiling.analysis.findings import disturbance, finding, rows
from profiling.analysis.statistics import summary
from profiling.charts.of_run import cell_tables, figures
from profiling.charts.style import Row, number, rows_of
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, FileError, InputError, file_error
from profiling.model.run import CellResult, Run
from profiling.model.units import show_bytes, time_unit
from profiling.model.words import Text, lenient
from profiling.output import csv
from profiling.output.html import code, sources
from profiling.output.report import document, run_part

_MOST_OPERATORS = 30
_NOTHING = "–"
_NAME = "detach-lab-report.html"
# Saves the file as soon as it is there; its link stays for who wants it again.
_SAVE = """() => {
  let tries = 100;
  const waiting = setInterval(() => {
    const link = document.querySelector("#compare-report a[download]");
    if (link || !--tries) clearInterval(waiting);
    if (link) link.click();
  }, 50);
}"""
_FILES = ("summary.csv", "samples.csv", "trace_events.csv", csv.ARCHIVE)
_PLOT_ROWS = (
    ("time", "peak"),
    ("peak_parts", "reach"),
    ("memory", "operators"),
    ("time_over_size", "memory_over_size"),
)


class Sheet(NamedTuple):
    """A table as the page shows it: the first column names each row.

    Attributes:
        branches: Whether the rows are named by branches, which have marks.
    """

    title: str
    heads: list[str]
    rows: list[list[str]]
    branches: bool = True


def behind(
    summary: pd.DataFrame,
    parts: pd.DataFrame,
    curves: pd.DataFrame,
    ops: pd.DataFrame,
    text: Text,
) -> str:
    """Return the tables as HTML.

    Args:
        summary: Rows of all cells, as from `profiling.analysis.statistics.summary`.
        parts: Of one cell, as from `profiling.analysis.tables.peak_parts`.
        curves: ``branch`` and the columns of `profiling.traces.memory.memory_curve`.
        ops: ``branch`` and the columns of `profiling.traces.operators.operators`.
        text: The visitor's words.
    """
    sheets = [_sizes(summary, text)]
    sheets += [_parts(parts, text)] if len(parts) else []
    sheets += [_memory(curves, text)] if len(curves) else []
    sheets += [_operators(ops, text)] if len(ops) else []
    return common.render("behind.html", text, sheets=sheets)


def _sizes(summary: pd.DataFrame, text: Text) -> Sheet:
    sizes = sorted(summary["size"].unique())
    cells = {(row["branch"], row["size"]): row for row in rows_of(summary)}
    rows = [
        [str(branch), *(_measured(cells.get((branch, size))) for size in sizes)]
        for branch in summary["branch"].unique()
    ]
    return Sheet(text("behind.sizes"), [f"{size:,}" for size in sizes], rows)


def _measured(row: Row | None) -> str:
    return (
        _NOTHING if row is None else f"{_time(row['step_median_s'])} · {_bytes(row['peak_bytes'])}"
    )


def _parts(parts: pd.DataFrame, text: Text) -> Sheet:
    sums = parts.pivot_table("bytes", "branch", "kind", aggfunc="sum", sort=False)
    rows = [[str(branch), *map(_bytes, sizes)] for branch, *sizes in sums.itertuples()]
    return Sheet(text("behind.parts"), [text(f"kind.{kind}") for kind in sums], rows)


def _memory(curves: pd.DataFrame, text: Text) -> Sheet:
    rows = []
    for branch, curve in curves.groupby("branch", sort=False):
        times, sizes = curve["time_s"].to_list(), curve["live_bytes"].to_list()
        peak = max(sizes)
        after = times[sizes.index(peak)] - times[0]
        rows.append([str(branch), _bytes(peak), _time(after), _bytes(sizes[-1])])
    heads = [text(f"behind.memory.{name}") for name in ("peak", "after", "end")]
    return Sheet(text("behind.memory"), heads, rows)


def _operators(ops: pd.DataFrame, text: Text) -> Sheet:
    """List operators by their self time; beside it device time, where there is any, and calls."""
    most = ops.groupby("name")["self_s"].max().nlargest(_MOST_OPERATORS)
    branches = [str(branch) for branch in ops["branch"].unique()]
    cells = {(row["branch"], row["name"]): row for row in rows_of(ops)}
    rows = [
        [name, *(" · ".join(_called(cells.get((branch, name)))) for branch in branches)]
        for name in map(str, most.index)
    ]
    return Sheet(text("behind.operators"), branches, rows, branches=False)


def _called(row: Row | None) -> Iterator[str]:
    if row is None:
        yield _NOTHING
        return
    yield _time(row["self_s"])
    if number(row["device_s"]) is not None:
        yield _time(row["device_s"])
    yield f"{row['count']}×"


def _time(seconds: float) -> str:
    known = number(seconds)
    return _NOTHING if known is None else time_unit([known]).show(known)


def _bytes(count: float) -> str:
    known = number(count)
    return _NOTHING if known is None else show_bytes(known)


class ReportButton:
    """The button, and the file that it makes.

    Attributes:
        components: All that `offered` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Place the components."""
        self._button = gr.Button(
            labels("download.report"),
            visible=False,
            size="sm",
            min_width=120,
            elem_id="compare-report-make",
        )
        self._file = gr.File(
            interactive=False,
            visible=False,
            show_label=False,
            min_width=320,
            elem_id="compare-report",
        )
        self.components = (self._button, self._file)

    def offered(self) -> dict[Any, Any]:
        """Return updates for a run that has no report yet."""
        return {
            self._button: gr.update(visible=True),
            self._file: gr.update(value=None, visible=False),
        }

    def wire(self, engine: Engine, progress: gr.HTML, run: gr.State) -> None:
        """Say what the button does.

        Args:
            engine: Keeps the run's files.
            progress: Says what went wrong.
            run: The run of the page.
        """

        def make(measured: Run | None, request: gr.Request) -> dict[Any, Any]:
            text = words(request)
            try:
                if measured is None:
                    raise InputError("error.no_run_here")
                folder = engine.run_folder(measured)
                if not folder.exists():
                    return {progress: common.sentence("progress.gone", text)}
                path = folder / _NAME
                path.write_text(document([run_part(measured, folder, text)], text), "utf-8")
            except DetachLabError as error:
                return {progress: common.problem(error, text)}
            return {self._file: gr.update(value=str(path), visible=True)}

        private: dict[str, Any] = {"api_visibility": "private"}
        made = self._button.click(make, run, [progress, self._file], **private)
        made.then(None, None, None, js=_SAVE, **private)


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
            files = csv.export(run, folder, text)
        except OSError as error:
            # What was measured is shown all the same.
            refused = file_error(error) or FileError("error.unwritable", reason=str(error))
            hidden = gr.update(value=None, visible=False)
            buttons = dict.fromkeys((*self.files.values(), self.traces), hidden)
            return {**buttons, self.unwritten: common.problem(refused, text)}
        traces = [str(path) for path in csv.trace_files(run, folder)]
        buttons = {
            button: gr.update(value=str(files[name]), label=text(f"download.{name}"), visible=True)
            for name, button in self.files.items()
        }
        buttons |= self.report.offered()
        offered = gr.update(value=traces, visible=bool(traces))
        return {**buttons, self.traces: offered, self.unwritten: ""}

    def _sources(self, run: Run, text: Text) -> dict[Any, Any]:
        found, reference = sources(run)
        html = common.render(
            "sources.html",
            text,
            sources=[(branch, code(source)) for branch, source in found.items()],
            reference="" if reference is None else code(reference),
        )
        return {self.folded: gr.update(visible=bool(found)), self.sources: html}


def _table(run: Run, table: pd.DataFrame, cell: CellResult, text: Text) -> str:
    one = tables.of_cell(table, cell.cell)
    machine = tables.environment(run)
    environment = f"{machine['env_device_name']}, torch {machine['env_torch']}"
    return common.render(
        "results.html",
        text,
        finding=finding(one, cell.cell.unit, text),
        disturbance=disturbance(one, text).strip(),
        rows=rows(one, text),
        environment=environment,
        baseline=cell.cell.baseline,
        cell=cell,
    )
