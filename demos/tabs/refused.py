"""What a visitor is told whose request Gradio did not even take: so many are waiting already."""

from __future__ import annotations

import gradio as gr

from demos.tabs import views
from demos.tabs.visitor import words
from profiling.errors import InputError


def refused(request: gr.Request) -> str:
    """Return the sentence, as the listener of an event's failure."""
    return views.problem(InputError("error.busy"), words(request))
