"""The command line.

Exit codes: 0 all is well, 1 something could not be measured or got worse, 2 the request cannot be
run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from profiling import __version__
from profiling.cli.encoding import spell_what_cannot_be_encoded
from profiling.model.errors import DetachLabError, InputError
from profiling.model.words import DEFAULT, translator


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="Detach Lab", message="%(prog)s %(version)s")
@click.pass_context
def _program(context: click.Context) -> int:
    """Measure and explain the ways to cut a gradient."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        return 2
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line of ``python -m profiling`` and return its exit code."""
    # A spawned worker imports this module too, but runs no command.
    for command in _commands():
        _program.add_command(command)
    return run(_program, "python -m profiling", arguments)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error becomes one line on stderr.

    Args:
        command: The command.
        name: The program's name in help texts.
        arguments: The command line; this process's own unless given.
    """
    spell_what_cannot_be_encoded()
    say = translator(DEFAULT)
    given = None if arguments is None else list(arguments)
    try:
        code = command.main(args=given, prog_name=name, standalone_mode=False)
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


def _commands() -> tuple[click.Command, ...]:
    """Import the modules of the commands and return these."""
    from profiling.cli import compare, doctor, explain, frameworks, lessons, runs, serve, trace

    return (
        serve.serve,
        explain.explain,
        lessons.list_all,
        lessons.find_lessons,
        lessons.run_lesson,
        frameworks.compare_frameworks,
        compare.compare,
        lessons.draw_graph,
        runs.show,
        runs.write_report,
        runs.diff_runs,
        trace.read,
        runs.describe_columns,
        doctor.doctor,
    )


def _complain(message: str, code: int) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code
