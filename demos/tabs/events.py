"""How the page's events are run, and what a visitor is told whose event was not even taken."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.tabs import views
from demos.tabs.visitor import words
from profiling.errors import InputError

# Scripts do not see these, and nothing turns while they run.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Who only looks does not wait for those who measure, nor is refused with them.
LOOKING: dict[str, Any] = {**QUIET, "queue": False}
# One at a time, whatever is measured.
MEASURING: dict[str, Any] = {"concurrency_id": "worker", "concurrency_limit": 1}


def refused(request: gr.Request) -> str:
    """Say that too many are waiting already; the listener of an event's failure."""
    return views.problem(InputError("error.busy"), words(request))
