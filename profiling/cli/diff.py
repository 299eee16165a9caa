"""The command diff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from profiling.analysis.diff import Diff, device_name, diff, headline
from profiling.cli.common import json_option, out, print_json, say
from profiling.cli.terminal import print_diff
from profiling.model.run import Run
from profiling.output import json_data
from profiling.output.saved_runs import find_run, load_run


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file for the rows found in both runs.",
)
@json_option
def diff_runs(a: str, b: str, file: Path | None, as_json: bool) -> None:
    """Compare two saved runs.

    A and B are each a run.json, its .gz, an archive, or recorded:NAME for one that comes with the
    project.
    """
    runs = load_run(find_run(a)), load_run(find_run(b))
    found = diff(*runs)
    if as_json:
        print_json(_plain(*runs, found))
    else:
        print_diff(*runs, found, out, say)
    if file is not None:
        # Every text in the rows is a name, so no spreadsheet takes one for a formula.
        found.rows.to_csv(file, index=False, lineterminator="\r\n")
        if not as_json:
            out.print(f"wrote {file}", soft_wrap=True)


def _plain(a: Run, b: Run, found: Diff) -> dict[str, Any]:
    return {
        "a": {"id": a.id, "started_utc": a.started_utc, "device": device_name(a)},
        "b": {"id": b.id, "started_utc": b.started_utc, "device": device_name(b)},
        "environment": [each._asdict() for each in found.environment],
        "rows": json_data.rows(found.rows),
        "only_a": [each._asdict() for each in found.only_a],
        "only_b": [each._asdict() for each in found.only_b],
        "finding": headline(found, say),
    }
