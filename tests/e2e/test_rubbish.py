"""Data that no page would send: nothing of it runs, and the next request works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from profiling.model.words import table
from tests.harness.launching import App
from tests.harness.visiting import PATIENCE_S


def trap_code(file: Path) -> str:
    return f"open({str(file)!r}, 'w').close()"


def config(app: App) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{app.url}config", timeout=PATIENCE_S).json()
    return found


@pytest.mark.parametrize(
    "inputs",
    [
        ("nonsense", "1", "sigmoid"),
        ("../baseline", "1", "sigmoid"),
        ("baseline", "1", "nonsense"),
        ("baseline", "1", "__import__('os').abort"),
    ],
)
def test_an_unknown_lesson_or_op_is_refused_and_the_next_run_works(
    client: Client, inputs: tuple[str, str, str]
) -> None:
    with pytest.raises(AppError) as refused:
        client.predict(*inputs, "cpu", api_name="/show_lesson")
    assert str(refused.value) == table("en")["refused.input"]
    problem, _ = client.predict("baseline", "1", "tanh", "cpu", api_name="/show_lesson")
    assert problem == ""


def test_no_endpoint_runs_code_that_is_sent_as_data(
    app: App, client: Client, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    dependencies = config(app)["dependencies"]
    assert len(dependencies) > 10
    with httpx.Client(base_url=f"{app.url}gradio_api", timeout=PATIENCE_S) as http:
        finished = [_join(http, each, trap_code(trap)) for each in dependencies]
        assert finished == [True] * len(dependencies)
        for each in dependencies:
            if each["api_visibility"] != "private":
                _call(http, each, trap_code(trap))
        assert http.post("/call/playground", json={"data": [trap_code(trap)]}).is_error
    assert not trap.exists()
    problem, view = client.predict("baseline", "1, 2, 3", "sigmoid", "cpu", api_name="/show_lesson")
    assert problem == ""
    assert "[0.1966, 0.1050, 0.0452]" in view


def _join(http: httpx.Client, dependency: dict[str, Any], code: str) -> bool:
    """Send code to an endpoint by its number, as a page does; whether it came to an end."""
    session = f"trap{dependency['id']}"
    asked = {
        "data": [code] * len(dependency["inputs"]),
        "fn_index": dependency["id"],
        "session_hash": session,
    }
    assert http.post("/queue/join", json=asked).status_code == 200
    with http.stream("GET", "/queue/data", params={"session_hash": session}) as events:
        for line in events.iter_lines():
            if line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed":
                return True
    return False


def _call(http: httpx.Client, dependency: dict[str, Any], code: str) -> None:
    """Send code to an endpoint by its name, as a script does, and wait for its end."""
    place = f"/call/{dependency['api_name']}"
    answer = http.post(place, json={"data": [code] * len(dependency["inputs"])})
    assert answer.status_code == 200
    with http.stream("GET", f"{place}/{answer.json()['event_id']}") as events:
        assert any(line in ("event: complete", "event: error") for line in events.iter_lines())
