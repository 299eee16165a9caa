"""The app tells how it is, at any time, and writes down what was asked without its values."""

from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from demos.page.guards import request_log
from demos.page.guards.blocks import health
from demos.page.guards.routes import Healthz
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from profiling.model.errors import WorkerError
from tests.attack.asking import ask, events
from tests.harness.launching import App
from tests.harness.visiting import PATIENCE_S

_SECRET = "correct-horse-battery"


def test_an_idle_page_takes_next_to_nothing_from_what_is_measured(unready: dict[str, Any]) -> None:
    assert 0 < unready["looks_per_s"] <= 50


def test_the_page_answers_before_the_worker_is_ready(unready: dict[str, Any]) -> None:
    assert unready["page"] == "<!doctype html>"
    assert json.loads(unready["health"]) == {
        "web": "up",
        "worker": "starting",
        "device": None,
        "waiting": 0,
        "running": 0,
    }


def test_a_worker_that_is_there_is_told_with_its_device(http: httpx.Client) -> None:
    _wait_until_ready(http)
    answer = http.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() | {"waiting": 0, "running": 0} == {
        "web": "up",
        "worker": "ready",
        "device": "cpu",
        "waiting": 0,
        "running": 0,
    }
    assert answer.headers["cache-control"] == "no-store"


def test_health_is_told_while_the_worker_measures(http: httpx.Client) -> None:
    _wait_until_ready(http)
    compare = next(each for each in events(http) if each["api_name"] == "show_compare")
    chosen = [["attached", "detach"], "64", ["eager"], "float32", "cpu", 20.0]
    values = [None, "frozen_backbone", *chosen]
    data = [*values, False, False, *[2] * (len(compare["inputs"]) - 10)]
    body = {"data": data, "fn_index": compare["id"], "session_hash": "health"}
    event = http.post("/gradio_api/queue/join", json=body).json()["event_id"]
    try:
        _wait_for(http, "running", 1)
        assert http.get("/healthz").json()["worker"] == "ready"
    finally:
        stop = {"session_hash": "health", "fn_index": compare["id"], "event_id": event}
        http.post("/gradio_api/cancel", json=stop)
    _wait_for(http, "running", 0)


def _wait_until_ready(http: httpx.Client) -> None:
    _wait_for(http, "worker", "ready")


def _wait_for(http: httpx.Client, name: str, value: object) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if http.get("/healthz").json()[name] == value:
            return
        time.sleep(0.05)
    raise AssertionError(http.get("/healthz").text)


class _Fails(InlineExecutor):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(lambda: None)
        future = type(future)()
        future.set_exception(WorkerError("error.worker_died"))
        return future


def test_a_worker_that_cannot_start_is_told() -> None:
    engine = Engine("cpu", _Fails())
    assert health(engine, 3, 1) == {
        "web": "up",
        "worker": "failed",
        "device": None,
        "waiting": 3,
        "running": 1,
    }
    engine.close()


@pytest.mark.parametrize(("worker", "status"), [("starting", 200), ("ready", 200), ("failed", 503)])
def test_only_a_worker_that_cannot_start_is_a_failure(worker: str, status: int) -> None:
    app: Any = Starlette(middleware=[Middleware(Healthz)])
    app.get_blocks = lambda: SimpleNamespace(health=lambda: {"worker": worker})
    answer = TestClient(app).get("/healthz")
    assert (answer.status_code, answer.json()) == (status, {"worker": worker})


def test_a_line_for_each_request_and_event_and_nothing_of_a_visitor(
    app: App, http: httpx.Client
) -> None:
    before = len(app.lines)
    finding = next(each for each in events(http) if each["api_name"] == "_find_lessons")
    assert ask(http, finding, [_SECRET, "in_place", "baseline"], session=_SECRET)[0]
    assert http.get(f"/{_SECRET}").status_code == 404
    assert http.get("/config", params={"x": _SECRET}).status_code == 200
    assert http.get(f"/gradio_api/file=/{_SECRET}").status_code == 404
    assert http.get("/healthz").status_code == 200
    call = http.post(f"/gradio_api/call/{_SECRET}", json={"data": []})
    assert call.status_code == 400
    expected = {
        ("POST /gradio_api/queue/join", "ok", 200),
        ("event _find_lessons", "ok", None),
        ("GET /gradio_api/queue/data", "ok", 200),
        ("GET /config", "ok", 200),
        ("POST /gradio_api/call/{name}", "refused", 400),
        ("unknown", "refused", 404),
    }
    # What is written down is read here a moment later.
    until, told = time.monotonic() + PATIENCE_S, set[tuple[str, str, int | None]]()
    while not told >= expected and time.monotonic() < until:
        time.sleep(0.02)
        parsed = [json.loads(line) for line in app.lines[before:] if line.startswith("{")]
        told = {(each["what"], each["outcome"], each.get("status")) for each in parsed}
    assert told >= expected
    assert all(0 <= each["took_s"] < 3600 for each in parsed)
    assert not any(_SECRET in line for line in app.lines)


def test_a_session_that_nobody_knows_is_told_so(http: httpx.Client) -> None:
    answer = http.get("/gradio_api/queue/data", params={"session_hash": "nobody"})
    assert "session_not_found" in answer.text


def test_parts_of_a_page_are_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=request_log.LOGGER):
        request_log.write("GET /assets/{path:path}", time.monotonic(), "ok", logging.DEBUG)
        assert caplog.text == ""
        request_log.write("GET /", time.monotonic(), "ok", status=200)
    line = json.loads(caplog.records[0].getMessage())
    assert {"what": "GET /", "outcome": "ok", "status": 200}.items() <= line.items()
