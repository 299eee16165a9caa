"""The command compare."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from profiling.analysis.analysis import Analysis
from profiling.cli import common
from profiling.cli.common import (
    WRITABLE_FOLDER,
    find_workload,
    json_option,
    open_engine,
    parameter_option,
    print_json,
    read_parameters,
    say,
)
from profiling.cli.terminal import print_run
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.engine.plan import SETTINGS
from profiling.model.errors import InputError
from profiling.model.request import Choice, Choices, Flag, Request, Setting
from profiling.model.run import Run, Status
from profiling.output import json_data, run_files

_FAILED = (Status.ERROR, Status.OUT_OF_MEMORY)
_Command = Callable[..., int]


def _setting_options(command: _Command) -> _Command:
    """Add an option for each declared setting of a comparison."""
    for setting in reversed(SETTINGS.values()):
        command = _option(setting)(command)
    return command


def _option(setting: Setting) -> Callable[[_Command], _Command]:
    names = (f"--{setting.word.replace('_', '-')}", setting.name)
    if isinstance(setting, Flag):
        return click.option(*names, is_flag=True, help=setting.help)
    if isinstance(setting, Choices):
        return click.option(
            *names,
            default=",".join(setting.default),
            show_default=True,
            callback=lambda context, option, text: setting.read(text),
            metavar=f"[{'|'.join(setting.choices)}],…",
            help=setting.help,
        )
    return click.option(
        *names,
        default=setting.default,
        show_default=True,
        # Not click's own choice: what else is given is refused as the form and the API refuse it.
        metavar=f"[{'|'.join(setting.choices)}]" if isinstance(setting, Choice) else None,
        help=setting.help,
    )


@click.command("compare")
@click.option(
    "--workload", required=True, help="A name (see list) or your own path/file.py[:NAME]."
)
@click.option("--branches", metavar="NAME,NAME", help="Ways to cut; default: all.")
@click.option("--sizes", metavar="N,N", help="Whole numbers; default: the workload's own.")
@parameter_option
@_setting_options
@click.option("--limit", type=click.FloatRange(1.0), help="Time limit per size, in seconds.")
@click.option("--cluster", metavar="ADDRESS", help="Dask scheduler; its machines measure.")
@click.option("--out", type=WRITABLE_FOLDER, help="Folder for CSV, traces, run.json.")
@json_option
def compare(
    out: Path | None, as_json: bool, limit: float | None, cluster: str | None, **options: Any
) -> int:
    """Measure the branches of a workload at several sizes."""
    request = _request(**options)
    plan.check(request)
    with open_engine(request.device, limit, cluster) as engine:
        run = _measure(engine, request, show_progress=not as_json)
        analysis = Analysis(run, engine.run_folder(run))
        files = [] if out is None else _write_files(analysis, out)
    if as_json:
        print_json(json_data.run(analysis, say))
    else:
        print_run(analysis, common.out, say)
        for file in files:
            common.out.print(f"wrote {file}", soft_wrap=True)
    return 1 if _failures(run) else 0


def _request(
    workload: str,
    branches: str | None,
    sizes: str | None,
    parameters: tuple[str, ...],
    **settings: Any,
) -> Request:
    entry = find_workload(workload)
    return Request(
        workload=entry.name,
        branches=entry.branches if branches is None else _names(branches),
        sizes=entry.sizes if sizes is None else plan.parse_sizes(sizes),
        parameters=read_parameters(parameters),
        **settings,
    )


def _measure(engine: Engine, request: Request, *, show_progress: bool) -> Run:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    visible = show_progress and console.is_terminal
    run: Run | None = None
    with Progress(*columns, console=console, disable=not visible, transient=True) as bar:
        task = bar.add_task(say("progress.starting"), total=len(request.sizes) * len(request.modes))
        for progress in engine.compare(request):
            run = progress.run
            if run is None:
                continue
            if progress.cell is not None:
                description = say("progress.measuring", size=progress.cell.extent)
                bar.update(task, description=description)
            bar.update(task, completed=len(run.results))
    if run is None:
        raise InputError("error.size_count", high=plan.MAX_SIZES)
    return run


def _write_files(analysis: Analysis, out: Path) -> list[Path]:
    """Write a run's files into a folder; what is there under the same names is replaced."""
    (out / "traces").mkdir(parents=True, exist_ok=True)
    files = run_files.export(analysis, out, say)
    for trace in run_files.trace_files(analysis):
        shutil.copyfile(trace, out / trace.relative_to(analysis.folder))
    return [*files.values(), out / "traces"]


def _failures(run: Run) -> bool:
    outcomes = [finished.status for finished in run.results]
    outcomes += [result.status for finished in run.results for result in finished.results]
    return any(outcome in _FAILED for outcome in outcomes)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
