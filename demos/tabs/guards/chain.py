"""The guards in their order: what is written down is what was answered, whoever answered it."""

from __future__ import annotations

from starlette.middleware import Middleware

from demos.tabs.guards.doors import Doors
from demos.tabs.guards.headers import SafeHeaders
from demos.tabs.guards.health import Healthz
from demos.tabs.guards.intake import Intake
from demos.tabs.guards.request_log import RequestLog


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
