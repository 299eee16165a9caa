"""What is sent is bounded and checked before anybody reads it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from demos.page.guards import bodies, middleware
from demos.page.guards.bodies import JSON_BYTES, BodyLimits
from demos.page.guards.routes import AllowedRoutes
from profiling.model.words import translator

_MOST = 100_000
_JOIN = "/gradio_api/queue/join"
_UPLOAD = "/gradio_api/upload"


async def _echo(request: Request) -> PlainTextResponse:
    body = await request.body()
    if body == b'{"data": "fail"}':
        raise KeyError("/home/somebody/secret.py")
    return PlainTextResponse(f"{len(body)} bytes")


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    routes = [Route(path, _echo, methods=["GET", "POST"]) for path in (_JOIN, _UPLOAD, "/config")]
    guarded = [Middleware(AllowedRoutes), Middleware(BodyLimits, upload_bytes=_MOST)]
    app = Starlette(routes=routes, middleware=guarded)
    return TestClient(app, raise_server_exceptions=False)


def _said(key: str, language: str = "en") -> str:
    return translator(language)(key)


def test_what_fits_comes_through_whole(client: TestClient) -> None:
    body = json.dumps({"data": ["é" * 1000, {"path": "x"}, [[1.5, None]]]}).encode()
    assert client.post(_JOIN, content=body).text == f"{len(body)} bytes"
    assert client.post(_JOIN, content=b"{}".ljust(JSON_BYTES)).text == f"{JSON_BYTES} bytes"
    assert client.post(_UPLOAD, content=b"x" * _MOST).text == f"{_MOST} bytes"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"data": NaN}',
        b'{"data": 1e999}',
        b'{"data": "\\ud800"}',
        b'{"data": "\xff"}',
        b'{"data": ' + b"[" * 50 + b"]" * 50 + b"}",
        b'{"data": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_plain_json_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post(_JOIN, content=body)
    assert (answer.status_code, answer.json()) == (400, {"detail": _said("refused.json")})


def test_what_is_too_long_is_refused_whether_it_says_so_or_not(client: TestClient) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        yield from (b" " * 2**16 for _ in range(count))

    too_long = _said("refused.too_large")
    announced = client.post(_JOIN, content=b" " * (JSON_BYTES + 1))
    assert (announced.status_code, announced.json()) == (413, {"detail": too_long})
    assert client.post(_JOIN, content=pieces(JSON_BYTES // 2**16 + 1)).status_code == 413
    announced = client.post(_UPLOAD, content=b" " * (_MOST + 2**16 + 1))
    assert (announced.status_code, announced.text) == (413, too_long)
    assert client.post(_UPLOAD, content=pieces(3)).status_code == 413


@pytest.mark.parametrize("length", ["-1", "x", "1.5", "٣"])
def test_a_length_that_is_none_is_refused(client: TestClient, length: str) -> None:
    headers = {b"content-length": length.encode("utf-8")}
    answer = client.post(_JOIN, content=b"{}", headers=headers)
    assert answer.status_code == 400


class _Disk(NamedTuple):
    free: int


def test_uploads_leave_room_on_the_disk(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Disk(2**30 + 5))
    assert client.post(_UPLOAD, content=b"12345").status_code == 200
    answer = client.post(_UPLOAD, content=b"123456", headers={"cookie": "lang=zh"})
    assert (answer.status_code, answer.text) == (507, _said("refused.no_room", "zh"))


def test_uploads_make_room_for_new_ones(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (tmp_path / name / "a.json" for name in ("old", "new"))
    for path, ago_s in ((old, 60), (new, 0)):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 100)
        then = time.time() - ago_s
        os.utime(path.parent, (then, then))
    monkeypatch.setattr(bodies, "_UPLOAD_LIMITS", bodies._UPLOAD_LIMITS._replace(total_bytes=250))
    assert client.post(_UPLOAD, content=b"x" * 50).status_code == 200
    assert (old.exists(), new.exists()) == (True, True)
    assert client.post(_UPLOAD, content=b"x" * 51).status_code == 200
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("file", "is_fine"),
    [
        ({"path": "{folder}/x/run.json"}, True),
        ({"path": "{folder}/../passwd"}, False),
        ({"path": "/etc/passwd"}, False),
        ({"path": "http://127.0.0.1:1/"}, False),
        ({"path": "run.json"}, False),
        ({"path": "{folder}/\0"}, False),
        ({"path": 5}, False),
        ({}, False),
    ],
)
def test_a_file_is_one_that_lies_here(
    client: TestClient, tmp_path: Path, file: dict[str, Any], is_fine: bool
) -> None:
    meta = {"meta": {"_type": "gradio.FileData"}, "url": "http://127.0.0.1:1/"}
    given = {name: str(value).format(folder=tmp_path) for name, value in file.items()}
    named = (file if file.get("path") == 5 else given) | meta
    for value in (named, [named], {"deep": {"down": [named]}}):
        answer = client.post(_JOIN, json={"data": [value]})
        assert answer.status_code == (200 if is_fine else 400)
        assert is_fine or answer.json() == {"detail": _said("refused.file")}


def test_what_gradio_did_not_expect_is_told_without_detail(client: TestClient) -> None:
    answer = client.post(_JOIN, content=b'{"data": "fail"}')
    assert (answer.status_code, answer.json()) == (400, {"detail": _said("refused.request")})


def test_a_session_has_a_short_name(client: TestClient) -> None:
    assert client.post(_JOIN, json={"session_hash": "x" * 128}).status_code == 200
    assert client.post(_JOIN, json={"session_hash": "x" * 129}).status_code == 400


def test_a_fault_of_the_page_s_own_stays_one(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: Request) -> PlainTextResponse:
        raise KeyError("/home/somebody/secret.py")

    app = Starlette(routes=[Route("/config", broken)], middleware=middleware(_MOST))
    answer = TestClient(app, raise_server_exceptions=False).get("/config")
    assert (answer.status_code, answer.json()) == (500, {"detail": _said("refused.failed")})
    assert "secret.py" in caplog.text
