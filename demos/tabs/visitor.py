"""What is known of the visitor: the language, from a cookie that the page sets."""

from __future__ import annotations

import gradio as gr

from demos.locales import DEFAULT, LANGUAGES, Text, table, translator

# Gradio's code for each of our languages; its own texts are translated by these.
_GRADIO_CODES = {"en": "en", "zh": "zh-CN"}


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
