"""The command graph."""

from __future__ import annotations

from pathlib import Path

import click

from profiling.cli.common import (
    find_workload,
    json_option,
    open_engine,
    out,
    parameter_option,
    print_json,
    read_parameters,
    say,
)
from profiling.engine import plan
from profiling.graphs import dot, svg
from profiling.model.errors import InputError
from profiling.model.graph import Graph
from profiling.model.request import Request

_KINDS = (".svg", ".html", ".dot", ".gv")


@click.command("graph")
@click.argument("workload")
@click.argument("branch")
@click.option("--size", type=int, help="A whole number; default: the workload's smallest size.")
@parameter_option
@click.option("--out", "file", type=click.Path(path_type=Path), help="A .svg, .html or .dot file.")
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
    if file is not None and file.suffix not in _KINDS:
        raise InputError("error.graph_file", allowed=", ".join(_KINDS))
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


def _drawn(graph: Graph, file: Path, title: str) -> str:
    if file.suffix == ".svg":
        return svg.standalone_svg(graph, say)
    return svg.page(graph, say, title) if file.suffix == ".html" else dot.dot(graph)
