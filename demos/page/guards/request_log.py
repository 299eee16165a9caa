"""One line of JSON for each request and each event: what, how long, how it ended.

Nothing of what a visitor sent is in it: a route is named as in `doors.OPEN`, without its values.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demos.page.guards.routes import door

LOGGER = "detach_lab.requests"
# So many for each page that only who looks for them wants to see them.
_PARTS_OF_A_PAGE = ("/assets/", "/static/")

_log = logging.getLogger(LOGGER)


def to_stderr() -> None:
    """Write the lines to standard error, as they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False


def write(what: str, started: float, outcome: str, level: int = logging.INFO, **more: int) -> None:
    """Write a line.

    Args:
        what: The event, or the method and the route.
        started: `time.monotonic` of its beginning.
        outcome: ``ok``, ``refused``, ``failed`` or ``cut off``.
        level: How much it matters.
        more: Numbers that go with it.
    """
    if _log.isEnabledFor(level):
        took = round(time.monotonic() - started, 4)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"at": at, "what": what, "took_s": took, "outcome": outcome, **more}
        _log.log(level, json.dumps(line))


class RequestLog:
    """ASGI middleware that writes a line for each request when it is over."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app.

        Args:
            app: The app whose requests are written down.
        """
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, whole = time.monotonic(), 0, False

        async def note(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body":
                whole = not message.get("more_body", False)

        try:
            await self._app(scope, receive, note)
        finally:
            route = door(scope) or "unknown"
            level = logging.DEBUG if route.startswith(_PARTS_OF_A_PAGE) else logging.INFO
            what = f"{scope['method']} {route}" if route != "unknown" else route
            write(what, started, _outcome(status, whole), level, status=status)


def _outcome(status: int, whole: bool) -> str:
    if not whole:
        return "cut off"
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 else "ok"
