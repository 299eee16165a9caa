from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from profiling.model.errors import InputError
from profiling.model.lesson import ClaimResult, Verdict
from profiling.model.run import Notice, Reach, Sample, Status
from profiling.output.saved_runs import load_run, save_run
from tests.conftest import FinishedRun
from tests.profiling.planted import GPU_MACHINE, branch, reach, run_of, times


def test_a_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    run = run_of(
        branch(
            "attached",
            samples=(*times([(1e-9, 0.1 + 0.2)]), Sample("step", "peak", "bytes", 0, None)),
            reach=(reach("x", "different"), reach("w", "missing")),
            source="def attached(x):\n    return x  # “quoted”, 中文\n",
            trace="traces/a.json.gz",
        ),
        branch("detach", status=Status.EXPECTED_ERROR, reason="a.key", message="line\nbreak"),
        environment=GPU_MACHINE,
    )
    save_run(run, tmp_path / "run.json")
    assert load_run(tmp_path / "run.json") == run


def test_notices_read_back_and_may_be_missing(tmp_path: Path) -> None:
    run = run_of(branch("attached", notices=(Notice("notice.some", {"share": "95 %"}),)))
    told = replace(run.results[0], notices=(Notice("notice.other"),))
    run = replace(run, results=(told,))
    path = tmp_path / "run.json"
    save_run(run, path)
    assert load_run(path) == run
    data = json.loads(path.read_text("utf-8"))
    del data["results"][0]["notices"], data["results"][0]["results"][0]["notices"]
    path.write_text(json.dumps(data), "utf-8")
    (older,) = load_run(path).results
    assert (older.notices, older.results[0].notices) == ((), ())


def test_a_measured_run_reads_back_as_it_was_written(
    finished_run: FinishedRun, tmp_path: Path
) -> None:
    save_run(finished_run.run, tmp_path / "run.json")
    assert load_run(tmp_path / "run.json") == finished_run.run


@pytest.mark.parametrize("where", [[], ["environment"], ["cells", 0], ["results", 0, "results", 0]])
def test_an_unknown_field_is_refused(where: list[str | int], tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save_run(run_of(branch("attached")), path)
    data = json.loads(path.read_text("utf-8"))
    inner = data
    for key in where:
        inner = inner[key]
    inner["surprise"] = 1
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(InputError, match=r"error\.run_(not_ours|value)"):
        load_run(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"run"'])
def test_what_is_not_a_run_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"error\.run_not_(json|ours)"):
        load_run(path)


# expected, parameters with a gradient (of two), equal: outcome
OUTCOMES = {
    (True, 2, True): "equal",
    (True, 2, False): "different",
    (True, 2, None): "different",
    (True, 1, True): "missing",
    (True, 1, False): "missing",
    (True, 1, None): "missing",
    (True, 0, True): "missing",
    (True, 0, False): "missing",
    (True, 0, None): "missing",
    (False, 2, True): "unwanted",
    (False, 2, False): "unwanted",
    (False, 2, None): "unwanted",
    (False, 1, True): "unwanted",
    (False, 1, False): "unwanted",
    (False, 1, None): "unwanted",
    (False, 0, True): "none",
    (False, 0, False): "none",
    (False, 0, None): "none",
}


def test_reach_outcome_of_every_combination() -> None:
    combinations = itertools.product((True, False), (0, 1, 2), (True, False, None))
    found = {
        (expected, got, equal): Reach("g", 2, got, expected, equal, None)
        for expected, got, equal in combinations
    }
    assert {key: each.outcome for key, each in found.items()} == OUTCOMES
    assert {key: each.right for key, each in found.items()} == {
        key: outcome in ("equal", "none") for key, outcome in OUTCOMES.items()
    }


@pytest.mark.parametrize("got", [0, 1, 2])
def test_without_a_reference_nothing_is_right_or_wrong(got: int) -> None:
    found = Reach("g", 2, got, expected=None, equal=None, max_difference=None)
    assert (found.outcome, found.right) == ("unchecked", None)


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ({"a": True}, Verdict.HOLDS),
        ({"a": True, "b": True}, Verdict.HOLDS),
        ({"a": True, "b": False}, Verdict.HOLDS_PARTLY),
        ({"a": False, "b": True}, Verdict.HOLDS_PARTLY),
        ({"a": False}, Verdict.WRONG),
        ({"a": False, "b": False}, Verdict.WRONG),
    ],
)
def test_a_claim_holds_as_far_as_its_checks(checks: dict[str, bool], verdict: Verdict) -> None:
    assert ClaimResult("claim", checks).verdict is verdict


def test_a_run_is_complete_once_every_cell_has_a_result() -> None:
    run = run_of(branch("attached"))
    assert run.complete is True
    assert replace(run, results=()).complete is False
    assert replace(run, cells=run.cells * 2).complete is False


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        run_of(branch("attached")).id = "another"  # type: ignore[misc]


def test_a_machines_device_is_found_by_kind() -> None:
    gpu, cpu = GPU_MACHINE.devices
    assert GPU_MACHINE.device("cuda") is gpu
    assert GPU_MACHINE.device("cpu") is cpu
    assert run_of(branch("attached")).environment.device("cuda") is None
