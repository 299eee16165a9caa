"""Prints how soon ``/healthz`` answers while the worker measures, and what the guards cost.

Run: ``python -m benchmarks.watching``. The app is started for it. What the guards cost is the time
of an answer through them over that of the same answer without them, both made in this process.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demos.page.guards import middleware
from tests.harness.launching import running_app

REQUESTS = 500
_JOIN = "/gradio_api/queue/join"


def main() -> None:
    """Measure and print."""
    with running_app("--device", "cpu") as app, httpx.Client(base_url=app.url.rstrip("/")) as http:
        _wait(http, "worker", "ready")
        idle = _times(lambda: http.get("/healthz"))
        stop = _measure_something(http)
        _wait(http, "running", 1)
        busy = _times(lambda: http.get("/healthz"))
        still = http.get("/healthz").json()["running"]
        http.post("/gradio_api/cancel", json=stop)
    print(f"/healthz idle: {_said(idle)}")
    print(f"/healthz while the worker measures ({still} running at the end): {_said(busy)}")
    body = {"data": ["x" * 1000] * 14, "fn_index": 1, "session_hash": "x"}
    clients = [TestClient(_app([])), TestClient(_app(middleware(2**30)))]
    rounds = [
        [_time(lambda c=c: c.post(_JOIN, json=body)) for c in clients] for _ in range(REQUESTS)
    ]
    plain, guarded = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"guards: {(guarded - plain) * 1e3:.2f} ms a request ({guarded / plain:.2f}×)")


def _app(middleware: list[Middleware]) -> Starlette:
    async def taken(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    return Starlette(routes=[Route(_JOIN, taken, methods=["POST"])], middleware=middleware)


def _measure_something(http: httpx.Client) -> dict[str, Any]:
    """Ask for a comparison that takes a while; return what stops it."""
    events = http.get("/config").json()["dependencies"]
    event = next(each for each in events if each["api_name"] == "show_compare")
    branches, how = ["attached", "detach"], [["eager"], "float32", "cpu", 20.0]
    values = [None, "frozen_backbone", branches, "1024", *how]
    data = [*values, False, False, *[8] * (len(event["inputs"]) - 10)]
    asked = {"data": data, "fn_index": event["id"], "session_hash": "watching"}
    taken = http.post(_JOIN, json=asked).json()["event_id"]
    return {"session_hash": "watching", "fn_index": event["id"], "event_id": taken}


def _wait(http: httpx.Client, name: str, value: object) -> None:
    deadline = time.monotonic() + 60
    while http.get("/healthz").json()[name] != value:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name} did not become {value}: {http.get('/healthz').text}")
        time.sleep(0.05)


def _time(act: Any) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _times(act: Any) -> list[float]:
    return [_time(act) for _ in range(REQUESTS)]


def _said(times: list[float]) -> str:
    ordered = sorted(times)
    high = ordered[int(0.99 * len(ordered))]
    return f"{statistics.median(times) * 1e3:.1f} ms (median), {high * 1e3:.1f} ms (99%)"


if __name__ == "__main__":
    main()
