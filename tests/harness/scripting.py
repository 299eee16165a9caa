"""A visitor's script, which asks the app through its API."""

from __future__ import annotations

from typing import Any

from gradio_client import Client

from tests.harness.launching import App
from tests.harness.visiting import PATIENCE_S


def script(app: App, **options: Any) -> Client:
    """Return a script for an app, which does not mind how slow it answers."""
    return Client(app.url, verbose=False, httpx_kwargs={"timeout": PATIENCE_S}, **options)
