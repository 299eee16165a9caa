"""Which runs of a visitor are kept, and when they go."""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from demos.page.compare.session_runs import SessionRuns
from profiling.analysis.analysis import Analyses
from profiling.engine.engine import Engine
from tests.profiling.planted import branch, run_of


def test_the_last_runs_of_a_visitor_stay_and_all_go_with_the_visitor(engine: Engine) -> None:
    runs = SessionRuns(Analyses())
    made = [replace(run_of(branch("detach")), id=f"run-{number}") for number in range(12)]
    for each in made:
        engine.run_folder(each).mkdir()

    def here() -> list[str]:
        return [each.id for each in made if engine.run_folder(each).exists()]

    for before, after in itertools.pairwise(made[:10]):
        runs.supersede(engine, before, after)
    assert here() == [each.id for each in made[2:]]
    # One that is opened again is displayed, and the one before it is not forgotten.
    runs.supersede(engine, made[9], made[5])
    runs.supersede(engine, made[5], made[10])
    assert here() == [each.id for each in made[3:]]
    runs.discard(engine, made[10])
    assert here() == [made[11].id]
    engine.discard(made[11])
