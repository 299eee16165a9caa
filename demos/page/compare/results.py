"""The results of a comparison: headline, table, charts and their numbers, source code, files."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from demos.page import common
from demos.page.common import words
from demos.page.compare.session_runs import SessionRuns
from profiling.analysis import modes
from profiling.analysis.analysis import Analyses, Analysis, CellAnalysis
from profiling.analysis.findings import disturbance, headline
from profiling.analysis.headings import cell_heading
from profiling.analysis.notices import notices
from profiling.analysis.recommendation import recommendation
from profiling.analysis.rows import rows
from profiling.analysis.tables import environment
from profiling.charts.of_run import CHARTS, Chart
from profiling.charts.style import Row, number, rows_of
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, InputError
from profiling.model.metrics import METRICS
from profiling.model.run import Run
from profiling.model.units import show_bytes, time_unit
from profiling.model.words import Text, lenient
from profiling.output import run_files, saved_runs
from profiling.output.html import code, sources
from profiling.output.report import document, run_part

# The size and the mode of a cell.
Place = tuple[int, str | None]

_MOST_OPERATORS = 30
_NOTHING = "–"

_REPORT = "detach-lab-report.html"
# A run in its own folder, for a page that is loaded anew, as by a change of the language.
_KEPT = "run.json"
_RUN_ID = re.compile(r"[\w-]{1,80}")
# File → the name of the event that makes it.
_EVENTS = {
    "summary.csv": "save_summary",
    "samples.csv": "save_samples",
    "trace_events.csv": "save_trace_events",
    run_files.ARCHIVE: "save_archive",
    _REPORT: "save_report",
    "traces": "save_traces",
}
# Saves a file as soon as it is made; of several each has a link.
_SAVE = (Path(__file__).parent / "save.js").read_text(encoding="utf-8")


class Downloads:
    """Buttons that write and download the files of the displayed run.

    Attributes:
        components: Components that `offered` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        with gr.Row(elem_classes="lab-downloads"):
            self._buttons = {
                name: gr.Button(
                    labels(f"download.{name}"),
                    visible=False,
                    size="sm",
                    min_width=120,
                    elem_id=f"compare-{event.replace('_', '-')}",
                )
                for name, event in _EVENTS.items()
            }
        self._made = gr.File(
            file_count="multiple",
            interactive=False,
            visible=False,
            show_label=False,
            elem_id="compare-made",
        )
        self.components = (*self._buttons.values(), self._made)

    def offered(self, analysis: Analysis) -> dict[Any, Any]:
        """Return updates that offer the files of a run and hide those of the previous one."""
        has_traces = bool(run_files.trace_files(analysis))
        return {
            **{
                button: gr.update(visible=name != "traces" or has_traces)
                for name, button in self._buttons.items()
            },
            self._made: self._none(),
        }

    def wire(self, engine: Engine, analyses: Analyses, progress: gr.HTML, run: gr.State) -> None:
        """Connect the buttons.

        Args:
            engine: Owner of the run's folder.
            analyses: Analyses of the runs displayed last.
            progress: Component that displays errors.
            run: State with the displayed run.
        """

        def maker(name: str) -> Callable[..., dict[Any, Any]]:
            def make(measured: Run | None, request: gr.Request) -> dict[Any, Any]:
                text = words(request)
                try:
                    if measured is None:
                        raise InputError("error.no_run_here")
                    folder = engine.run_folder(measured)
                    if not folder.exists():
                        gone = common.sentence("progress.gone", text)
                        return {progress: gone, self._made: self._none()}
                    made = _made(name, analyses.of(measured, folder), self._place(), text)
                except (DetachLabError, OSError) as error:
                    return {progress: common.problem(error, text), self._made: self._none()}
                return {self._made: gr.update(value=[*map(str, made)], visible=True)}

            return make

        for name, button in self._buttons.items():
            made = button.click(
                maker(name),
                run,
                [self._made, progress],
                api_name=_EVENTS[name],
                api_visibility="undocumented",
            )
            made.then(None, self._made, None, js=_SAVE, api_visibility="private")

    def _place(self) -> Path:
        """Return a new folder in Gradio's cache; files in it are served without another copy."""
        place = Path(self._made.GRADIO_CACHE) / secrets.token_hex(16)
        place.mkdir(parents=True)
        return place

    def _none(self) -> Any:
        return gr.update(value=None, visible=False)


