"""Stands in for ZeroGPU's device API, which the package `spaces` asks for a GPU by HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Call(NamedTuple):
    """What was asked for, such as ``"/schedule"``, and with what."""

    path: str
    asked: dict[str, str]


class DeviceApi(ThreadingHTTPServer):
    """Lends one GPU to whoever has the quota for it.

    Attributes:
        calls: All that was asked of it.
        left_s: Each visitor's quota in seconds, which no call uses up.
        wait_s: In how many seconds it is said to rise.
        reuses: Whether a process that had the GPU before may be used again.
        lends: Whoever asks waits while this is not set.
    """

    daemon_threads = True

    def __init__(self, left_s: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[Call] = []
        self.left_s, self.wait_s = left_s, 3 * 3600 + 21 * 60 + 10
        self.reuses = True
        self.lends = threading.Event()
        self.lends.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: DeviceApi

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        asked = dict(parse_qsl(url.query))
        api = self.server
        api.calls.append(Call(url.path, asked))
        api.lends.wait()
        if url.path == "/schedule" and int(asked["durationSeconds"]) > api.left_s:
            self._answer(429, {"left": api.left_s, "wait": api.wait_s})
        else:
            lent = {"nvidiaIndex": 0, "nvidiaUUID": "0", "allowToken": "token"}
            self._answer(200, {"idle": api.reuses, **lent})

    def _answer(self, status: int, answer: dict[str, object]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""
