"""Checks size and content of request bodies before Gradio reads them.

POST routes only accept a request; the work is done later, from a queue. An error in them is
therefore the fault of the request and is answered by 400 without details, where Gradio would answer
500 and log a traceback.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import msgspec
from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demos.page.guards.routes import RUN, UPLOAD, is_own_file, route_of
from profiling.engine.files import Limits, keep_within
from profiling.model.words import translator

JSON_BYTES = 2 * 2**20
# Size of a form without its file.
_FORM_BYTES = 2**16
_MAX_DEPTH = 40
_LEAST_FREE_BYTES = 2**30
# Uploads and downloads; Gradio itself deletes files after an hour.
_UPLOAD_LIMITS = Limits(entries=10_000, total_bytes=8 * 2**30, age_s=2 * 3600.0)
# Gradio keeps the names of sessions in memory; those of browsers have about a dozen characters.
_SESSION_CHARACTERS = 128
_FILE_KEY = "gradio.FileData"

_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A request that is refused; `args` are the status and the locale key of the reason."""


class BodyLimits:
    """ASGI middleware that limits request bodies and answers invalid ones."""

    def __init__(self, app: ASGIApp, upload_bytes: int, json_bytes: int = JSON_BYTES) -> None:
        """Wrap an app.

        Args:
            app: The app.
            upload_bytes: Largest size of an upload.
            json_bytes: Largest size of any other body.
        """
        self._app = app
        self._upload_bytes = upload_bytes
        self._json_bytes = json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the body, and answer instead of the app if it is refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start" and message["status"] == 500:
                # `GuardedPage` has described the error of an event outside of the queue.
                message["status"] = 400 if route_of(scope) == RUN else 500
            await send(message)

        try:
            await self._app(scope, await self._checked(scope, receive), watch)
        except _RefusedError as refusal:
            answer = _answer(scope, *refusal.args)
        except Exception as error:
            answer = _failure(scope, error)
        else:
            return
        if begun:
            # The stream of an unknown session; Gradio has written the reason into it.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await answer(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        if scope["method"] != "POST":
            return receive
        if route_of(scope) == UPLOAD:
            # Reads the sizes of all kept files.
            await run_in_threadpool(_check_upload, scope, self._upload_bytes)
            return _limited(receive, self._upload_bytes + _FORM_BYTES)
        _check_length(scope, self._json_bytes)
        body = await _read_body(_limited(receive, self._json_bytes))
        _check_json(body)
        return _replay(body, receive)


def _check_length(scope: Scope, most: int) -> int:
    """Return the content length of a request, 0 if it has none."""
    announced = Request(scope).headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdecimal()):
        raise _RefusedError(400, "refused.request")
    if int(announced) > most:
        raise _RefusedError(413, "refused.too_large")
    return int(announced)


def _check_upload(scope: Scope, most: int) -> None:
    length = _check_length(scope, most + _FORM_BYTES)
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    keep_within(folder, _UPLOAD_LIMITS._replace(total_bytes=_UPLOAD_LIMITS.total_bytes - length))
    if shutil.disk_usage(folder).free - length < _LEAST_FREE_BYTES:
        raise _RefusedError(507, "refused.no_room")


def _limited(receive: Receive, most: int) -> Receive:
    left = most

    async def take() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _RefusedError(413, "refused.too_large")
        return message

    return take


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RefusedError(400, "refused.request")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `Receive` that repeats a body that was read already."""
    given = False

    async def take() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return take


def _check_json(body: bytes) -> None:
    """Refuse a body that is no JSON object, is nested too deeply, or names a foreign file.

    Gradio would fetch a file from any address, of any size, anywhere inside a value.
    """
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusedError(400, "refused.json") from error
    if not isinstance(decoded, dict):
        raise _RefusedError(400, "refused.json")
    if len(str(decoded.get("session_hash"))) > _SESSION_CHARACTERS:
        raise _RefusedError(400, "refused.request")
    level: list[Any] = [decoded]
    for _ in range(_MAX_DEPTH):
        if any(_is_foreign_file(value) for value in level):
            raise _RefusedError(400, "refused.file")
        level = [inner for value in level for inner in _children(value)]
    if level:
        raise _RefusedError(400, "refused.json")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_foreign_file(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("meta"), dict):
        return False
    return value["meta"].get("_type") == _FILE_KEY and not is_own_file(value.get("path"))


def _failure(scope: Scope, error: Exception) -> Response:
    """Return the answer to an unexpected error: 400 for a POST request, else 500."""
    if scope["method"] == "POST":
        _log.info("a request was refused: %s at %s", type(error).__name__, route_of(scope))
        return _answer(scope, 400, "refused.request")
    if not isinstance(error.__cause__ or error, HTTPException):
        _log.error("a request failed", exc_info=error)
    return _answer(scope, 500, "refused.failed")


def _answer(scope: Scope, status: int, key: str) -> Response:
    sentence = translator(Request(scope).cookies.get("lang"))(key)
    # The page shows the answer to an upload as plain text.
    if route_of(scope) == UPLOAD:
        return PlainTextResponse(sentence, status_code=status)
    return JSONResponse({"detail": sentence}, status_code=status)
