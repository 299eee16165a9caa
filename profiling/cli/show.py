"""The command show."""

from __future__ import annotations

import click

from profiling.analysis.analysis import Analysis
from profiling.cli.common import json_option, out, print_json, say
from profiling.cli.terminal import print_run
from profiling.model.errors import InputError, short
from profiling.output import json_data
from profiling.output.saved_runs import find_run, load_run


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
