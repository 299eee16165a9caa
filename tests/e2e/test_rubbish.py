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


def trap_code(file: Path) -> str:
    return f"open({str(file)!r}, 'w').close()"


def config(app: App) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{app.url}config").json()
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
    app: App, inputs: tuple[str, str, str]
) -> None:
    client = Client(app.url, verbose=False)
    with pytest.raises(AppError) as refused:
        client.predict(*inputs, api_name="/show_lesson")
    assert str(refused.value) == table("en")["refused.input"]
    problem, _ = client.predict("baseline", "1", "tanh", api_name="/show_lesson")
    client.close()
    assert problem == ""


def test_no_endpoint_runs_code_that_is_sent_as_data(app: App, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    dependencies = config(app)["dependencies"]
    assert len(dependencies) > 10
    finished = [_join(app, each, trap_code(trap)) for each in dependencies]
    assert finished == [True] * len(dependencies)
    for each in dependencies:
        if each["api_visibility"] != "private":
            _call(app, each, trap_code(trap))
    asked = {"data": [trap_code(trap)]}
    assert httpx.post(f"{app.url}gradio_api/call/playground", json=asked).is_error
    assert not trap.exists()
    client = Client(app.url, verbose=False)
    problem, view = client.predict("baseline", "1, 2, 3", "sigmoid", api_name="/show_lesson")
    client.close()
    assert problem == ""
    assert "[0.1966, 0.1050, 0.0452]" in view


def _join(app: App, dependency: dict[str, Any], code: str) -> bool:
    """Send code to an endpoint by its number, as a page does; whether it came to an end."""
    session = f"trap{dependency['id']}"
    asked = {
        "data": [code] * len(dependency["inputs"]),
        "fn_index": dependency["id"],
        "session_hash": session,
    }
    api = f"{app.url}gradio_api/queue"
    assert httpx.post(f"{api}/join", json=asked).status_code == 200
    with httpx.stream("GET", f"{api}/data?session_hash={session}", timeout=30) as events:
        for line in events.iter_lines():
            if line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed":
                return True
    return False


def _call(app: App, dependency: dict[str, Any], code: str) -> None:
    """Send code to an endpoint by its name, as a script does, and wait for its end."""
    api = f"{app.url}gradio_api/call/{dependency['api_name']}"
    answer = httpx.post(api, json={"data": [code] * len(dependency["inputs"])})
    assert answer.status_code == 200
    with httpx.stream("GET", f"{api}/{answer.json()['event_id']}", timeout=30) as events:
        assert any(line in ("event: complete", "event: error") for line in events.iter_lines())
