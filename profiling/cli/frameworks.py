"""The command frameworks: the same question in PyTorch and elsewhere."""

from __future__ import annotations

import sys

import click
from rich.markup import escape
from rich.table import Table

from profiling.catalogue.frameworks import FRAMEWORKS, SCENARIOS, snippet, title
from profiling.cli.common import json_option, out, print_json, say
from profiling.engine import frameworks
from profiling.model.errors import DetachLabError, unknown
from profiling.output import json_data
from profiling.output.frameworks import result, rule, ways


@click.command("frameworks")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="PYTHON",
    help="An interpreter with other frameworks, to run them now; may be repeated.",
)
@click.option("--code", "with_code", is_flag=True, help="Print the code of each framework as well.")
@json_option
def compare_frameworks(
    scenarios: tuple[str, ...], pythons: tuple[str, ...], with_code: bool, as_json: bool
) -> int:
    """Show what a cut comes to in PyTorch, TensorFlow, JAX, tinygrad, MLX and Paddle.

    SCENARIO is the name of a lesson; default: all. PyTorch runs now, others as --python says;
    what does not run is shown as it was recorded.
    """
    for name in scenarios:
        if name not in SCENARIOS:
            raise unknown("error.unknown_scenario", name, SCENARIOS)
    code = 0
    for python, names in (
        (sys.executable, ("pytorch",)),
        *((each, FRAMEWORKS) for each in pythons),
    ):
        try:
            frameworks.run(python, names)
        except DetachLabError as error:
            print(f"error: {say(error.key, **error.values)}", file=sys.stderr)
            code = 1
    asked = scenarios or SCENARIOS
    if as_json:
        print_json({"scenarios": {name: json_data.frameworks(name, say) for name in asked}})
        return code
    for name in asked:
        _print_table(name, with_code)
    return code


def _print_table(scenario: str, with_code: bool) -> None:
    outcomes = frameworks.table(scenario)
    table = Table(title=say(f"lesson.{scenario}.title"), title_justify="left")
    for column in ("framework", "made", "result"):
        table.add_column(say(f"frameworks.{column}"), overflow="fold")
    for each in outcomes:
        table.add_row(*map(escape, (title(each.framework), ways(each, say), result(each, say))))
    out.print(table)
    if frameworks.meets_all_kinds(outcomes):
        out.print(rule(say), markup=False, soft_wrap=True)
    for each in outcomes if with_code else ():
        out.print(f"\n# {title(each.framework)}", markup=False)
        out.print(snippet(each.framework, scenario).text, markup=False, soft_wrap=True)
    out.print()
