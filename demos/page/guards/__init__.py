"""Middleware between the network and the page: allowed routes, limits of requests, headers."""

from __future__ import annotations

from starlette.middleware import Middleware

from demos.page.guards.bodies import BodyLimits
from demos.page.guards.headers import SecurityHeaders
from demos.page.guards.request_log import RequestLog
from demos.page.guards.routes import AllowedRoutes, Healthz


def middleware(upload_bytes: int, serves_agents: bool = False) -> list[Middleware]:
    """Return the middleware, outermost first; the log includes the answers of all others.

    Args:
        upload_bytes: Largest size of an upload.
        serves_agents: Whether the API is also served as MCP tools.
    """
    return [
        Middleware(RequestLog),
        Middleware(SecurityHeaders),
        Middleware(Healthz),
        Middleware(AllowedRoutes, serves_agents=serves_agents),
        Middleware(BodyLimits, upload_bytes=upload_bytes),
    ]
