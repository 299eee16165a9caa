"""Launches the page with a worker that never gets ready, and prints what it then is and answers.

It is run as a process of its own: a page leaves event loops behind.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import httpx

from demos.tabs.page import build, launch_options
from profiling.engine.engine import Engine
from profiling.engine.executors import InlineExecutor
from tests.e2e.launching import free_port


class NeverReady(InlineExecutor):
    """Takes jobs and never does one, as a worker that is still starting."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


def walk(routes: list[Any]) -> Iterator[Any]:
    """Yield routes, those of routers within as well."""
    for route in routes:
        inner = getattr(route, "original_router", route)
        if hasattr(inner, "routes"):
            yield from walk(inner.routes)
        else:
            yield route


def main() -> None:
    engine = Engine("cpu", NeverReady())
    page = build(engine)
    options = launch_options()
    app, url, _ = page.launch(
        server_port=free_port(), prevent_thread_lock=True, quiet=True, **options
    )
    routes = [(route.path, sorted(route.methods or ())) for route in walk(app.routes)]
    answers = {path: httpx.get(f"{url}{path}").text for path in ("healthz", "")}
    print(json.dumps({"routes": routes, "health": answers["healthz"], "page": answers[""][:15]}))
    engine.close()


if __name__ == "__main__":
    main()
    # What Gradio leaves running is none of this test's business.
    os._exit(0)
