"""A run as a part of a report: findings, tables, charts, code, environment, and the run itself."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from demos.locales import DEFAULT, Text, table
from profiling import tables
from profiling.diff import device_name
from profiling.errors import InputError
from profiling.figures import cell_tables, figures
from profiling.html_report.parts import Part, render
from profiling.markup import code
from profiling.records import CellResult, Reach, Run
from profiling.report import Row, disturbance, finding, rows
from profiling.sources import sources
from profiling.statistics import summary
from profiling.units import show_bytes
from profiling.wording import lenient

_CELL_CHARTS = ("time", "peak", "peak_parts", "memory", "operators")
_SIZE_CHARTS = ("time_over_size", "memory_over_size")


class Chart(NamedTuple):
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
    finding: str
    rows: list[Row]
    groups: list[str]
    reached: dict[str, dict[str, Reach]]
    charts: list[Chart]
    measured: CellResult


def run_part(run: Run, folder: Path, text: Text) -> Part:
    """Show a run.

    Args:
        run: The run, with one result at least; it may be from a stranger's file.
        folder: The run's folder, that its trace paths start from.
        text: The words.

    Raises:
        InputError: It has no result, or traces that cannot be drawn.
    """
    if not run.results:
        raise InputError("error.run_empty", file=run.id)
    text = lenient(text)
    try:
        frame = summary(run)
        drawn = [
            figures(run, frame, each, cell_tables(run, each, folder), text) for each in run.results
        ]
    except Exception as error:
        # No list of what a made-up run can make pandas raise would be complete.
        raise InputError("error.run_unusable", file=run.id) from error
    cells = [
        _cell(finished, frame, shown, text)
        for finished, shown in zip(run.results, drawn, strict=True)
    ]
    several = _charts({f"sizes-{name}": drawn[-1][name] for name in _SIZE_CHARTS})
    found, reference = sources(run)
    html = render(
        "run.html",
        text,
        run=run,
        about=_about(run, text),
        baseline=run.cells[0].baseline,
        cells=cells,
        several=several if len(run.results) > 1 else [],
        sources=[(branch, code(source)) for branch, source in found.items()],
        reference="" if reference is None else code(reference),
        environment=_environment(run, text),
        data=_data(run),
    )
    return Part(_title(run, text), html, has_charts=True)


def _title(run: Run, text: Text) -> str:
    """Name the workload, also one that is not known here."""
    name = run.cells[0].workload
    key = f"workload.{name}.title"
    return text(key) if key in table(DEFAULT) else name


def _about(run: Run, text: Text) -> str:
    key = f"workload.{run.cells[0].workload}.about"
    return text(key) if key in table(DEFAULT) else ""


def _cell(
    finished: CellResult, frame: pd.DataFrame, drawn: dict[str, go.Figure], text: Text
) -> CellView:
    cell = finished.cell
    one = tables.of_cell(frame, cell)
    reached = {
        result.branch: {each.group: each for each in result.reach}
        for result in finished.results
        if result.reach
    }
    return CellView(
        heading=f"{cell.size:,} {text(f'size.{cell.unit}')}",
        finding=finding(one, cell.unit, text) + disturbance(one, text),
        rows=rows(one, text),
        groups=list(dict.fromkeys(group for groups in reached.values() for group in groups)),
        reached=reached,
        charts=_charts({f"{cell.size}-{name}": drawn[name] for name in _CELL_CHARTS}),
        measured=finished,
    )


def _charts(drawn: dict[str, go.Figure]) -> list[Chart]:
    """Return the charts that have something to show."""
    return [
        Chart(name, int(figure.layout.height or 400), _json(figure.to_json()))
        for name, figure in drawn.items()
        if figure.data
    ]


def _json(data: str) -> Markup:
    """Return JSON that may stand in a script element."""
    return Markup(data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _data(run: Run) -> str:
    """Return the run as the address of a file, which can be saved and opened again."""
    packed = gzip.compress(msgspec.json.encode(run), mtime=0)
    return f"data:application/gzip;base64,{base64.b64encode(packed).decode()}"


def _environment(run: Run, text: Text) -> dict[str, Any]:
    """Return what the run was measured with, by what it is called."""
    machine, cell, request = run.environment, run.cells[0], run.request
    device = machine.device(cell.device)
    parameters = " ".join(f"{name}={value}" for name, value in sorted(cell.parameters.items()))
    return {
        text("diff.field.device"): f"{device_name(run)} ({cell.device})",
        text("report.field.memory"): None if device is None else show_bytes(device.memory_bytes),
        text("diff.field.torch"): machine.torch,
        text("diff.field.cuda"): machine.cuda,
        text("diff.field.driver"): machine.driver,
        text("diff.field.threads"): machine.threads,
        text("diff.field.python"): machine.python,
        text("diff.field.platform"): machine.platform,
        text("diff.field.commit"): machine.commit,
        text("report.field.dtype"): cell.dtype,
        text("report.field.parameters"): parameters,
        text("diff.field.seed"): request.seed,
        text("diff.field.budget"): f"{request.budget_s:g}",
        text("diff.field.measured"): run.started_utc.replace("T", " ").replace("+00:00", " UTC"),
        text("diff.field.run"): run.id,
    }
