"""The commands list and columns."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from demos import catalogue
from demos.lessons import LESSONS
from demos.workloads import WORKLOADS
from profiling.cli.output import json_option, out, print_json, say
from profiling.columns import readme


@click.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List lessons and workloads, with branches, sizes and parameters."""
    lessons = {name: say(f"lesson.{name}.title") for name in LESSONS}
    workloads = {name: _describe(name) for name in WORKLOADS}
    if as_json:
        print_json({"lessons": lessons, "workloads": workloads})
        return
    for title, entries in (("Lessons", lessons), ("Workloads", workloads)):
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        for name, entry in entries.items():
            table.add_row(name, entry if isinstance(entry, str) else _one_line(entry))
        out.print(table)


@click.command("columns")
def describe_columns() -> None:
    """Describe every exported column, as Markdown."""
    print(readme(say), end="")


def _describe(name: str) -> dict[str, Any]:
    entry = catalogue.workload(name)
    return {
        "about": say(f"workload.{name}.title"),
        "size": entry.size,
        "sizes": list(entry.sizes),
        "branches": [branch for branch in entry.branches if branch not in entry.absent],
        "absent": {branch: say(entry.absent_reason(branch)) for branch in entry.absent},
        "parameters": {key: parameter.default for key, parameter in entry.parameters.items()},
    }


def _one_line(entry: dict[str, Any]) -> str:
    branches = ", ".join(entry["branches"])
    sizes = ", ".join(map(str, entry["sizes"]))
    parameters = " ".join(f"--set {key}={value}" for key, value in entry["parameters"].items())
    return f"{entry['about']}\nbranches: {branches}\n{entry['size']}: {sizes}  {parameters}"
