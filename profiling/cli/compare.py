"""The command compare."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from profiling import catalogue
from profiling.cli import output
from profiling.cli.opening import open_engine
from profiling.cli.output import json_option, print_json, say
from profiling.cli.terminal import print_run
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.model.errors import InputError
from profiling.model.run import Request, Run, Status
from profiling.output import csv, json_data

_FAILED = (Status.ERROR, Status.OUT_OF_MEMORY)


@click.command("compare")
@click.option(
    "--workload", required=True, help="A name, see list, or path/file.py[:NAME] of your own."
)
@click.option("--branches", help="Comma-separated; all unless given.")
@click.option("--sizes", help="Comma-separated whole numbers.")
@click.option("--dtype", default="float32", show_default=True, help="float32, float64, …")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--set", "parameters", multiple=True, help="A workload parameter, as depth=8.")
@click.option("--budget", default=2.0, show_default=True, help="Timed seconds for each size.")
@click.option("--limit", type=click.FloatRange(1.0), help="Seconds that a size may take.")
@click.option("--force", is_flag=True, help="Run even what is predicted not to fit in memory.")
@click.option("--seed", default=0, show_default=True, help="Seed of state and order.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for CSV, traces, run.json.")
@json_option
def compare(out: Path | None, as_json: bool, limit: float | None, **options: Any) -> int:
    """Measure the branches of a workload over sizes."""
    request = _request(**options)
    plan.check(request)
    with open_engine(request.device, limit) as engine:
        run = _measure(engine, request, show_progress=not as_json)
        files = [] if out is None else _write_files(engine, run, out)
    if as_json:
        print_json(json_data.run(run, say))
    else:
        print_run(run, output.out, say)
        for file in files:
            output.out.print(f"wrote {file}", soft_wrap=True)
    return 1 if _failures(run) else 0


def _request(
    workload: str,
    branches: str | None,
    sizes: str | None,
    dtype: str,
    device: str,
    parameters: tuple[str, ...],
    budget: float,
    seed: int,
    force: bool,
) -> Request:
    is_own = catalogue.is_spec(workload)
    entry = catalogue.register(workload) if is_own else catalogue.workload(workload)
    return Request(
        workload=entry.name,
        branches=entry.branches if branches is None else _names(branches),
        sizes=entry.sizes if sizes is None else plan.parse_sizes(sizes),
        dtype=dtype,
        device=device,
        parameters=dict(map(parameter, parameters)),
        seed=seed,
        budget_s=budget,
        force=force,
    )


def _measure(engine: Engine, request: Request, *, show_progress: bool) -> Run:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    visible = show_progress and console.is_terminal
    run: Run | None = None
    with Progress(*columns, console=console, disable=not visible, transient=True) as bar:
        task = bar.add_task(say("progress.starting"), total=len(request.sizes))
        for progress in engine.compare(request):
            run = progress.run
            if run is None:
                continue
            if progress.cell is not None:
                description = say("progress.measuring", size=f"{progress.cell.size:,}")
                bar.update(task, description=description)
            bar.update(task, completed=len(run.results))
    if run is None:
        raise InputError("error.size_count", high=plan.MAX_SIZES)
    return run


def _write_files(engine: Engine, run: Run, out: Path) -> list[Path]:
    """Write a run's files into a folder; what is there under the same names is replaced."""
    source = engine.run_folder(run)
    files = csv.export(run, source, say)
    traces = {path.relative_to(source): path for path in csv.trace_files(run, source)}
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


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parameter(text: str) -> tuple[str, int]:
    """Read a workload's parameter such as ``"depth=8"``.

    Raises:
        InputError: It is not of that form.
    """
    name, _, value = text.partition("=")
    try:
        return name.strip(), int(value)
    except ValueError:
        raise InputError("error.parameter_text", text=text) from None
