"""What a browser is told: what may run on the page, and who may frame it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demos.page.guards.headers import SecurityHeaders
from tests.attack.asking import upload


def _directives(answer: Any) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split(";")
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in parts)}


def test_the_page_runs_only_scripts_that_came_with_it(http: httpx.Client) -> None:
    first, second = http.get("/"), http.get("/")
    nonces = []
    for page in (first, second):
        policy = _directives(page)["script-src"].split()
        (nonce,) = re.findall("'nonce-(.+?)'", " ".join(policy))
        assert set(policy) == {"'self'", f"'nonce-{nonce}'", "'unsafe-eval'"}
        scripts = re.findall(r"<script\b[^>]*>", page.text)
        assert len(scripts) > 5
        assert all(f"nonce={nonce}" in script for script in scripts)
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_nothing_is_loaded_from_elsewhere(http: httpx.Client) -> None:
    policy = _directives(http.get("/"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert "http" not in http.get("/").headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/config", "/healthz", "/monitoring", "/theme.css"])
def test_every_answer_is_taken_for_what_it_is(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]


def test_a_file_that_is_opened_by_its_address_does_nothing(http: httpx.Client) -> None:
    page = b"<script>alert(1)</script><img src=x onerror=alert(1)>"
    for name in ("page.html", "drawing.svg", "page.xhtml"):
        path = upload(http, name, page)["path"]
        answer = http.get(f"/gradio_api/file={path}")
        assert answer.status_code == 200
        policy = _directives(answer)
        assert (policy["default-src"], policy["sandbox"]) == ("'none'", "")
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("on_space", [False, True])
def test_a_space_is_shown_in_a_frame_of_hugging_face(
    monkeypatch: pytest.MonkeyPatch, on_space: bool
) -> None:
    if on_space:
        monkeypatch.setenv("SPACE_ID", "somebody/detach-lab")
    else:
        monkeypatch.delenv("SPACE_ID", raising=False)

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("page")

    app = Starlette(routes=[Route("/", page)], middleware=[Middleware(SecurityHeaders)])
    allowed = _directives(TestClient(app).get("/"))["frame-ancestors"].split()
    spaces = ["https://huggingface.co", "https://*.huggingface.co", "https://*.hf.space"]
    assert allowed == ["'self'", *(spaces if on_space else [])]