def _made(name: str, analysis: Analysis, place: Path, text: Text) -> list[Path]:
    """Write a file and return its path; for ``"traces"``, copy all traces."""
    if name == "traces":
        return [Path(shutil.copy(trace, place)) for trace in run_files.trace_files(analysis)]
    if name == _REPORT:
        path = place / name
        path.write_text(document([run_part(analysis, text)], text), "utf-8")
        return [path]
    return [run_files.write(name, analysis, place, text)]


class Panel:
    """The components that display a run.

    Attributes:
        analyses: Analyses of the runs displayed last.
        runs: The runs of each visitor.
        size: Radio that selects the size of the cell for the table and the charts of one cell.
        mode: Radio that selects its mode.
        places: Both.
        downloads: Buttons for the files of the run.
        components: Components that `show` updates.
    """

    def __init__(self, labels: gr.I18n) -> None:
        """Create the components."""
        self.analyses = Analyses()
        self.runs = SessionRuns(self.analyses)
        with gr.Row(elem_classes="lab-places"):
            self.size = gr.Radio([], label=labels("compare.size"), visible=False)
            self.mode = gr.Radio([], label=labels("compare.mode"), visible=False)
        self.table = gr.HTML(elem_id="compare-results", visible=False)
        self.downloads = Downloads(labels)
        self.plots: dict[str, gr.Plot] = {}
        with gr.Row(elem_classes="lab-charts"):
            for chart in CHARTS:
                self.plots[chart.name] = gr.Plot(
                    show_label=False, visible=False, min_width=320, elem_id=f"plot-{chart.name}"
                )
        below: dict[str, Any] = {"open": False, "visible": False, "elem_classes": "lab-below"}
        with gr.Accordion(labels("behind.accordion"), **below) as self.behind:
            self.numbers = gr.HTML(elem_id="compare-behind")
        with gr.Accordion(labels("compare.sources"), **below) as self.folded:
            self.sources = gr.HTML(elem_id="compare-sources")
        self.places = [self.size, self.mode]
        self.components = (
            self.size,
            self.table,
            *self.downloads.components,
            *self.plots.values(),
            self.folded,
            self.sources,
            self.numbers,
            self.behind,
            self.mode,
        )

    def kept(self, engine: Engine, key: str) -> Run | None:
        """Return a run that `show` has displayed and that is still here, by its id."""
        if not self.is_kept(engine, key):
            return None
        return saved_runs.load_run(self.kept_file(engine, key))

    def is_kept(self, engine: Engine, key: str) -> bool:
        """Return whether `kept` returns a run."""
        return bool(_RUN_ID.fullmatch(key)) and self.kept_file(engine, key).exists()

    def kept_file(self, engine: Engine, key: str) -> Path:
        """Return the file of a run that is here."""
        return engine.folder / key / _KEPT

    def show(
        self, run: Run, folder: Path, place: Place | None, text: Text, recorded: str = ""
    ) -> dict[Any, Any]:
        """Return updates that display a run.

        Args:
            run: A run with at least one result.
            folder: Folder of the run.
            place: Size and mode of the cell to display; only what depends on them is updated. If
                None, the latest size is displayed and everything is updated.
            text: Translator.
            recorded: Where a recorded run is from; it belongs to nobody, and no file is offered.
        """
        text = lenient(text)
        if place is None and not recorded:
            saved_runs.save_run(run, folder / _KEPT)
        analysis = self.analyses.of(run, folder)
        cell = analysis.cell(*(place or ()))
        sizes = [each.finished.cell.size for each in analysis.cells]
        is_all = place is None or len(analysis.modes) > 1
        charts = [chart for chart in CHARTS if is_all or not chart.over_sizes]
        updates = {
            self.size: gr.update(
                choices=[(f"{each:,}", each) for each in dict.fromkeys(sizes)],
                value=cell.finished.cell.size,
                visible=len({each.size for each in run.cells}) > 1,
            ),
            self.mode: gr.update(
                choices=list(analysis.modes),
                value=cell.finished.cell.mode,
                visible=len(analysis.modes) > 1,
            ),
            self.table: gr.update(value=_table(analysis, cell, text, recorded), visible=True),
            **{self.plots[chart.name]: _plot(chart, analysis, cell, text) for chart in charts},
            self.behind: gr.update(visible=True),
            self.numbers: numbers(analysis, cell, text),
        }
        if place is not None:
            return updates
        offered = {} if recorded else self.downloads.offered(analysis)
        return updates | offered | self._sources(run, text)

    def hidden(self) -> dict[Any, Any]:
        """Return updates that hide what was displayed."""
        parts = (*self.places, self.table, *self.plots.values(), self.behind, self.folded)
        return dict.fromkeys(parts, gr.update(visible=False))

    def _sources(self, run: Run, text: Text) -> dict[Any, Any]:
        found, reference = sources(run)
        html = common.render(
            "sources.html",
            text,
            sources=[(branch, code(source)) for branch, source in found.items()],
            reference="" if reference is None else code(reference),
        )
        return {self.folded: gr.update(visible=bool(found)), self.sources: html}


