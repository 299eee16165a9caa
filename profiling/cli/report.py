"""The command report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from profiling.analysis.analysis import Analysis
from profiling.catalogue import LESSONS
from profiling.cli.common import open_engine, out
from profiling.model.lesson import LessonRequest
from profiling.model.units import show_bytes
from profiling.model.words import DEFAULT, LANGUAGES, Text, translator
from profiling.output.report import Part, document, lesson_part, run_part
from profiling.output.saved_runs import find_run, unpack_run


@click.command("report")
@click.argument("what", nargs=-1, required=True)
@click.option(
    "--out",
    "file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The HTML file to write.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), default=DEFAULT, show_default=True)
def write_report(what: tuple[str, ...], file: Path, lang: str) -> None:
    """Write runs and lessons as one HTML file.

    WHAT is any number of saved runs, recorded:NAME, and lessons. The file opens offline.
    """
    text = translator(lang)
    file.write_text(document(_parts(what, text), text), encoding="utf-8")
    size = show_bytes(file.stat().st_size)
    out.print(text("shell.report", file=file, size=size), markup=False, soft_wrap=True)


def _parts(what: Sequence[str], text: Text) -> list[Part]:
    traces = {}
    lessons = [name for name in what if name in LESSONS]
    if lessons:
        with open_engine("cpu") as engine:
            traces = {name: engine.lesson(LessonRequest(name)) for name in lessons}
    return [
        lesson_part(traces[each], text) if each in traces else _run(each, text) for each in what
    ]


def _run(name: str, text: Text) -> Part:
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        run = unpack_run(find_run(name), Path(folder))
        return run_part(Analysis(run, Path(folder)), text)
