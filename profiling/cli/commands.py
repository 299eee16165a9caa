"""All commands of ``python -m profiling``."""

from __future__ import annotations

import sys

import click

from profiling import __version__
from profiling.cli.compare import compare
from profiling.cli.diff import diff_runs
from profiling.cli.doctor import doctor
from profiling.cli.find import find_lessons
from profiling.cli.graph import draw_graph
from profiling.cli.lesson import run_lesson
from profiling.cli.listing import describe_columns, list_all
from profiling.cli.report import write_report
from profiling.cli.serve import serve
from profiling.cli.show import show
from profiling.cli.trace import read


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="Detach Lab", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> int:
    """Measure and explain the ways to cut a gradient."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        return 2
    return 0


for _command in (
    serve,
    list_all,
    find_lessons,
    run_lesson,
    compare,
    draw_graph,
    show,
    write_report,
    diff_runs,
    read,
    describe_columns,
    doctor,
):
    commands.add_command(_command)
