"""Keeps other sites out of a page that runs code.

A browser sends what any open tab asks it to, and an attacker's name may be made to point to this
machine; a request that comes that way names another host or origin than this machine's own.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


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
