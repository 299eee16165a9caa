"""The same engine from a shell.

Exit codes: 0 all is well, 1 something could not be measured, 2 the request cannot be run.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demos import catalogue
from demos.lessons import LESSONS
from demos.locales import translator
from demos.workloads import WORKLOADS
from profiling import export
from profiling.columns import readme
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.errors import DetachLabError, InputError
from profiling.records import LessonRequest, Request, Run, Status
from profiling.statistics import summary
from profiling.terminal import print_lesson, print_run

_say = translator("en")
_out = Console(highlight=False)
_FAILED = (Status.ERROR, Status.OUT_OF_MEMORY)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


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
        return _complain(_say(error.key, **error.values), 2)
    except DetachLabError as error:
        return _complain(_say(error.key, **error.values), 1)
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


@commands.command("list")
@_json_option
def list_all(as_json: bool) -> None:
    """List lessons and workloads, with branches, sizes and parameters."""
    lessons = {name: _say(f"lesson.{name}.title") for name in LESSONS}
    workloads = {name: _describe(name) for name in WORKLOADS}
    if as_json:
        _print_json({"lessons": lessons, "workloads": workloads})
        return
    for title, entries in (("Lessons", lessons), ("Workloads", workloads)):
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        for name, entry in entries.items():
            table.add_row(name, entry if isinstance(entry, str) else _one_line(entry))
        _out.print(table)


@commands.command("lesson")
@click.argument("name")
@click.option("--values", help="Input numbers, such as 1,2,3.")
@click.option("--op", help="The op it runs with.")
@_json_option
def run_lesson(name: str, values: str | None, op: str | None, as_json: bool) -> None:
    """Run the lesson NAME and judge what the article says of it."""
    numbers = None if values is None else plan.parse_values(values)
    request = LessonRequest(name, numbers, op)
    plan.check_lesson(request)
    engine = Engine("cpu")
    try:
        trace = engine.lesson(request)
    finally:
        engine.close()
    if as_json:
        verdicts = {claim.claim: claim.verdict.value for claim in trace.claims}
        _print_json({**msgspec.to_builtins(trace), "verdicts": verdicts})
    else:
        print_lesson(trace, _out, _say)


@commands.command("compare")
@click.option("--workload", required=True, help="Name of the workload; see list.")
@click.option("--branches", help="Comma-separated; all unless given.")
@click.option("--sizes", help="Comma-separated whole numbers.")
@click.option("--dtype", default="float32", show_default=True, help="float32, float64, …")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--set", "parameters", multiple=True, help="A workload parameter, as depth=8.")
@click.option("--budget", default=2.0, show_default=True, help="Timed seconds for each size.")
@click.option("--seed", default=0, show_default=True, help="Seed of state and order.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for CSV, traces, run.json.")
@_json_option
def compare(out: Path | None, as_json: bool, **options: Any) -> int:
    """Measure the branches of a workload over sizes."""
    request = _request(**options)
    plan.check(request)
    engine = Engine(request.device)
    try:
        run = _measure(engine, request, show_progress=not as_json)
        files = [] if out is None else _write_files(engine, run, out)
    finally:
        engine.close()
    if as_json:
        table = msgspec.json.decode(summary(run).to_json(orient="records"))
        _print_json({"id": run.id, "environment": run.environment, "summary": table})
    else:
        print_run(run, _out, _say)
        for file in files:
            _out.print(f"wrote {file}", soft_wrap=True)
    return 1 if _failures(run) else 0


@commands.command("columns")
def describe_columns() -> None:
    """Describe every exported column, as Markdown."""
    print(readme(), end="")


def _request(
    workload: str,
    branches: str | None,
    sizes: str | None,
    dtype: str,
    device: str,
    parameters: tuple[str, ...],
    budget: float,
    seed: int,
) -> Request:
    entry = catalogue.workload(workload)
    return Request(
        workload=workload,
        branches=entry.branches if branches is None else _names(branches),
        sizes=entry.sizes if sizes is None else plan.parse_sizes(sizes),
        dtype=dtype,
        device=device,
        parameters=dict(_parameter(each) for each in parameters),
        seed=seed,
        budget_s=budget,
    )


def _measure(engine: Engine, request: Request, *, show_progress: bool) -> Run:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    visible = show_progress and console.is_terminal
    run: Run | None = None
    with Progress(*columns, console=console, disable=not visible, transient=True) as bar:
        task = bar.add_task(_say("progress.starting"), total=len(request.sizes))
        for progress in engine.compare(request):
            run = progress.run
            if run is None:
                continue
            if progress.cell is not None:
                description = _say("progress.measuring", size=f"{progress.cell.size:,}")
                bar.update(task, description=description)
            bar.update(task, completed=len(run.results))
    if run is None:
        raise InputError("error.size_count", high=plan.MAX_SIZES)
    return run


def _write_files(engine: Engine, run: Run, out: Path) -> list[Path]:
    """Write a run's files into a folder; what is there under the same names is replaced."""
    source = engine.run_folder(run)
    files = export.export(run, source)
    traces = {path.relative_to(source): path for path in export.trace_files(run, source)}
    (out / "traces").mkdir(parents=True, exist_ok=True)
    written = []
    for relative, path in ({Path(name): path for name, path in files.items()} | traces).items():
        shutil.copyfile(path, out / relative)
        if relative not in traces:
            written.append(out / relative)
    return [*written, out / "traces"]


def _failures(run: Run) -> bool:
    outcomes = [finished.status for finished in run.results]
    outcomes += [result.status for finished in run.results for result in finished.results]
    return any(outcome in _FAILED for outcome in outcomes)


def _describe(name: str) -> dict[str, Any]:
    entry = catalogue.workload(name)
    return {
        "about": _say(f"workload.{name}.title"),
        "size": entry.size,
        "sizes": list(entry.sizes),
        "branches": [branch for branch in entry.branches if branch not in entry.absent],
        "absent": {branch: _say(entry.absent_reason(branch)) for branch in entry.absent},
        "parameters": {key: parameter.default for key, parameter in entry.parameters.items()},
    }


def _one_line(entry: dict[str, Any]) -> str:
    branches = ", ".join(entry["branches"])
    sizes = ", ".join(map(str, entry["sizes"]))
    parameters = " ".join(f"--set {key}={value}" for key, value in entry["parameters"].items())
    return f"{entry['about']}\nbranches: {branches}\n{entry['size']}: {sizes}  {parameters}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parameter(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), int(value)
    except ValueError:
        raise InputError("error.parameter_text", text=text) from None


def _print_json(data: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")


def _complain(message: str, code: int) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code
