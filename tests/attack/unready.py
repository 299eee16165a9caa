"""Launches the page with a worker that never gets ready, and prints what it then is and answers.

It is run as a process of its own: a page leaves event loops behind.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import httpx
from gradio import networking

from demos.page.page import build, launch_options
from profiling.engine.engine import Engine
from profiling.engine.process import InlineExecutor
from tests.harness.launching import free_port
from tests.harness.visiting import PATIENCE_S


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


def looks_per_s(queue: Any) -> float:
    """Return how often Gradio's idle queue looks for work, which it does by its length."""
    length, looks, begin = queue.__len__, 0, time.monotonic()

    def counted(self: Any) -> int:
        nonlocal looks
        looks += 1
        found: int = length(self)
        return found

    queue.__len__ = counted
    while looks < 2 or time.monotonic() - begin < 1.0:
        time.sleep(0.1)
    queue.__len__ = length
    return looks / (time.monotonic() - begin)


def main() -> None:
    networking.url_ok = lambda url: False  # as where the page takes long to answer
    engine = Engine("cpu", NeverReady())
    page = build(engine)
    options = launch_options()
    app, url, _ = page.launch(
        server_port=free_port(), prevent_thread_lock=True, quiet=True, **options
    )
    routes = [(route.path, sorted(route.methods or ())) for route in walk(app.routes)]
    answers = {path: httpx.get(f"{url}{path}", timeout=PATIENCE_S).text for path in ("healthz", "")}
    looks = looks_per_s(type(page._queue))
    told = {"health": answers["healthz"], "page": answers[""][:15], "looks_per_s": looks}
    assert engine.environment(0.0) is None
    print(json.dumps({"routes": routes} | told))
    engine.close()


if __name__ == "__main__":
    main()
    # What Gradio leaves running is none of this test's business.
    os._exit(0)
