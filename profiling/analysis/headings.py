"""What a result is a result of: the training step, size, device and time, in words."""

from __future__ import annotations

from profiling.analysis.diff import device_name
from profiling.model.run import Cell, Run
from profiling.model.words import DEFAULT, Text, table


def workload_title(name: str, text: Text) -> str:
    """Return the title of a workload, or its name if it is not one of ours."""
    key = f"workload.{name}.title"
    return text(key) if key in table(DEFAULT) else name


def measured_at(run: Run) -> str:
    """Return when a run was measured."""
    return run.started_utc.replace("T", " ").replace("+00:00", " UTC")


def cell_heading(run: Run, cell: Cell, text: Text) -> str:
    """Return what a cell of a run is a measurement of, as one line."""
    parameters = " ".join(f"{name}={value}" for name, value in sorted(cell.parameters.items()))
    found = (
        workload_title(cell.workload, text),
        f"{cell.size:,} {text(f'size.{cell.unit}')}",
        parameters,
        cell.computation,
        f"{device_name(run, cell)} ({cell.device})",
        measured_at(run),
    )
    return " · ".join(each for each in found if each)
