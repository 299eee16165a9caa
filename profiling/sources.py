"""The code of a run's branches, with the lines of its file where it is known here."""

from __future__ import annotations

from demos import catalogue
from demos.catalogue import Source, WorkloadEntry
from profiling.errors import InputError
from profiling.records import Cell, Run, ran


def sources(run: Run) -> tuple[dict[str, Source], Source | None]:
    """Return the code that ran by branch, and that of the gradients that should hold.

    The latter is known only if all other code is the same here.
    """
    cell, entry = run.cells[0], _entry(run.cells[0])
    texts: dict[str, str] = {}
    for result in (each for finished in run.results for each in finished.results):
        if result.source:
            texts.setdefault(ran(result.branch), result.source)
    ours = {} if entry is None else entry.sources
    found = {
        branch: ours[branch]
        if branch in ours and ours[branch].text == shown
        else Source(shown, 1, cell.file)
        for branch, shown in texts.items()
    }
    same = entry is not None and all(found[branch] is ours.get(branch) for branch in found)
    return found, entry.reference if entry is not None and same else None


def _entry(cell: Cell) -> WorkloadEntry | None:
    """Return a cell's workload as it is here and now; None if it is not known here."""
    if cell.workload not in catalogue.workloads():
        return None
    try:
        return catalogue.workload(cell.workload)
    except InputError:
        return None  # a registered file that has changed since
