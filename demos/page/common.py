"""What all tabs share: the visitor's language, HTML of what is not a component, how events run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr

from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, InputError
from profiling.model.run import Environment
from profiling.model.words import DEFAULT, LANGUAGES, Text, table, translator
from profiling.output.html import templates

# Gradio's code for each of our languages; its own texts are translated by these.
_GRADIO_CODES = {"en": "en", "zh": "zh-CN"}
_FOLDER = Path(__file__).parent / "templates"
# Scripts do not see these, and nothing turns while they run.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Who only looks does not wait for those who measure, nor is refused with them.
LOOKING: dict[str, Any] = {**QUIET, "queue": False}
# One at a time, whatever is measured.
MEASURING: dict[str, Any] = {"concurrency_id": "worker", "concurrency_limit": 1}


def words(request: gr.Request | None) -> Text:
    """Return the words in the visitor's language."""
    return translator(language(request))


def language(request: gr.Request | None) -> str:
    """Return the visitor's language; English for scripts."""
    cookies = getattr(request, "cookies", None) or {}
    chosen = str(cookies.get("lang"))
    if chosen in LANGUAGES:
        return chosen
    # A browser that sends no cookie still says what it prefers; a script says nothing.
    headers = getattr(request, "headers", None) or {}
    preferred = str(headers.get("accept-language", "")).partition(",")[0].partition("-")[0]
    return preferred if preferred in LANGUAGES else DEFAULT


def labels() -> gr.I18n:
    """Return the texts of components, which the browser itself chooses the language of."""
    return gr.I18n(**{_GRADIO_CODES[language]: table(language) for language in LANGUAGES})


def render(template: str, text: Text, **values: object) -> str:
    """Fill a template.

    Args:
        template: File name below ``templates``.
        text: The words; templates call it as ``text``.
        values: What the template names.
    """
    return _environment.get_template(template).render(text=text, **values)


def sentence(key: str, text: Text, **values: object) -> str:
    """Say a sentence in the place of a result."""
    said = text(key, **values)
    return render("progress.html", text, sentence=said, failed=False, total=0, done=0)


def problem(error: DetachLabError, text: Text) -> str:
    """Say what went wrong, as an alert."""
    said = text(error.key, **error.values)
    return render("progress.html", text, sentence=said, failed=True, total=0, done=0)


_environment = templates(_FOLDER)


def on_space() -> bool:
    """Whether this is a Hugging Face Space."""
    return "SPACE_ID" in os.environ


def mode_words(engine: Engine, environment: Environment, text: Text) -> str:
    """Name the mode, which is chosen by what there is to measure on."""
    if engine.lends:
        return text("mode.zero_gpu")
    kind = environment.devices[0].kind
    return text(f"mode.space_{kind}" if on_space() else f"mode.{kind}")


def machine_words(engine: Engine, environment: Environment, text: Text) -> str:
    """Say which device is used, and why."""
    if engine.lends:
        return text("page.machine_lent", torch=environment.torch)
    device = environment.devices[0]
    reason = text(environment.cuda_state)
    return text("page.machine", device=device.name, torch=environment.torch, reason=reason)


def refused(request: gr.Request) -> str:
    """Say that too many are waiting already; the listener of an event's failure."""
    return problem(InputError("error.busy"), words(request))
