"""How long a comparison is said to go on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from profiling.engine.engine import Progress, time_left_s
from profiling.model.run import CellResult, Run, Status
from tests.profiling.planted import cell, run_of


def progress(took: list[float], cells: int, elapsed_s: float) -> Progress:
    """Return where a comparison stands whose first cells took some seconds each."""
    planned = tuple(cell("elementwise", size=2 + index) for index in range(cells))
    done = tuple(
        CellResult(each, Status.OK, (), duration_s=seconds)
        for each, seconds in zip(planned, took, strict=False)
    )
    run = run_of()
    run = Run(run.id, run.started_utc, run.environment, run.request, planned, done)
    return Progress(run, None, elapsed_s, False)


def test_nothing_is_known_before_the_worker_is_there() -> None:
    assert time_left_s(Progress(None, None, 5.0, False)) is None


@pytest.mark.parametrize(
    ("took", "cells", "elapsed_s", "left_s"),
    [
        ([], 3, 1.5, None),  # nothing is finished
        ([3.0], 3, 3.0, 6.0),
        ([3.0], 3, 4.0, 5.0),
        ([3.0], 3, 60.0, 3.0),  # the current one is overdue, the next one is not
        ([2.0, 4.0], 3, 7.0, 7.0),  # each takes twice as long as the one before
        ([2.0, 4.0], 4, 6.0, 24.0),
        ([4.0, 2.0], 3, 6.0, 2.0),
        ([2.0, 4.0], 2, 6.0, None),
    ],
)
def test_the_time_left_follows_from_what_the_others_took(
    took: list[float], cells: int, elapsed_s: float, left_s: float | None
) -> None:
    assert time_left_s(progress(took, cells, elapsed_s)) == left_s


@pytest.mark.parametrize(
    ("took", "elapsed_s", "left_s"),
    [
        ([2.0], 2.0, None),  # how long it takes to compile is not known yet
        ([2.0, 30.0], 32.0, 2.0 + 30.0 + 2.0 + 30.0),
        ([2.0, 30.0, 4.0], 40.0, 26.0 + 8.0 + 30.0),
    ],
)
def test_cells_of_another_mode_say_nothing_of_the_time_left(
    took: list[float], elapsed_s: float, left_s: float | None
) -> None:
    stands = progress(took, 6, elapsed_s)
    assert stands.run is not None
    modes = ("eager", "compiled") * 3
    pairs = zip(stands.run.cells, modes, strict=True)
    cells = tuple(replace(each, mode=mode) for each, mode in pairs)
    results = tuple(
        replace(each, cell=cell) for each, cell in zip(stands.run.results, cells, strict=False)
    )
    run = replace(stands.run, cells=cells, results=results)
    assert time_left_s(stands._replace(run=run)) == left_s
