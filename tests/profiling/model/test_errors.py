from __future__ import annotations

import pickle

from profiling.model.errors import InputError


def test_an_error_crosses_processes_with_its_values() -> None:
    error = pickle.loads(pickle.dumps(InputError("error.not_a_trace", file="a.json")))
    assert type(error) is InputError
    assert (error.key, error.values) == ("error.not_a_trace", {"file": "a.json"})
