"""Helpers for all tabs: the visitor's language, HTML from templates, options of events."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr

from profiling.engine.engine import Engine
from profiling.measure.device import KINDS
from profiling.model.errors import DetachLabError, FileError, InputError, file_error
from profiling.model.run import Environment
from profiling.model.words import DEFAULT, LANGUAGES, Text, table, translator
from profiling.output.html import templates

# Options of events that are not part of the API and show no progress.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Options of events that only show something: they do not wait in the queue.
UNQUEUED: dict[str, Any] = {**PRIVATE, "queue": False}
# Options of events that measure: one at a time.
ON_WORKER: dict[str, Any] = {"concurrency_id": "worker", "concurrency_limit": 1}
# Of events that run a lesson, a graph or a diagnosis. One may wait for an accelerator, which the
# others do not.
ON_LESSONS: dict[str, Any] = {"concurrency_id": "lessons", "concurrency_limit": 4}

# Gradio's codes of our languages.
_GRADIO_CODES = {"en": "en", "zh": "zh-CN"}
_environment = templates(Path(__file__).parent / "templates")


def words(request: gr.Request | None) -> Text:
    """Return the translator for the visitor's language."""
    return translator(language(request))


def language(request: gr.Request | None) -> str:
    """Return the visitor's language; English for scripts."""
    cookies = getattr(request, "cookies", None) or {}
    chosen = str(cookies.get("lang"))
    if chosen in LANGUAGES:
        return chosen
    # A browser without the cookie sends its preferred language; a script sends none.
    headers = getattr(request, "headers", None) or {}
    preferred = str(headers.get("accept-language", "")).partition(",")[0].partition("-")[0]
    return preferred if preferred in LANGUAGES else DEFAULT


def labels() -> gr.I18n:
    """Return the texts of components in all languages; the browser chooses one."""
    return gr.I18n(**{_GRADIO_CODES[language]: table(language) for language in LANGUAGES})


def render(template: str, text: Text, **values: object) -> str:
    """Render a template.

    Args:
        template: File name below ``templates``.
        text: Translator; templates call it as ``text``.
        values: Variables of the template.
    """
    return _environment.get_template(template).render(text=text, **values)


def sentence(key: str, text: Text, **values: object) -> str:
    """Return a sentence as HTML, to show instead of a result."""
    return render(
        "progress.html", text, sentence=text(key, **values), failed=False, total=0, done=0
    )


def problem(error: DetachLabError | OSError, text: Text) -> str:
    """Return an error as HTML, as an alert; one of the system says that a file was not written."""
    if isinstance(error, OSError):
        error = file_error(error) or FileError("error.unwritable", reason=str(error))
    message = text(error.key, **error.values)
    return render("progress.html", text, sentence=message, failed=True, total=0, done=0)


def queue_full(request: gr.Request) -> str:
    """Return the message that the queue is full; a listener of an event's failure."""
    return problem(InputError("error.busy"), words(request))


def on_space() -> bool:
    """Return whether this is a Hugging Face Space."""
    return "SPACE_ID" in os.environ


def mode_words(engine: Engine, environment: Environment, text: Text) -> str:
    """Return the name of the mode that the page runs in."""
    if engine.lends:
        return text("mode.zero_gpu")
    kind = "gpu" if KINDS[environment.devices[0].kind].is_accelerator else "cpu"
    return text(f"mode.space_{kind}" if on_space() else f"mode.{kind}")


def machine_words(engine: Engine, environment: Environment, text: Text) -> str:
    """Return a sentence on the device that is used, and why."""
    if engine.lends:
        return text("page.machine_lent", torch=environment.torch)
    device = environment.devices[0]
    reason = text(environment.cuda_state, **environment.state_values)
    return text("page.machine", device=device.name, torch=environment.torch, reason=reason)
