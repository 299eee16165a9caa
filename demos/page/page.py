"""Builds the page (header and tabs), and the options to launch it with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.queueing import Queue
from starlette.middleware import Middleware

from demos.page import address, common
from demos.page.about import create_about_tab
from demos.page.address import Address, PageTabs
from demos.page.api import create_api, exception_handlers
from demos.page.common import PRIVATE, UNQUEUED, labels, machine_words, mode_words, words
from demos.page.compare.tab import create_compare_tab
from demos.page.explain import ExplainTab
from demos.page.guards import middleware
from demos.page.guards.blocks import GuardedPage
from demos.page.guards.headers import HeadMarkup
from demos.page.guards.routes import LocalOnly
from demos.page.lessons import LessonsTab
from demos.page.links import TABS
from demos.page.playground import create_playground_tab
from demos.page.start import StartTab
from demos.page.trace.tab import create_trace_tab
from profiling.engine.engine import Engine
from profiling.engine.playground import Playground
from profiling.graphs import svg
from profiling.model.errors import DetachLabError
from profiling.model.words import Text
from profiling.output import explanation
from profiling.output.html import code_styles
from profiling.traces.read import MAX_UNPACKED_BYTES

_FOLDER = Path(__file__).parent
_STYLES = ("page.css", "stepper.css", "start.css", "trace/trace.css")
_MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]
MAX_QUEUE = 32
# Gradio keeps the state of each session, about 1 MiB after a comparison; at this limit, it drops
# the least recently used one.
MAX_SESSIONS = 200


def theme() -> gr.themes.Base:
    """Return Gradio's default theme, with a contrast of at least 4.5 for all text."""
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
    """Return the CSS of the page."""
    own = [(_FOLDER / name).read_text(encoding="utf-8") for name in _STYLES]
    return "".join((code_styles(), *own, svg.styles(), explanation.styles()))


def build(engine: Engine, playground: Playground | None = None) -> GuardedPage:
    """Build the page.

    Args:
        engine: Runs lessons and comparisons.
        playground: Runs the user's own code; without it, there is no such tab.
    """
    texts = labels()
    page = GuardedPage(
        engine, title="Detach Lab", analytics_enabled=False, delete_cache=(600, 3600)
    )
    with page:
        with gr.Row(elem_classes="lab-top"):
            header = gr.HTML(elem_id="lab-header")
            links = Address()
        with gr.Tabs(elem_id="lab-tabs") as tabs:
            named = {
                name: gr.Tab(texts(f"tab.{name}"), id=name)
                for name in TABS
                if name != "playground" or playground is not None
            }
        with named["start"]:
            start = StartTab(engine, texts, runs_code=playground is not None)
        with named["lessons"]:
            lessons = LessonsTab(engine, texts, links.place)
        with named["compare"]:
            compare = create_compare_tab(page, named["compare"], engine, texts, links.begin)
        with named["explain"]:
            explain = ExplainTab(engine, named["explain"], texts)
        with named["trace"]:
            create_trace_tab(page, named["trace"], engine, compare.run, texts)
        if playground is not None:
            with named["playground"]:
                create_playground_tab(playground, texts, start.door, tabs)
        with named["about"]:
            create_about_tab(named["about"], engine)
        links.connect(page, PageTabs(tabs, named, start, lessons, compare, explain))

        create_api(engine)

        def show_starting(request: gr.Request) -> str:
            text = words(request)
            return _header("", text("page.starting"), text)

        def show_machine(request: gr.Request) -> str:
            text = words(request)
            return _header(*_machine(engine, text), text)

        # Not queued, so that the page has a header even if the queue is full.
        page.load(show_starting, None, header, **UNQUEUED).then(
            show_machine, None, header, **PRIVATE
        )
    page.queue(api_open=False, max_size=MAX_QUEUE)
    _poll_less_often(page._queue)
    return page


def _poll_less_often(queue: Queue) -> None:
    """Have Gradio's queue poll 50 times a second.

    By default, it polls 1000 times, which takes a tenth of a core away from measurements.
    """
    queue.sleep_when_free = 0.02
    queue.progress_update_sleep_when_free = 0.1


def launch_options(*, runs_code: bool = False, serves_agents: bool = False) -> dict[str, Any]:
    """Return the arguments of `gradio.Blocks.launch` that depend on the page.

    Args:
        runs_code: Whether the page has a playground and so is only for this machine.
        serves_agents: Whether the API is also served as MCP tools; needs the package ``mcp``.
    """
    return {
        "theme": theme(),
        "css": styles(),
        "app_kwargs": {
            "middleware": [
                *([Middleware(LocalOnly)] if runs_code else []),
                *middleware(MAX_UNPACKED_BYTES, serves_agents),
                Middleware(HeadMarkup, markup=_head()),
            ],
            "exception_handlers": exception_handlers(),
        },
        "mcp_server": serves_agents,
        "i18n": labels(),
        # A trace may be larger than a run, whose own limit is checked when it is opened.
        "max_file_size": MAX_UNPACKED_BYTES,
        "state_session_capacity": MAX_SESSIONS,
        "enable_monitoring": False,
        "show_error": False,
        "ssr_mode": False,
        # It would write every answer to the browser's storage, which slows down each run.
        "run_history": False,
        "footer_links": ["api", "settings"],
        # It would ask the page a second time and give the start up if no answer came within three
        # seconds, as on a busy machine.
        "_frontend": False,
    }


def _head() -> str:
    """Return the scripts of the page, and the CSS that saved graphs include."""
    script = _read("stepper.js") + explanation.script() + address.script()
    styles = f'<script type="text/css" id="graph-css">{svg.file_styles()}</script>'
    return f"{_read('head.html')}{styles}<script>{script}</script>"


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _machine(engine: Engine, text: Text) -> tuple[str, str]:
    """Return the mode of the page, empty while it is unknown, and a sentence on the device."""
    try:
        environment = engine.environment(60.0)
    except DetachLabError as error:
        return "", text(error.key, **error.values)
    if environment is None:
        return "", text("page.starting")
    return mode_words(engine, environment, text), machine_words(engine, environment, text)


def _header(mode: str, machine: str, text: Text) -> str:
    return common.render("header.html", text, mode=mode, machine=machine)
