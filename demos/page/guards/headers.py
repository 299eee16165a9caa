"""Security headers, and markup at the top of the page's HTML."""

from __future__ import annotations

import os
import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demos.page.guards.routes import FILE, route_of

_SPACES = "https://huggingface.co https://*.huggingface.co https://*.hf.space"
_NONCE = "nonce"
_BASE = re.compile(rb'<base href="\./"\s*/?>')
# Scripts: files of the page, and inline scripts with a nonce, so that no handler or script in a
# name from a file would run. Gradio evaluates the template of its HTML component, which needs
# unsafe-eval. Styles: Gradio, plotly and graphs set inline styles. Images: icons are data:, and
# plotly saves charts through blob:. Workers: plotly creates them from a blob.
_POLICY = (
    "default-src 'self'; "
    f"script-src 'self' '{_NONCE}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; "
)
# A file may come from a visitor, so nothing in it may run.
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class SecurityHeaders:
    """ASGI middleware that adds a content security policy and other headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app
        # On a Space, the page is in a frame of huggingface.co.
        self._frames = f"'self' {_SPACES}" if "SPACE_ID" in os.environ else "'self'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers, and a nonce for the scripts of the page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope["nonce"] = nonce
        policy = f"{_POLICY}frame-ancestors {self._frames}".replace(
            f"'{_NONCE}'", f"'nonce-{nonce}'"
        )

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_file = route_of(scope) == FILE
                headers["Content-Security-Policy"] = _FILE_POLICY if is_file else policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers)


class HeadMarkup:
    """ASGI middleware that inserts markup right after ``<head>`` of the page at ``/``.

    Its scripts run before those of Gradio. Gradio's own ``head`` option would insert them after
    Gradio has chosen its language.
    """

    def __init__(self, app: ASGIApp, markup: str) -> None:
        """Wrap an app.

        Args:
            app: The app.
            markup: The HTML to insert.
        """
        self._app = app
        self._markup = markup.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Insert the markup into the page; pass on all other answers."""
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
            # Says nothing here, but makes plotly name patterns by the address, which changes.
            body = _BASE.sub(b"", body, count=1)
            if "nonce" in scope:  # Unquoted, so that it cannot end a string inside a script.
                body = body.replace(b"<script", b"<script nonce=" + scope["nonce"].encode())
            length = (b"content-length", str(len(body)).encode())
            start["headers"] = [
                *(header for header in start["headers"] if header[0] != length[0]),
                length,
            ]
            await send(start)
            await send({**message, "body": body})

        await self._app(scope, receive, gather)
