"""A page that runs code answers this machine's own pages and scripts, and nobody else's."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demos.page.guards.routes import LocalOnly


def _answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("it ran")


@pytest.fixture
def client() -> TestClient:
    app = Starlette(
        routes=[Route("/", _answer, methods=["GET", "POST"])], middleware=[Middleware(LocalOnly)]
    )
    return TestClient(app)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:7860"},
        {"host": "localhost"},
        {"host": "[::1]:7860"},
        {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"},
        {"host": "localhost:7860", "origin": "http://localhost:7860"},
    ],
)
def test_this_machine_is_answered(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/", headers=headers)
    assert (answer.status_code, answer.text) == (200, "it ran")


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:7860"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "127.0.0.1@evil.example"},
        {"host": ""},
        {"host": "[::1"},
        {"host": "127.0.0.1:7860", "origin": "http://evil.example"},
        {"host": "127.0.0.1:7860", "origin": "http://localhost.evil.example"},
        {"host": "127.0.0.1:7860", "origin": "null"},
    ],
)
def test_other_hosts_and_other_sites_are_refused(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post("/", headers=headers)
    assert (answer.status_code, answer.text) == (403, "This page is for its own machine only.")
