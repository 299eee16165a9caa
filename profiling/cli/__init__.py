"""The command line.

Exit codes: 0 all is well, 1 something could not be measured, 2 the request cannot be run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from profiling.model.errors import DetachLabError, InputError
from profiling.model.words import DEFAULT, translator


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line of ``python -m profiling`` and return its exit code."""
    # A spawned worker imports this module too, but runs no command.
    from profiling.cli.commands import commands

    return run(commands, "python -m profiling", arguments)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error becomes one line on stderr.

    Args:
        command: The command.
        name: The program's name in help texts.
        arguments: The command line; this process's own unless given.
    """
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


def _complain(message: str, code: int) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code
