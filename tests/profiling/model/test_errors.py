from __future__ import annotations

import pickle

from profiling.catalogue import LESSONS
from profiling.model.errors import InputError, unknown


def test_an_error_crosses_processes_with_its_values() -> None:
    error = pickle.loads(pickle.dumps(InputError("error.not_a_trace", file="a.json")))
    assert type(error) is InputError
    assert (error.key, error.values) == ("error.not_a_trace", {"file": "a.json"})


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    error = unknown("error.unknown_lesson", "detatch_then_zero", LESSONS)
    nearest = str(error.values["nearest"]).split(", ")
    assert (nearest[0], len(nearest)) == ("detach_then_zero", 3)
    assert unknown("error.unknown_lesson", "x" * 10**6, LESSONS).values["name"] == "x" * 40 + "…"
    assert unknown("error.unknown_recorded", "x", ()).values["nearest"] == "–"
