"""The whole page: header and tabs, and how it is launched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from demos.locales import Text
from demos.tabs import views
from demos.tabs.compare import create_compare_tab
from demos.tabs.early_head import EarlyHead
from demos.tabs.lessons import create_lessons_tab
from demos.tabs.owners_only import OwnersOnly
from demos.tabs.playground import create_playground_tab
from demos.tabs.trace import create_trace_tab
from demos.tabs.visitor import labels, words
from profiling.engine.engine import Engine
from profiling.engine.playground import Playground
from profiling.errors import DetachLabError
from profiling.graphs import drawing
from profiling.records import Environment
from profiling.traces.unpacking import MAX_UNPACKED_BYTES

_FOLDER = Path(__file__).parent
MAX_QUEUE = 32


def build(engine: Engine, playground: Playground | None = None) -> gr.Blocks:
    """Build the page on an engine.

    Args:
        engine: What runs lessons and comparisons.
        playground: What runs a person's own code; without it there is no way to run any.
    """
    own_labels = labels()
    page = gr.Blocks(title="Detach Lab", analytics_enabled=False, delete_cache=(600, 3600))
    with page:
        header = gr.HTML(elem_id="lab-header")
        with gr.Tab(own_labels("tab.lessons"), id="lessons"):
            create_lessons_tab(page, engine, own_labels)
        with gr.Tab(own_labels("tab.compare"), id="compare"):
            run = create_compare_tab(page, engine, own_labels)
        with gr.Tab(own_labels("tab.trace"), id="trace") as trace_tab:
            create_trace_tab(page, trace_tab, engine, run, own_labels)
        if playground is not None:
            with gr.Tab(own_labels("tab.playground"), id="playground"):
                create_playground_tab(playground, own_labels)

        def greet(request: gr.Request) -> str:
            text = words(request)
            return _header(text("page.starting"), text)

        def introduce(request: gr.Request) -> str:
            text = words(request)
            return _header(_machine(engine, text), text)

        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        # Not queued, so that the page has a header even if too many are waiting.
        page.load(greet, None, header, queue=False, **quiet).then(introduce, None, header, **quiet)
    page.queue(api_open=False, max_size=MAX_QUEUE)
    return page


def launch_options(*, runs_code: bool = False) -> dict[str, Any]:
    """Return the arguments of `gradio.Blocks.launch` that belong to the page itself.

    Args:
        runs_code: Whether the page has a playground, and so is for this machine alone.
    """
    guards = [Middleware(OwnersOnly)] if runs_code else []
    mono = ["ui-monospace", "Menlo", "Consolas", "monospace"]
    theme = gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "Noto Sans SC", "sans-serif"],
        font_mono=mono,
    )
    return {
        "theme": theme,
        "css": "".join(
            (views.code_styles(), _read("page.css"), _read("stepper.css"), drawing.styles())
        ),
        "app_kwargs": {"middleware": [*guards, Middleware(EarlyHead, markup=_head())]},
        "i18n": labels(),
        # A trace may be larger than a run, which has a limit of its own when it is opened.
        "max_file_size": MAX_UNPACKED_BYTES,
        "enable_monitoring": False,
        "show_error": False,
        "ssr_mode": False,
        # It would write every answer to the browser's storage, so that each run took longer.
        "run_history": False,
        "footer_links": ["api", "settings"],
    }


def _head() -> str:
    """Return the page's own scripts, and the styles that a saved graph takes along."""
    script = _read("stepper.js")
    styles = f'<script type="text/css" id="graph-css">{drawing.file_styles()}</script>'
    return f"{_read('head.html')}{styles}<script>{script}</script>"


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def machine_words(environment: Environment, text: Text) -> str:
    """Say which device is used, and why."""
    device = environment.devices[0]
    reason = text(environment.cuda_state)
    return text("page.machine", device=device.name, torch=environment.torch, reason=reason)


def _machine(engine: Engine, text: Text) -> str:
    try:
        environment = engine.environment(60.0)
    except DetachLabError as error:
        return text(error.key, **error.values)
    return text("page.starting") if environment is None else machine_words(environment, text)


def _header(machine: str, text: Text) -> str:
    return views.render("header.html", text, machine=machine)
