"""The guards in their order: what is written down is what was answered, whoever answered it."""

from __future__ import annotations

from starlette.middleware import Middleware

from demos.page.guards.bodies import Intake
from demos.page.guards.headers import SafeHeaders
from demos.page.guards.health import Healthz
from demos.page.guards.request_log import RequestLog
from demos.page.guards.routes import Doors


def guards(upload_bytes: int, serves_agents: bool = False) -> list[Middleware]:
    """Return the middleware between the network and the page, outermost first.

    Args:
        upload_bytes: The most that an upload may have.
        serves_agents: Whether the API is served as tools for agents, too.
    """
    return [
        Middleware(RequestLog),
        Middleware(SafeHeaders),
        Middleware(Healthz),
        Middleware(Doors, serves_agents=serves_agents),
        Middleware(Intake, upload_bytes=upload_bytes),
    ]
