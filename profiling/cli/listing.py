"""The commands list and columns."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from profiling.cli.common import json_option, out, print_json, say
from profiling.output import json_data
from profiling.output.csv import readme


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


@click.command("columns")
def describe_columns() -> None:
    """Describe every exported column in Markdown."""
    print(readme(say), end="")


def _one_line(entry: dict[str, Any]) -> str:
    branches = ", ".join(entry["branches"])
    sizes = ", ".join(map(str, entry["sizes"]))
    parameters = " ".join(f"--set {key}={value}" for key, value in entry["parameters"].items())
    return f"{entry['about']}\nbranches: {branches}\n{entry['size']}: {sizes}  {parameters}"
