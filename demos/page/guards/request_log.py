"""Logs a line of JSON for each request and each event: name, duration and outcome.

A line contains nothing that a visitor sent: routes are named as in `routes.ROUTES`, without values.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demos.page.guards.routes import route_of

LOGGER = "detach_lab.requests"
# Each page requests many of these, so they are logged at a lower level.
_PAGE_FILES = ("/assets/", "/static/")

_log = logging.getLogger(LOGGER)


def to_stderr() -> None:
    """Write the lines to standard error, without a prefix."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False


def write(what: str, started: float, outcome: str, level: int = logging.INFO, **more: int) -> None:
    """Write a line.

    Args:
        what: The event, or the method and the route.
        started: Its start by `time.monotonic`.
        outcome: ``ok``, ``refused``, ``failed`` or ``cut off``.
        level: Logging level.
        more: Further numbers.
    """
    if _log.isEnabledFor(level):
        took = round(time.monotonic() - started, 4)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"at": at, "what": what, "took_s": took, "outcome": outcome, **more}
        _log.log(level, json.dumps(line))


class RequestLog:
    """ASGI middleware that logs each request when it has ended."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log its outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, whole = time.monotonic(), 0, False

        async def watch(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body":
                whole = not message.get("more_body", False)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = route_of(scope) or "unknown"
            level = logging.DEBUG if route.startswith(_PAGE_FILES) else logging.INFO
            what = f"{scope['method']} {route}" if route != "unknown" else route
            write(what, started, _outcome(status, whole), level, status=status)


def _outcome(status: int, whole: bool) -> str:
    if not whole:
        return "cut off"
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 else "ok"
