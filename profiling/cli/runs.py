"""The commands on saved runs: show, report and diff, and columns, which explains their files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from profiling.analysis.analysis import Analysis
from profiling.analysis.diagnosis import diagnose
from profiling.analysis.diff import Diff, device_name, diff, headline
from profiling.analysis.regressions import Judged, judge, read_limits, sentences
from profiling.catalogue import LESSONS
from profiling.cli.common import (
    WRITABLE_FILE,
    device_option,
    json_option,
    open_engine,
    out,
    print_json,
    say,
)
from profiling.cli.terminal import print_diff, print_run, printable
from profiling.model.errors import InputError, short
from profiling.model.lesson import LessonRequest
from profiling.model.run import Run
from profiling.model.units import show_bytes
from profiling.model.watch import is_watch, load_watch
from profiling.model.words import DEFAULT, LANGUAGES, Text, translator
from profiling.output import explanation, json_data
from profiling.output.report import Part, document, lesson_part, run_part
from profiling.output.run_files import readme
from profiling.output.saved_runs import find_run, load_run, unpack_run


@click.command("show")
@click.argument("run")
@json_option
def show(run: str, as_json: bool) -> None:
    """Print a saved run.

    RUN is a run.json, its .gz, an archive, or recorded:NAME for one that comes with the project.
    """
    path = find_run(run)
    saved = load_run(path)
    if not saved.results:
        raise InputError("error.run_empty", file=short(path.name))
    analysis = Analysis(saved, path.parent)
    if as_json:
        print_json(json_data.run(analysis, say))
    else:
        print_run(analysis, out, say)


@click.command("report")
@click.argument("what", nargs=-1, required=True)
@click.option(
    "--out",
    "file",
    required=True,
    type=WRITABLE_FILE,
    help="The HTML file to write.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), default=DEFAULT, show_default=True)
@device_option(help="What to run lessons on.")
def write_report(what: tuple[str, ...], file: Path, lang: str, device: str) -> None:
    """Write runs, lessons and watched scripts as one HTML file.

    WHAT is any number of saved runs, recorded:NAME, lessons, and records of explain --record. The
    file opens offline.
    """
    text = translator(lang)
    file.write_text(document(_parts(what, device, text), text), encoding="utf-8")
    size = show_bytes(file.stat().st_size)
    out.print(text("shell.report", file=file, size=size), markup=False, soft_wrap=True)


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--out",
    "file",
    type=WRITABLE_FILE,
    help="CSV file for the rows found in both runs.",
)
@click.option(
    "--fail-on",
    "fail_on",
    multiple=True,
    metavar="LIST",
    help="End with exit code 1 if B is worse than A in one of these, separated by commas: peak, "
    "saved, reach, time, or time=PERCENT to allow as much more.",
)
@json_option
def diff_runs(a: str, b: str, file: Path | None, fail_on: tuple[str, ...], as_json: bool) -> int:
    """Compare two saved runs.

    A and B are each a run.json, its .gz, an archive, or recorded:NAME for one that comes with the
    project.
    """
    limits = read_limits(fail_on)
    runs = load_run(find_run(a)), load_run(find_run(b))
    found = diff(*runs)
    if found.rows.empty:
        raise InputError("error.diff_nothing")
    judged = judge(found, limits) if fail_on else None
    if as_json:
        print_json(_plain(*runs, found, judged))
    else:
        print_diff(*runs, found, out, say)
        for sentence in sentences(judged, say) if judged else ():
            out.print(printable(sentence), markup=False, soft_wrap=True)
    if file is not None:
        # Every text in the rows is a name, so no spreadsheet takes one for a formula.
        found.rows.to_csv(file, index=False, lineterminator="\r\n")
        if not as_json:
            out.print(f"wrote {file}", soft_wrap=True)
    return 1 if judged and judged.worse else 0


@click.command("columns")
def describe_columns() -> None:
    """Describe every exported column in Markdown."""
    print(readme(say), end="")


def _parts(what: Sequence[str], device: str, text: Text) -> list[Part]:
    """Return the parts of a report, in the order in which they were named."""
    traces = {}
    lessons = [name for name in what if name in LESSONS]
    if lessons:
        with open_engine(device) as engine:
            traces = {name: engine.lesson(LessonRequest(name, device=device)) for name in lessons}
    return [
        lesson_part(traces[each], text) if each in traces else _saved(each, text) for each in what
    ]


def _saved(name: str, text: Text) -> Part:
    """Return the part of a file: a record of a watched script, else a run."""
    path = Path(name)
    if is_watch(path):
        return explanation.part(diagnose(load_watch(path)), text)
    return _run(name, text)


def _run(name: str, text: Text) -> Part:
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        run = unpack_run(find_run(name), Path(folder))
        return run_part(Analysis(run, Path(folder)), text)


def _plain(a: Run, b: Run, found: Diff, judged: Judged | None) -> dict[str, Any]:
    """Return what differs between two runs as plain data, for ``--json``."""
    plain: dict[str, Any] = {
        "a": {"id": a.id, "started_utc": a.started_utc, "device": device_name(a)},
        "b": {"id": b.id, "started_utc": b.started_utc, "device": device_name(b)},
        "environment": [each._asdict() for each in found.environment],
        "rows": json_data.rows(found.rows),
        "only_a": [each._asdict() for each in found.only_a],
        "only_b": [each._asdict() for each in found.only_b],
        "finding": headline(found, say),
    }
    if judged is not None:
        plain["worse"] = [each._asdict() for each in judged.worse]
        plain["unknown"] = judged.unknown
    return plain
