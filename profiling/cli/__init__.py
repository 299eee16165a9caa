"""The same engine from a shell.

Exit codes: 0 all is well, 1 something could not be measured, 2 the request cannot be run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from profiling.cli.compare import compare
from profiling.cli.diff import diff_runs
from profiling.cli.doctor import doctor
from profiling.cli.find import find_lessons
from profiling.cli.graph import draw_graph
from profiling.cli.lesson import run_lesson
from profiling.cli.listing import describe_columns, list_all
from profiling.cli.output import say
from profiling.cli.report import write_report
from profiling.cli.show import show
from profiling.cli.trace import read
from profiling.model.errors import DetachLabError, InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors become one line on stderr."""
    try:
        code = commands.main(
            args=None if arguments is None else list(arguments),
            prog_name="python -m profiling",
            standalone_mode=False,
        )
    except click.ClickException as error:
        return _complain(error.format_message(), 2)
    except InputError as error:
        return _complain(say(error.key, **error.values), 2)
    except DetachLabError as error:
        return _complain(say(error.key, **error.values), 1)
    except (KeyboardInterrupt, click.Abort):
        return _complain("stopped", 1)
    except OSError as error:
        return _complain(str(error), 1)
    return int(code or 0)


@click.group(invoke_without_command=True)
@click.pass_context
def commands(context: click.Context) -> int:
    """Measure and explain the ways to cut a gradient."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        return 2
    return 0


for _command in (
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


def _complain(message: str, code: int) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code
