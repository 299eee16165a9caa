"""The command lesson."""

from __future__ import annotations

import click

from profiling.cli.common import json_option, open_engine, out, print_json, say
from profiling.cli.terminal import print_lesson
from profiling.engine import plan
from profiling.model.lesson import LessonRequest
from profiling.output import json_data


@click.command("lesson")
@click.argument("name")
@click.option("--values", help="Input numbers, such as 1,2,3.")
@click.option("--op", help="The op to run with.")
@json_option
def run_lesson(name: str, values: str | None, op: str | None, as_json: bool) -> None:
    """Run the lesson NAME and judge its claims."""
    numbers = None if values is None else plan.parse_values(values)
    request = LessonRequest(name, numbers, op)
    plan.check_lesson(request)
    with open_engine("cpu") as engine:
        trace = engine.lesson(request)
    if as_json:
        print_json(json_data.lesson(trace, say))
    else:
        print_lesson(trace, out, say)
