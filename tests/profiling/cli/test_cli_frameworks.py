"""The command frameworks."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from demos.page.frameworks import elsewhere
from profiling.catalogue.frameworks import FRAMEWORKS, SCENARIOS
from profiling.engine import frameworks as running
from profiling.model.words import Text

CUT = "backward_through_detached"
RULE = (
    "A cut is an error, None or zeros, depending on the framework,"
    " and zeros meet your weight decay."
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """Run nothing, and note what would run."""
    noted: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(running, "_live", {})
    monkeypatch.setattr(running, "_run_one", lambda *_: [])

    def run(python: str, names: tuple[str, ...]) -> None:
        noted.append((python, names))
        running.find_python(python)

    monkeypatch.setattr(running, "run", run)
    return noted


def test_pytorch_runs_here_and_others_where_they_are(shell: Any, asked: list[Any]) -> None:
    code, out, err = shell("frameworks", CUT, "--python", sys.executable)
    assert (code, err) == (0, "")
    assert asked == [(sys.executable, ("pytorch",)), (sys.executable, FRAMEWORKS)]
    assert out.startswith("1.2 backward() from a detached tensor")
    assert RULE in " ".join(out.split())
    assert "recorded with 2.21.0" in out
    assert "def " not in out
    code, out, _ = shell("frameworks", CUT, "--code")
    assert out.count(f"def {CUT}():") == len(FRAMEWORKS)


def test_a_missing_interpreter_is_one_line_beside_the_record(shell: Any, asked: list[Any]) -> None:
    code, out, err = shell("frameworks", CUT, "--python", "/gone/python")
    assert code == 1
    assert err == "error: /gone/python cannot be started. Name a Python interpreter.\n"
    assert "Paddle" in out


def test_an_unknown_scenario_names_the_nearest(shell: Any, asked: list[Any]) -> None:
    code, out, err = shell("frameworks", "straight_trough")
    assert (code, out) == (2, "")
    assert err.startswith(
        "error: There is no scenario 'straight_trough'. Nearest: straight_through"
    )


def test_as_json_all_scenarios_have_their_cells(shell: Any, asked: list[Any]) -> None:
    code, out, _ = shell("frameworks", "--json")
    found = json.loads(out)["scenarios"]
    assert code == 0
    assert tuple(found) == SCENARIOS
    assert found[CUT]["rule"] == RULE
    assert found["detach_untouched"]["rule"] is None
    jax = next(each for each in found["zero_is_a_gradient"]["cells"] if each["framework"] == "jax")
    assert (jax["name"], jax["outcome"], jax["after"], jax["live"]) == (
        "JAX",
        "zeros",
        [0.99],
        False,
    )
    assert jax["says"] == "zeros (weight after the step: 0.99)"
    assert "optax.adamw" in jax["code"]


def test_a_lessons_page_has_its_table_folded(text: Text) -> None:
    html = elsewhere(CUT, text)
    assert html.startswith('<details class="lab-elsewhere">')
    assert text("frameworks.rule") in html
    assert html.count("<li>") == len(FRAMEWORKS)
    assert text("frameworks.recorded", version="0.10.2") in html
    assert elsewhere("baseline", text) == ""
