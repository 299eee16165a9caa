"""Sends a running app rubbish and judges how it was answered.

All events are sent to, private ones too: by the queue, by name, and past the queue.
Found is an answer 500 and up, one that does not come, one that says that the fault is ours or shows
a path or a traceback, a worker that dies, and a traceback in the app's own output.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, NamedTuple

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from profiling.model.words import table
from tests.harness.launching import ROOT, App
from tests.harness.rubbish import File, Sent, uploads
from tests.harness.rubbish import sent as sent_strategy

PATIENCE_S = 120.0
_OURS = ("refused.failed", "error.worker_died", "error.worker_late", "error.worker_failed")
_LEAKS = ("Traceback (most recent call last)", "site-packages", str(ROOT), "detach-lab-")


class Answer(NamedTuple):
    """How something was answered.

    Attributes:
        kind: ``done``, ``refused``, ``busy``, ``failed`` or ``late``.
        took_s: Seconds until it was.
        status: Of the answer to what was sent.
        text: What was answered, if it was not done.
    """

    kind: str
    took_s: float
    status: int
    text: str = ""


class Fuzzer:
    """Sends things and keeps the answers.

    Attributes:
        answers: All of them, by what was sent.
        found: What should not be, in words.
        health: What the app said of itself at the end.
    """

    def __init__(self, url: str) -> None:
        """Learn what the app offers, and upload files to name in what is sent."""
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_S)
        config = self._http.get("/config").json()
        self._components = {each["id"]: each for each in config["components"]}
        self._events = config["dependencies"]
        self._files = [File(self._upload(name, data), name) for name, data in uploads()]
        self.answers: list[tuple[str, Answer]] = []
        self.found: list[str] = []
        self.health: dict[str, Any] = {}

    def strategy(self) -> st.SearchStrategy[Sent]:
        """Return what is sent: an event's inputs, some of them fit, in one of several ways."""
        return sent_strategy(self._events, self._components, self._files)

    def send(self, sent: Sent) -> Answer:
        """Send something, wait for the answer and judge it."""
        session = secrets.token_hex(8)
        body = sent.body.replace(b"SESSION", session.encode())
        start = time.monotonic()
        try:
            kind, status, text = self._answered(sent.path, body, session)
        except httpx.TimeoutException:
            kind, status, text = "late", 0, ""
        answer = Answer(kind, time.monotonic() - start, status, text)
        self.answers.append((sent.what, answer))
        fault = _fault(answer)
        if fault:
            shown = body[:300].decode(errors="replace")
            self.found.append(f"{fault}: {sent.what} {sent.path} {shown} → {status} {text[:300]}")
        return answer

    def _answered(self, path: str, body: bytes, session: str) -> tuple[str, int, str]:
        taken = self._http.post(path, content=body, headers={"content-type": "application/json"})
        if taken.status_code == 503:
            return "busy", 503, ""
        if taken.status_code != 200:
            return "refused", taken.status_code, taken.text
        event = taken.json().get("event_id")
        if event is None:
            return "done", 200, ""
        if not path.endswith("/queue/join"):
            return *self._called(path, event), ""
        return self._streamed(session)

    def _called(self, path: str, event: str) -> tuple[str, int]:
        answer = self._http.get(f"{path}/{event}")
        kind = "refused" if "event: error" in answer.text else "done"
        return kind, answer.status_code

    def _streamed(self, session: str) -> tuple[str, int, str]:
        deadline = time.monotonic() + PATIENCE_S
        url = "/gradio_api/queue/data"
        with self._http.stream("GET", url, params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                if time.monotonic() > deadline:
                    break
                if "unexpected_error" in line:
                    return "refused", 200, line
                if "process_completed" in line:
                    said = json.loads(line.removeprefix("data: "))
                    kind = "done" if said["success"] else "refused"
                    return kind, 200, json.dumps(said["output"], ensure_ascii=False)
        return "late", 200, ""

    def _upload(self, name: str, data: bytes) -> str:
        path: str = self._http.post("/gradio_api/upload", files={"files": (name, data)}).json()[0]
        return path

    def close(self) -> None:
        """Ask how the app is, and leave it."""
        self.health = self._http.get("/healthz").json()
        self._http.close()


def _fault(answer: Answer) -> str:
    if answer.kind == "late":
        return "no answer"
    if answer.status >= 500 and answer.kind != "busy":
        return "server error"
    said = [key for key in _OURS if _start(key) in answer.text]
    if said:
        return said[0]
    if answer.kind == "refused":
        leaks = [each for each in _LEAKS if each in answer.text]
        empty = '"error": null' in answer.text
        return "leak" if leaks else "no word said" if empty else ""
    return ""


def _start(key: str) -> str:
    return table("en")[key].split("{")[0]


def fuzz(app: App, inputs: int, start: int | None = None) -> Fuzzer:
    """Send so many inputs.

    Args:
        app: A running app.
        inputs: How many.
        start: What to begin with; the same inputs come each time unless given.
    """
    fuzzer = Fuzzer(app.url.rstrip("/"))

    def send(sent: Sent) -> None:
        fuzzer.send(sent)

    test = settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        derandomize=start is None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(given(fuzzer.strategy())(send))
    (test if start is None else seed(start)(test))()
    fuzzer.close()
    return fuzzer
