"""How the page looks: Gradio's theme, made readable, and our own styles."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from demos.tabs import views
from profiling.graphs import drawing

_FOLDER = Path(__file__).parent
_STYLES = ("page.css", "stepper.css", "start.css", "trace/trace.css")
_MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """Return the theme: Gradio's own, with a contrast of 4.5 wherever something is said."""
    plain = gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "Noto Sans SC", "sans-serif"],
        font_mono=_MONO,
    )
    return plain.set(
        body_text_color_subdued="*neutral_500",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_cancel_background_fill="#b91c1c",
        button_cancel_background_fill_hover="#991b1b",
        link_text_color_dark="*secondary_400",
        link_text_color_hover_dark="*secondary_300",
        link_text_color_visited_dark="*secondary_400",
    )


def styles() -> str:
    """Return the page's CSS."""
    own = [(_FOLDER / name).read_text(encoding="utf-8") for name in _STYLES]
    return "".join((views.code_styles(), *own, drawing.styles()))
