"""Keeps other sites out of a page that runs code.

A browser sends what any open tab asks it to, and an attacker's name may be made to point to this
machine; a request that comes that way names another host or origin than this machine's own.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

_READ = ("GET", "HEAD")
_SEND = ("POST",)
API = "/gradio_api"
FILE = f"{API}/file={{path:path}}"
UPLOAD = f"{API}/upload"
RUN = f"{API}/run/{{name}}"
HEALTH = "/healthz"

# What is open, and to which methods. Why each is safe stands in SECURITY.md's table.
OPEN: dict[str, tuple[str, ...]] = {
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
# Open as well where the API is served as tools for agents (`--mcp`).
_TALK = ("GET", "HEAD", "POST", "DELETE")
AGENTS: dict[str, tuple[str, ...]] = {f"{API}/mcp": _TALK, f"{API}/mcp/{{rest:path}}": _TALK}
_COMPILED = [(compile_path(path)[0], path, methods) for path, methods in (OPEN | AGENTS).items()]
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def path_of(scope: Scope) -> str:
    """Return a request's path below where the app is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def door(scope: Scope) -> str | None:
    """Return the route by which a request may get through, as named in `OPEN` or `AGENTS`."""
    path = path_of(scope)
    for pattern, name, methods in _COMPILED:
        if scope["method"] in methods and pattern.match(path):
            return name if name != FILE or is_ours(path.partition("=")[2]) else None
    return None


def is_ours(path: object) -> bool:
    """Tell a file that was uploaded or made here from any other path, and from an address.

    Gradio would fetch an address for whoever asks, and does not look where a symlink leads.
    """
    if not isinstance(path, str):
        return False
    try:
        return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError, RuntimeError):
        return False


class Doors:
    """ASGI middleware that answers 404 to everything that is not open."""

    def __init__(self, app: ASGIApp, serves_agents: bool = False) -> None:
        """Wrap an app.

        Args:
            app: The app to guard.
            serves_agents: Whether what is in `AGENTS` is open, too.
        """
        self._app = app
        self._open = OPEN | AGENTS if serves_agents else OPEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is open."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and door(scope) in self._open):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await JSONResponse({"detail": "Not found"}, status_code=404)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})


class OwnersOnly:
    """ASGI middleware that answers only what this machine's own pages and scripts ask."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app.

        Args:
            app: The app to guard.
        """
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what names this machine, refuse everything else."""
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
