"""Every route that Gradio registers is known, and shut unless the page needs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, compile_path
from starlette.testclient import TestClient

from demos.page.guards.routes import API, HEALTH, ROUTES, AllowedRoutes
from tests.attack.asking import events, raw
from tests.harness.launching import ROOT, App

_ROW = re.compile(r"^\| (`/.*?`) \| (open|shut) \| (.+) \|$", re.M)
_BRACES = re.compile(r"\{\w+")


def known() -> dict[str, str]:
    """Return what SECURITY.md says of each route: open or shut."""
    rows = _ROW.findall((Path(ROOT) / "SECURITY.md").read_text(encoding="utf-8"))
    return {
        _plain(path): state for paths, state, _ in rows for path in re.findall("`(.*?)`", paths)
    }


@pytest.fixture(scope="module")
def registered(unready: dict[str, Any]) -> dict[str, set[str]]:
    """The methods of all routes by path."""
    found: dict[str, set[str]] = {}
    for path, methods in unready["routes"]:
        found.setdefault(_plain(path), set()).update(methods)
    return found


def _plain(path: str) -> str:
    """Leave the names of values out of a path: Gradio changes them at will."""
    return _BRACES.sub("{x", path)


def test_every_route_of_gradio_is_known(registered: dict[str, set[str]]) -> None:
    assert len(registered) > 60
    unknown = sorted(set(registered) - set(known()))
    assert unknown == [], "say in SECURITY.md what these are for, and open them only if need be"


def test_what_is_said_to_be_open_is_open_and_nothing_else() -> None:
    said_open = {path for path, state in known().items() if state == "open"}
    assert said_open == {_plain(path) for path in ROUTES}


def test_what_is_open_is_still_there(registered: dict[str, set[str]]) -> None:
    for path, methods in ROUTES.items():
        if path != HEALTH:
            # Starlette itself answers HEAD where there is GET.
            assert set(methods) - {"HEAD"} <= registered[_plain(path)], path


def test_what_is_shut_is_refused(app: App, registered: dict[str, set[str]]) -> None:
    opened = [compile_path(path)[0] for path in ROUTES]
    shut = {path: methods for path, methods in registered.items() if _is_shut(path)}
    assert len(shut) > 40
    for path, methods in shut.items():
        asked = re.sub(r"\{x[^}]*\}", "1", path)
        assert not any(pattern.match(asked) for pattern in opened), path
        for method in methods:
            status, body = raw(app, method, asked)
            assert status == 404, (method, asked)
            assert method == "HEAD" or body == b'{"detail":"Not found"}'


def test_agents_are_let_in_only_where_they_are_served() -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("in")

    routes = [Route(f"{API}/{{rest:path}}", page, methods=["GET", "POST", "DELETE"])]
    app = Starlette(routes=routes)
    for serves_agents, status in ((False, 404), (True, 200)):
        client = TestClient(AllowedRoutes(app, serves_agents=serves_agents))
        for method in ("GET", "POST", "DELETE"):
            for path in ("mcp", "mcp/", "mcp/messages"):
                assert client.request(method, f"{API}/{path}").status_code == status
        assert client.request("PUT", f"{API}/mcp/").status_code == 404
        for other in ("mcpelse", "process_recording"):
            assert client.get(f"{API}/{other}").status_code == 404


def _is_shut(path: str) -> bool:
    return known()[path] == "shut"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "POST"])
def test_other_methods_are_refused(app: App, method: str) -> None:
    assert raw(app, method, "/config")[0] == 404


def test_the_queue_cannot_be_passed_by(http: httpx.Client) -> None:
    queued = [event for event in events(http) if event["queue"]]
    assert len(queued) > 20
    for event in queued:
        for name in (event["api_name"] or "x", "predict"):
            body = {"data": [None] * len(event["inputs"]), "fn_index": event["id"]}
            answer = http.post(f"/gradio_api/run/{name}", json=body)
            assert answer.status_code == 404, event["api_name"]


def test_sockets_are_closed(http: httpx.Client) -> None:
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    answer = http.get("/gradio_api/queue/join", headers=upgrade | key)
    assert answer.status_code in (403, 404)
