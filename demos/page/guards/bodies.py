"""What may be sent: sizes and shapes are checked before Gradio reads a byte of it.

The open POST routes only take something in; the work is done later, from a queue. What goes wrong
while they do so is therefore the request's fault, and it is told so without detail (400) where
Gradio would answer 500 and print a traceback.
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

from demos.page.guards.routes import RUN, UPLOAD, door, is_ours
from profiling.engine.keeping import Limits, keep_within
from profiling.model.words import translator

JSON_BYTES = 2 * 2**20
# What a form may have around its file.
_FORM_BYTES = 2**16
_MAX_DEPTH = 40
_LEAST_FREE_BYTES = 2**30
# Uploads and what the page offers; Gradio itself deletes what is an hour old.
_KEPT = Limits(entries=10_000, total_bytes=8 * 2**30, age_s=2 * 3600.0)
# Gradio keeps a session's name for as long as it can; browsers make up about a dozen letters.
_SESSION_CHARACTERS = 128
_FILE_KEY = "gradio.FileData"

_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A request that is not passed on; `args` are the status and the key of the sentence."""


class Intake:
    """ASGI middleware that bounds what is sent and answers what cannot be taken."""

    def __init__(self, app: ASGIApp, upload_bytes: int, json_bytes: int = JSON_BYTES) -> None:
        """Wrap an app.

        Args:
            app: The app to guard.
            upload_bytes: The most that an upload may have.
            json_bytes: The most that any other body may have.
        """
        self._app = app
        self._upload_bytes = upload_bytes
        self._json_bytes = json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check what is sent, and answer in the app's place if that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start" and message["status"] == 500:
                # An event outside of the queue has said what was wrong: `GuardedPage` sees to it.
                message["status"] = 400 if door(scope) == RUN else 500
            await send(message)

        try:
            await self._app(scope, await self._checked(scope, receive), note)
        except _RefusedError as refusal:
            answer = _answer(scope, *refusal.args)
        except Exception as error:
            answer = _failure(scope, error)
        else:
            return
        if begun:
            # The stream of a session that nobody knows: Gradio has said so in it already.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await answer(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        if scope["method"] != "POST":
            return receive
        if door(scope) == UPLOAD:
            # It looks at every file that is kept.
            await run_in_threadpool(_check_room, scope, self._upload_bytes)
            return _bounded(receive, self._upload_bytes + _FORM_BYTES)
        _check_length(scope, self._json_bytes)
        body = await _body(_bounded(receive, self._json_bytes))
        _check_json(body)
        return _replayed(body, receive)


def _check_length(scope: Scope, most: int) -> int:
    """Return the length that a request announces; 0 if it announces none."""
    announced = Request(scope).headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdecimal()):
        raise _RefusedError(400, "refused.request")
    if int(announced) > most:
        raise _RefusedError(413, "refused.too_large")
    return int(announced)


def _check_room(scope: Scope, most: int) -> None:
    length = _check_length(scope, most + _FORM_BYTES)
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    keep_within(folder, _KEPT._replace(total_bytes=_KEPT.total_bytes - length))
    if shutil.disk_usage(folder).free - length < _LEAST_FREE_BYTES:
        raise _RefusedError(507, "refused.no_room")


def _bounded(receive: Receive, most: int) -> Receive:
    left = most

    async def take() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _RefusedError(413, "refused.too_large")
        return message

    return take


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RefusedError(400, "refused.request")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, and then whatever comes after it."""
    given = False

    async def take() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return take


def _check_json(body: bytes) -> None:
    """Refuse what is no JSON object, nested beyond sense, or names a file that is none of ours.

    Gradio fetches a file that is given by an address, whatever its size and wherever in a value.
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
        if any(_is_strange_file(value) for value in level):
            raise _RefusedError(400, "refused.file")
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise _RefusedError(400, "refused.json")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_strange_file(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("meta"), dict):
        return False
    return value["meta"].get("_type") == _FILE_KEY and not is_ours(value.get("path"))


def _failure(scope: Scope, error: Exception) -> Response:
    """Answer for what Gradio did not expect: by 400 where it only had to take something in."""
    if scope["method"] == "POST":
        _log.info("a request was refused: %s at %s", type(error).__name__, door(scope))
        return _answer(scope, 400, "refused.request")
    if not isinstance(error.__cause__ or error, HTTPException):
        _log.error("a request failed", exc_info=error)
    return _answer(scope, 500, "refused.failed")


def _answer(scope: Scope, status: int, key: str) -> Response:
    said = translator(Request(scope).cookies.get("lang"))(key)
    # The page shows the plain text of what an upload is answered.
    if door(scope) == UPLOAD:
        return PlainTextResponse(said, status_code=status)
    return JSONResponse({"detail": said}, status_code=status)
