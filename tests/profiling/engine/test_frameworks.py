"""The same question in other frameworks: what an interpreter answers, and what is shown without."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from profiling.catalogue import LESSONS, frameworks
from profiling.catalogue.frameworks import FRAMEWORKS, SCENARIOS
from profiling.engine import frameworks as running
from profiling.engine.framework_cells import MARK, _came_out
from profiling.model.errors import InputError
from profiling.model.frameworks import Outcome

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="interpreters are shell scripts")
CUT = "backward_through_detached"


@pytest.fixture(autouse=True)
def _nothing_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_live", {})


def interpreter(folder: Path, text: str) -> str:
    """Write a program that stands for an interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def says(*answers: dict[str, Any]) -> str:
    """Return the lines of a shell script that answers as the framework's own process would."""
    return "\n".join(f"echo '{MARK}{json.dumps(each)}'" for each in answers)


def answers(outcome: str = "zeros", **values: Any) -> list[dict[str, Any]]:
    return [{"scenario": name, "outcome": outcome, **values} for name in SCENARIOS]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_shown_code_is_short_and_is_what_runs(framework: str, scenario: str) -> None:
    module = importlib.import_module(f"demos.frameworks.{framework}")
    shown = frameworks.snippet(framework, scenario)
    assert shown.text == inspect.getsource(getattr(module, scenario)).rstrip("\n")
    # The body, without the blank lines in it.
    assert len([line for line in shown.text.splitlines()[1:] if line]) <= 12
    assert frameworks.title(framework) == module.NAME
    assert scenario in LESSONS


def test_every_cell_is_recorded_with_its_version() -> None:
    found = running.recorded()
    asked = {(each.framework, each.scenario) for each in found}
    assert asked == {(name, scenario) for name in FRAMEWORKS for scenario in SCENARIOS}
    assert len(found) == len(asked)
    assert all(each.version and not each.live for each in found)
    assert len({(each.framework, each.version) for each in found}) == len(FRAMEWORKS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_pytorch_does_what_is_recorded(scenario: str) -> None:
    (kept, *_) = running.table(scenario)
    function = getattr(importlib.import_module("demos.frameworks.pytorch"), scenario)
    found = json.loads(json.dumps(_came_out(function)))
    assert kept.framework == "pytorch"
    assert kept.outcome == found["outcome"]
    assert kept.values == (tuple(found["values"]) if found.get("values") else None)
    assert kept.after == (tuple(found["after"]) if found.get("after") else None)


def test_a_cut_is_an_error_none_or_zeros_and_zeros_meet_weight_decay() -> None:
    cut = {each.framework: each.outcome for each in running.table(CUT)}
    assert cut == {
        "pytorch": "error",
        "tensorflow": "none",
        "jax": "zeros",
        "tinygrad": "zeros",
        "mlx": "zeros",
        "paddle": "none",
    }
    decayed = {each.framework: each.after for each in running.table("zero_is_a_gradient")}
    moved = {framework for framework, after in decayed.items() if after == (0.99,)}
    assert moved == {framework for framework, outcome in cut.items() if outcome == "zeros"}
    assert {decayed[framework] for framework in cut if framework not in moved} == {(1.0,)}
    said = [name for name in SCENARIOS if running.meets_all_kinds(running.table(name))]
    assert said == [CUT, "detach_inplace_after", "zero_is_a_gradient"]


def test_what_runs_here_stands_for_the_recorded_result(tmp_path: Path) -> None:
    made = says({"version": "9.1"}, *answers(values=[0.0]))
    # What a framework prints besides is no answer.
    python = interpreter(tmp_path, f"echo 'a line'\n{made}\necho done >&2")
    (found, *_) = running.run(python, ("jax",))
    assert found == Outcome("jax", SCENARIOS[0], "zeros", "9.1", (0.0,), live=True)
    shown = {each.framework: each for each in running.table(CUT)}
    assert tuple(shown) == FRAMEWORKS
    assert (shown["jax"].live, shown["jax"].version) == (True, "9.1")
    assert not shown["mlx"].live


def test_an_interpreter_with_our_torch_runs_it() -> None:
    found = {each.scenario: each for each in running.run(sys.executable, ("pytorch",))}
    assert {name: each.outcome for name, each in found.items()} == {
        each.scenario: each.outcome for each in running.recorded() if each.framework == "pytorch"
    }


BAD = {
    "missing": ("", "error.frameworks_python"),
    "nothing": ("exit 3", "error.frameworks_answer"),
    "garbage": ("head -c 4096 /dev/urandom", "error.frameworks_answer"),
    "no json": (f"echo '{MARK}oops'", "error.frameworks_answer"),
    "other json": (says({"version": 3}), "error.frameworks_answer"),
    "too few": (says({"version": "1"}, *answers()[1:]), "error.frameworks_answer"),
    "other words": (says({"version": "1"}, *answers("maybe")), "error.frameworks_answer"),
    "NaN": (f"{says({'version': '1'})}\necho '{MARK}NaN'", "error.frameworks_answer"),
    "endless": ("exec yes", "error.frameworks_answer"),
    "none of them": (says({"version": None}), "error.frameworks_none"),
    "silent": ("sleep 60 & sleep 60", "error.frameworks_late"),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_interpreter_is_one_sentence_and_the_record_stays(tmp_path: Path, how: str) -> None:
    text, key = BAD[how]
    python = interpreter(tmp_path, text) if text else str(tmp_path / "gone")
    limit_s = 0.2 if how == "silent" else 60
    with pytest.raises(InputError) as caught:
        running.run(python, limit_s=limit_s)
    assert caught.value.key == key
    assert running.table(CUT) == tuple(each for each in running.recorded() if each.scenario == CUT)


def test_what_goes_wrong_beside_is_told_and_the_next_one_runs(tmp_path: Path) -> None:
    told: list[str] = []
    good = interpreter(tmp_path, says({"version": "9.1"}, *answers()))
    thread = running.run_beside(
        (str(tmp_path / "gone"), good), lambda error: told.append(error.key)
    )
    thread.join(60)
    assert told == ["error.frameworks_python"]
    assert all(each.live for each in running.table(CUT))
