"""Allowed routes and who may use them: everyone, or only this machine; the answer at /healthz."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

API = "/gradio_api"
FILE = f"{API}/file={{path:path}}"
UPLOAD = f"{API}/upload"
RUN = f"{API}/run/{{name}}"
HEALTH = "/healthz"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")

_READ = ("GET", "HEAD")
_SEND = ("POST",)
# Allowed routes and their methods. SECURITY.md explains why each is safe.
ROUTES: dict[str, tuple[str, ...]] = {
    HEALTH: _READ,
    "/": _READ,
    "/config": _READ,
    "/assets/{path:path}": _READ,
    "/static/{path:path}": _READ,
    "/theme.css": _READ,
    "/favicon.ico": _READ,
    "/manifest.json": _READ,
    "/robots.txt": _READ,
    FILE: _READ,
    f"{API}/info": _READ,
    f"{API}/openapi.json": _READ,
    f"{API}/startup-events": _READ,
    f"{API}/heartbeat/{{session}}": _READ,
    f"{API}/queue/status": _READ,
    f"{API}/queue/data": _READ,
    f"{API}/queue/join": _SEND,
    RUN: _SEND,
    f"{API}/call/{{name}}": _SEND,
    f"{API}/call/{{name}}/{{event}}": _READ,
    f"{API}/call/v2/{{name}}": _SEND,
    f"{API}/call/v2/{{name}}/{{event}}": _READ,
    f"{API}/cancel": _SEND,
    f"{API}/reset": _SEND,
    UPLOAD: _SEND,
    f"{API}/upload_progress": _READ,
}
# Also allowed if the API is served as MCP tools (`--mcp`).
_MCP_METHODS = ("GET", "HEAD", "POST", "DELETE")
MCP_ROUTES: dict[str, tuple[str, ...]] = {
    f"{API}/mcp": _MCP_METHODS,
    f"{API}/mcp/{{rest:path}}": _MCP_METHODS,
}
_COMPILED = [
    (compile_path(path)[0], path, methods) for path, methods in (ROUTES | MCP_ROUTES).items()
]


def path_of(scope: Scope) -> str:
    """Return the path of a request, relative to the root of the app."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def route_of(scope: Scope) -> str | None:
    """Return the key of `ROUTES` or `MCP_ROUTES` that allows a request; None if none does."""
    path = path_of(scope)
    for pattern, name, methods in _COMPILED:
        if scope["method"] in methods and pattern.match(path):
            return name if name != FILE or is_own_file(path.partition("=")[2]) else None
    return None


def is_own_file(path: object) -> bool:
    """Return whether a path is a file that was uploaded or written here.

    Gradio would fetch an address for anybody, and follows symlinks to any file.
    """
    if not isinstance(path, str):
        return False
    try:
        return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError, RuntimeError):
        return False


class AllowedRoutes:
    """ASGI middleware that answers 404 to requests on other routes than the allowed ones."""

    def __init__(self, app: ASGIApp, serves_agents: bool = False) -> None:
        """Wrap an app.

        Args:
            app: The app.
            serves_agents: Whether to allow `MCP_ROUTES`, too.
        """
        self._app = app
        self._allowed = ROUTES | MCP_ROUTES if serves_agents else ROUTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on allowed requests, refuse all others."""
        is_allowed = scope["type"] == "http" and route_of(scope) in self._allowed
        if scope["type"] == "lifespan" or is_allowed:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await JSONResponse({"detail": "Not found"}, status_code=404)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})


class Healthz:
    """ASGI middleware that answers ``/healthz``: by 503 if the worker has failed."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app whose page is a `demos.page.guards.blocks.GuardedPage`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at ``/healthz`` and pass everything else on."""
        if scope["type"] != "http" or path_of(scope) != HEALTH:
            await self._app(scope, receive, send)
            return
        found = scope["app"].get_blocks().health()
        status = 503 if found["worker"] == "failed" else 200
        answer = JSONResponse(found, status_code=status, headers={"cache-control": "no-store"})
        await answer(scope, receive, send)


class LocalOnly:
    """ASGI middleware that refuses requests from other sites and for other hosts.

    It guards a page that runs code. A browser sends requests for any open tab, and an attacker's
    domain may resolve to this machine; such requests have another ``Host`` or ``Origin``.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests from this machine, refuse all others."""
        if scope["type"] == "lifespan" or _is_local(Headers(scope=scope)):
            await self._app(scope, receive, send)
        else:
            refusal = PlainTextResponse("This page is for its own machine only.", status_code=403)
            await refusal(scope, receive, send)


def _is_local(headers: Headers) -> bool:
    places = [f"//{headers.get('host', '')}"]
    if "origin" in headers:
        places.append(headers["origin"])
    return all(_host(place) in LOCAL_HOSTS for place in places)


def _host(place: str) -> str | None:
    try:
        return urlsplit(place).hostname
    except ValueError:
        return None
