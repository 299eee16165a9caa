"""Runs, lessons and other parts as one HTML file that opens offline."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import plotly.graph_objects as go
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from profiling import catalogue
from profiling.analysis import modes
from profiling.analysis.analysis import Analysis, CellAnalysis
from profiling.analysis.diff import device_name
from profiling.analysis.findings import told
from profiling.analysis.headings import measured_at, workload_title
from profiling.analysis.notices import notices
from profiling.analysis.recommendation import recommendation
from profiling.analysis.rows import Row, rows
from profiling.analysis.tables import outcomes
from profiling.catalogue import Source
from profiling.charts.of_run import CHARTS, Chart
from profiling.graphs import svg
from profiling.model.errors import InputError
from profiling.model.lesson import LessonError, LessonTrace, PartTrace, TensorState
from profiling.model.request import mode_word
from profiling.model.run import CellResult, Reach, Run
from profiling.model.units import show_bytes, show_flags
from profiling.model.words import DEFAULT, Text, lenient, table
from profiling.output.html import code, media_code_styles, on_dark, sources, templates

_FOLDER = Path(__file__).parent / "templates"
__all__ = ["Part", "document", "lesson_part", "run_part"]


class Part(NamedTuple):
    """A run or a lesson in a report.

    Attributes:
        title: Its heading.
        html: What follows the heading.
        has_charts: Whether something in it is drawn by plotly.
        script: Name of the script of this folder that it needs; empty if it needs none.
    """

    title: str
    html: Markup
    has_charts: bool
    script: str = ""


def render(template: str, text: Text, **values: object) -> Markup:
    """Fill a template of this folder; everything put in is escaped."""
    return Markup(_TEMPLATES.get_template(template).render(text=text, **values))


_TEMPLATES = templates(Path(__file__).parent / "templates")


class TensorView(NamedTuple):
    """A tensor of a lesson; its place if that is not the CPU."""

    name: str
    place: str
    cells: list[str]


class PartView(NamedTuple):
    """A function that ran, and the state after its last statement.

    Attributes:
        tensors: Cells of each tensor's row, after its name.
    """

    name: str
    file: str
    code: Markup
    error: LessonError | None
    printed: str
    tensors: list[TensorView]
    graph: Markup


def lesson_part(trace: LessonTrace, text: Text) -> Part:
    """Show a lesson.

    Args:
        trace: What happened when it ran.
        text: The words.
    """
    entry = catalogue.lesson(trace.request.name)
    key = f"lesson.{entry.name}"
    html = render(
        "lesson.html",
        text,
        key=key,
        entry=entry,
        trace=trace,
        inputs=_inputs(entry, trace),
        device_reason=entry.device_reason if entry.device else "",
        parts=[_part(part, entry.parts[part.name], text) for part in trace.parts],
    )
    return Part(text(f"{key}.title"), html, has_charts=False)


def _inputs(entry: catalogue.LessonEntry, trace: LessonTrace) -> dict[str, str]:
    request = trace.request
    found = {}
    if entry.values is not None:
        values = entry.values if request.values is None else request.values
        found["values"] = f"[{', '.join(f'{value:g}' for value in values)}]"
    if entry.op is not None:
        found["op"] = catalogue.OPS[request.op or entry.op]
    if request.device != "cpu":
        found["device"] = request.device
    return found


def _part(part: PartTrace, source: Source, text: Text) -> PartView:
    last = part.steps[-1] if part.steps else None
    return PartView(
        name=part.name,
        file=source.file,
        code=code(source, part.error.line if part.error else None),
        error=part.error,
        printed="".join(step.printed for step in part.steps),
        tensors=[] if last is None else list(map(_tensor, last.tensors)),
        graph=Markup() if last is None else svg.svg(last.graph, text),
    )


def _tensor(state: TensorState) -> TensorView:
    cells = [
        _numbers(state.values, state.shape),
        "None" if state.grad is None else _numbers(state.grad, state.shape),
        str(state.requires_grad),
        str(state.is_leaf),
        state.grad_fn or "None",
        "–" if state.version is None else str(state.version),
    ]
    return TensorView(state.name, state.elsewhere, cells)


def _numbers(values: Sequence[float], shape: tuple[int, ...]) -> str:
    shown = ", ".join(f"{value:.4f}" for value in values)
    more = ", …" if math.prod(shape) > len(values) else ""
    return f"[{shown}{more}]" if shape else shown


class Drawn(NamedTuple):
    """A chart, as the script that draws it reads it.

    Attributes:
        height: In pixels, kept free until it is drawn.
        data: Its JSON, in which nothing can end the element that holds it.
    """

    name: str
    height: int
    data: Markup


class CellView(NamedTuple):
    """One size: what was found, and what the numbers are."""

    heading: str
    recommended: str
    finding: str
    notices: list[str]
    rows: list[Row]
    groups: list[str]
    reached: dict[str, dict[str, tuple[Reach, str]]]
    charts: list[Drawn]
    measured: CellResult


def run_part(analysis: Analysis, text: Text) -> Part:
    """Show a run.

    Args:
        analysis: The run, with one result at least; it may be from a stranger's file.
        text: The words.

    Raises:
        InputError: It has no result, or traces that cannot be drawn.
    """
    run = analysis.run
    if not run.results:
        raise InputError("error.run_empty", file=run.id)
    text = lenient(text)
    try:
        cells = [_cell(analysis, each, text) for each in analysis.cells]
        over_sizes = [chart for chart in CHARTS if chart.in_report and chart.over_sizes]
        has_sizes = len({each.finished.cell.size for each in analysis.cells}) > 1
        several = [
            (mode_word(mode), _drawn(_place("sizes", mode), over_sizes, analysis, shown, text))
            for mode in analysis.modes
            for shown in [analysis.cell(mode=mode)]
            if has_sizes
        ]
        changes = [
            (modes.title(each, text), modes.sentences(each, text), modes.rows(each, text))
            for each in modes.modes(analysis)
        ]
    except Exception as error:
        # No list of what a made-up run can make pandas raise would be complete.
        raise InputError("error.run_unusable", file=run.id) from error
    found, reference = sources(run)
    html = render(
        "run.html",
        text,
        run=run,
        about=_about(run, text),
        baseline=run.cells[0].baseline,
        cells=cells,
        several=several,
        changes=changes,
        sources=[(branch, code(source)) for branch, source in found.items()],
        reference="" if reference is None else code(reference),
        environment=_environment_rows(run, text),
        data=_data(run),
    )
    return Part(workload_title(run.cells[0].workload, text), html, has_charts=True)


def _place(name: str, mode: str) -> str:
    return "-".join(filter(None, (name, mode_word(mode))))


def _about(run: Run, text: Text) -> str:
    key = f"workload.{run.cells[0].workload}.about"
    return text(key) if key in table(DEFAULT) else ""


def _cell(analysis: Analysis, cell: CellAnalysis, text: Text) -> CellView:
    finished, asked = cell.finished, cell.finished.cell
    reached = {
        result.branch: {
            group.group: (group, outcome) for group, outcome in outcomes(finished, result)
        }
        for result in finished.results
        if result.reach
    }
    charts = [chart for chart in CHARTS if chart.in_report and not chart.over_sizes]
    return CellView(
        heading=" · ".join(
            filter(None, (f"{asked.size:,} {text(f'size.{asked.unit}')}", mode_word(asked.mode)))
        ),
        recommended=recommendation(cell.findings, text),
        finding=told(cell.findings, asked, text),
        notices=notices(finished, text),
        rows=rows(cell.summary, text),
        groups=list(dict.fromkeys(group for groups in reached.values() for group in groups)),
        reached=reached,
        charts=_drawn(_place(str(asked.size), asked.mode), charts, analysis, cell, text),
        measured=finished,
    )


def _drawn(
    where: str, charts: Iterable[Chart], analysis: Analysis, cell: CellAnalysis, text: Text
) -> list[Drawn]:
    """Return the charts that have something to show."""
    figures = {chart.name: chart.draw(analysis, cell, text) for chart in charts}
    return [
        Drawn(f"{where}-{name}", int(figure.layout.height or 400), _json(figure))
        for name, figure in figures.items()
        if figure.data
    ]


def _json(figure: go.Figure) -> Markup:
    """Return a figure as JSON that may stand in a script element."""
    return htmlsafe_json_dumps(figure, dumps=go.Figure.to_json)


def _data(run: Run) -> str:
    """Return the run as the address of a file, which can be saved and opened again."""
    packed = gzip.compress(msgspec.json.encode(run), mtime=0)
    return f"data:application/gzip;base64,{base64.b64encode(packed).decode()}"


def _environment_rows(run: Run, text: Text) -> dict[str, Any]:
    """Return what the run was measured with, by what it is called."""
    cell, request = run.cells[0], run.request
    machine = run.environment_of(cell)
    device = machine.device(cell.device)
    parameters = " ".join(f"{name}={value}" for name, value in sorted(cell.parameters.items()))
    return {
        text("diff.field.device"): f"{device_name(run)} ({cell.device})",
        text("report.field.memory"): None if device is None else show_bytes(device.memory_bytes),
        text("diff.field.torch"): machine.torch,
        text("diff.field.cuda"): machine.cuda,
        text("diff.field.driver"): machine.driver,
        text("diff.field.flags"): show_flags(machine.flags),
        text("diff.field.threads"): machine.threads,
        text("diff.field.python"): machine.python,
        text("diff.field.platform"): machine.platform,
        text("diff.field.commit"): machine.commit,
        text("report.field.dtype"): ", ".join(
            dict.fromkeys(each.computation for each in run.cells)
        ),
        text("report.field.parameters"): parameters,
        text("diff.field.seed"): request.seed,
        text("diff.field.budget"): f"{request.budget_s:g}",
        text("diff.field.measured"): measured_at(run),
        text("diff.field.run"): run.id,
    }


def document(parts: Sequence[Part], text: Text) -> str:
    """Return an HTML file that needs nothing else: no server, no network, no other file.

    It follows the system's light or dark colours and is white on paper. Its policy lets no script
    run but ours, so that nothing in a stranger's run could, and asks for nothing outside.

    Args:
        parts: What it shows, in order.
        text: The words.
    """
    scripts = [
        _script(name)
        for name in dict.fromkeys(["report.js", *(part.script for part in parts if part.script)])
    ]
    draws = any(part.has_charts for part in parts)
    allowed = [*scripts, get_plotlyjs()] if draws else scripts
    page = render(
        "document.html",
        text,
        language=text("report.language"),
        parts=parts,
        styles=_styles(),
        plotly=_packed_plotly() if draws else "",
        scripts=scripts,
        policy="; ".join(
            (
                "default-src 'none'",
                "style-src 'unsafe-inline'",
                "img-src data: blob:",
                "script-src " + " ".join(map(_hash, allowed)),
            )
        ),
    )
    return str(page)


def _script(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


@functools.cache
def _packed_plotly() -> str:
    """Return plotly's script packed, which the browser unpacks: 2 MB instead of 5.

    Its package has no smaller one, with those kinds of charts alone that are drawn.
    """
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _styles() -> Markup:
    own = (_FOLDER / "report.css").read_text(encoding="utf-8")
    graphs = _in_dark(svg.styles(), "graph")
    explanation = _in_dark((_FOLDER / "explanation.css").read_text(encoding="utf-8"), "explain")
    return Markup("\n".join((own, media_code_styles(), graphs, explanation)))


def _in_dark(styles: str, name: str) -> str:
    """Return CSS whose colours of the class ``dark`` follow the system instead."""
    dark = re.compile(rf"\.dark (\.{name} \{{[^}}]*\}})")
    return dark.sub(lambda found: on_dark(found[1]), styles)
