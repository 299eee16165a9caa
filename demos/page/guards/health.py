"""The health of the app, at ``/healthz``; answered at any time, without waiting."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from demos.page.guards.routes import HEALTH, path_of
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError


def health(engine: Engine, waiting: int, running: int) -> dict[str, Any]:
    """Return the current health.

    Args:
        engine: The engine.
        waiting: Number of events in the queue.
        running: Number of events that are running.

    Returns:
        ``worker`` is ``starting``, ``ready`` or ``failed``; ``device`` is the device, None
        while it is unknown.
    """
    state, device = "starting", None
    try:
        environment = engine.known()
        if environment is not None:
            state, device = "ready", environment.devices[0].spec
    except DetachLabError:
        state = "failed"
    return {
        "web": "up",
        "worker": state,
        "device": device,
        "waiting": waiting,
        "running": running,
    }


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