def _plot(chart: Chart, analysis: Analysis, cell: CellAnalysis, text: Text) -> Any:
    """Return the update that draws a chart, or hides it if it has nothing to show."""
    figure = chart.draw(analysis, cell, text)
    # One size is no line.
    is_line = chart.over_sizes and len({each.finished.cell.size for each in analysis.cells}) > 1
    is_shown = bool(figure.data) and (is_line or not chart.over_sizes)
    return gr.update(value=figure if is_shown else None, visible=is_shown)


def _table(analysis: Analysis, cell: CellAnalysis, text: Text, recorded: str = "") -> str:
    run = analysis.run
    machine = environment(run, cell.finished.cell)
    return common.render(
        "results.html",
        text,
        run="" if recorded else run.id,
        recorded=recorded,
        heading=cell_heading(run, cell.finished.cell, text),
        recommended=recommendation(cell.findings, text),
        finding=headline(cell.findings, cell.finished.cell, text),
        disturbance=disturbance(cell.findings, text).strip(),
        notices=notices(cell.finished, text),
        rows=rows(cell.summary, text),
        environment=f"{machine['env_device_name']}, torch {machine['env_torch']}",
        baseline=cell.finished.cell.baseline,
        cell=cell.finished,
        modes=[
            (modes.title(each, text), modes.sentences(each, text), modes.rows(each, text))
            for each in modes.of_cell(analysis, cell)
        ],
    )


class Sheet(NamedTuple):
    """A table on the page.

    Attributes:
        heads: Headings of all columns but the first.
        rows: Texts of each row; the first one is its name.
        branches: Whether the rows are branches, which are displayed with their marks.
    """

    title: str
    heads: list[str]
    rows: list[list[str]]
    branches: bool = True


def numbers(analysis: Analysis, cell: CellAnalysis, text: Text) -> str:
    """Return the numbers behind the charts as HTML tables, also for readers who see no charts.

    Args:
        analysis: Analysis of the run.
        cell: The displayed cell.
        text: Translator.
    """
    sheets = [_sizes(analysis.over_sizes(cell.finished.cell.mode), text)]
    parts, (curves, operators) = cell.peak_parts, cell.traced
    sheets += [_parts(parts, text)] if len(parts) else []
    sheets += [_memory(curves, text)] if len(curves) else []
    sheets += [_operators(operators, text)] if len(operators) else []
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
    if row is None:
        return _NOTHING
    return f"{_time(row['step_median_s'])} · {_bytes(row[METRICS['peak'].column])}"


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
    """Return a table of the operators with the most self time: it, device time if any, calls."""
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
