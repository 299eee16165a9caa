"""Asks the app for things as a browser does, and for those that no browser would ask for."""

from __future__ import annotations

import http.client
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.harness.launching import App
from tests.harness.visiting import PATIENCE_S


def raw(app: App, method: str, path: str) -> tuple[int, bytes]:
    """Ask for a path as it stands; other clients would tidy it up first."""
    place = urlsplit(app.url)
    assert place.hostname is not None
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_host=False)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def upload(http: httpx.Client, name: str, data: bytes) -> dict[str, Any]:
    """Upload a file and return how an event names it."""
    answer = http.post("/gradio_api/upload", files={"files": (name, data)})
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def events(http: httpx.Client) -> list[dict[str, Any]]:
    """Return all events of the app, private ones too."""
    answer = http.get("/config")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["dependencies"]
    return found


def ask(
    http: httpx.Client, event: dict[str, Any], data: list[Any], session: str | None = None
) -> tuple[bool, str]:
    """Ask for an event; return whether it was done, and all that was answered."""
    session = session or secrets.token_hex(8)
    body = {"data": data, "fn_index": event["id"], "session_hash": session}
    taken = http.post("/gradio_api/queue/join", json=body)
    if taken.status_code != 200:
        return False, taken.text
    said = ""
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            said += line
            if "process_completed" in line:
                return bool(json.loads(line.removeprefix("data: "))["success"]), said
    raise AssertionError(said)
