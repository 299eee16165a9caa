"""The commands that explain and measure nothing: list, find, lesson and graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from profiling import catalogue
from profiling.catalogue.search import Hit, find
from profiling.cli.common import (
    WRITABLE_FILE,
    device_option,
    find_workload,
    json_option,
    open_engine,
    out,
    parameter_option,
    print_json,
    read_parameters,
    say,
)
from profiling.cli.terminal import print_lesson
from profiling.engine import plan
from profiling.graphs import dot, svg
from profiling.graphs.fold import BRANCH_BOXES
from profiling.model.errors import InputError
from profiling.model.graph import Graph
from profiling.model.lesson import LessonRequest
from profiling.model.request import Request
from profiling.output import json_data

_GRAPH_FILES = (".svg", ".html", ".dot", ".gv")


@click.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List all lessons and workloads."""
    found = json_data.everything(say)
    if as_json:
        print_json(found)
        return
    for title in ("Lessons", "Workloads"):
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        for name, entry in found[title.lower()].items():
            table.add_row(name, entry if isinstance(entry, str) else _one_line(entry))
        out.print(table)


@click.command("find")
@click.argument("text")
@json_option
def find_lessons(text: str, as_json: bool) -> int:
    """Find the lessons that explain an error.

    TEXT is an error message, a whole traceback, or words of a question; - reads it from standard
    input.
    """
    hits = find(_standard_input() if text == "-" else text, "en")
    if as_json:
        print_json(json_data.found(hits, say))
    elif hits:
        for hit in hits:
            _print_hit(hit)
    else:
        out.print(say("find.nothing"), soft_wrap=True)
    return 0 if hits else 1


@click.command("lesson")
@click.argument("name")
@click.option("--values", help="Input numbers, such as 1,2,3.")
@click.option("--op", help="The op to run with.")
@device_option(help="What to run on.")
@json_option
def run_lesson(name: str, values: str | None, op: str | None, device: str, as_json: bool) -> None:
    """Run the lesson NAME and judge its claims."""
    numbers = None if values is None else plan.parse_values(values)
    request = LessonRequest(name, numbers, op, device)
    plan.check_lesson(request)
    with open_engine(catalogue.lesson(name).device or device) as engine:
        trace = engine.lesson(request)
    if as_json:
        print_json(json_data.lesson(trace, say))
    else:
        print_lesson(trace, out, say)


@click.command("graph")
@click.argument("workload")
@click.argument("branch")
@click.option("--size", type=int, help="A whole number; default: the workload's smallest size.")
@parameter_option
@click.option("--out", "file", type=WRITABLE_FILE, help="A .svg, .html or .dot file.")
@json_option
def draw_graph(
    workload: str,
    branch: str,
    size: int | None,
    parameters: tuple[str, ...],
    file: Path | None,
    as_json: bool,
) -> int:
    """Write the backward graph of a branch.

    Runs BRANCH of WORKLOAD once. Prints Graphviz text unless --out names a file.
    """
    if file is not None and file.suffix not in _GRAPH_FILES:
        raise InputError("error.graph_file", allowed=", ".join(_GRAPH_FILES))
    entry = find_workload(workload)
    request = Request(
        workload=entry.name,
        branches=(branch,),
        sizes=(min(entry.sizes) if size is None else size,),
        parameters=read_parameters(parameters),
    )
    plan.check(request)
    with open_engine("cpu") as engine:
        found = engine.graph(request)
    if as_json:
        print_json(found)
    elif file is None:
        print(dot.dot(found.graph), end="")
    else:
        file.write_text(_drawn(found.graph, file, f"{entry.name}: {branch}"), encoding="utf-8")
        out.print(f"wrote {file}", soft_wrap=True)
    if found.error is not None:
        click.echo(f"error: {found.error}", err=True)
    return 0 if found.error is None else 1


def _one_line(entry: dict[str, Any]) -> str:
    branches = ", ".join(entry["branches"])
    sizes = ", ".join(map(str, entry["sizes"]))
    parameters = " ".join(f"--set {key}={value}" for key, value in entry["parameters"].items())
    return f"{entry['about']}\nbranches: {branches}\n{entry['size']}: {sizes}  {parameters}"


def _standard_input() -> str:
    # A log may hold bytes that are no text.
    return sys.stdin.buffer.read().decode(sys.stdin.encoding, "replace")


def _print_hit(hit: Hit) -> None:
    title, fit = say(f"lesson.{hit.lesson}.title"), say(f"find.fit.{hit.fit.value}")
    out.print(f"{hit.lesson}: {title} ({fit})", markup=False, soft_wrap=True)
    for field, text in dict.fromkeys((mark.field, mark.text) for mark in hit.marks):
        out.print(f"    {say(f'find.field.{field.value}')}: {text}", markup=False, soft_wrap=True)


def _drawn(graph: Graph, file: Path, title: str) -> str:
    if file.suffix == ".svg":
        return svg.standalone_svg(graph, say, BRANCH_BOXES)
    return svg.page(graph, say, title, BRANCH_BOXES) if file.suffix == ".html" else dot.dot(graph)
