"""Puts a script at the top of the page's HTML, before any of Gradio's own runs.

Gradio adds what is given as ``head`` only after it has chosen its language.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class EarlyHead:
    """ASGI middleware that writes markup right after ``<head>`` of the page at ``/``."""

    def __init__(self, app: ASGIApp, markup: str) -> None:
        """Wrap an app.

        Args:
            app: The app whose page is changed.
            markup: The HTML to insert.
        """
        self._app = app
        self._markup = markup.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through but the page itself."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def gather(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = b"".join(parts).replace(b"<head>", b"<head>" + self._markup, 1)
            if "nonce" in scope:  # Unquoted, so that it could not end a string within a script.
                body = body.replace(b"<script", b"<script nonce=" + scope["nonce"].encode())
            length = (b"content-length", str(len(body)).encode())
            start["headers"] = [
                *(header for header in start["headers"] if header[0] != length[0]),
                length,
            ]
            await send(start)
            await send({**message, "body": body})

        await self._app(scope, receive, gather)
