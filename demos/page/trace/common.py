"""Event handlers, charts and tables that the sub-tabs share."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import gradio as gr
from gradio.components.plot import PlotData

from demos.page import common
from demos.page.common import words
from demos.page.trace.source import problem
from profiling.charts.trace import config
from profiling.engine.traces import OpenedTrace, OpenedTraces
from profiling.model.errors import DetachLabError
from profiling.model.words import Text
from profiling.output.sheet import Sheet

P = ParamSpec("P")
T = TypeVar("T")

# Values of components.
Updates = dict[Any, Any]
# Called with the visitor's trace, the translator and the values of the inputs.
Handler = Callable[..., Updates]

# Of all visitors; each waits for the process of its own trace.
LOOKING: dict[str, Any] = {"concurrency_id": "trace-look", "concurrency_limit": 8}
OPENING: dict[str, Any] = {"concurrency_id": "trace-open", "concurrency_limit": 8}

_log = logging.getLogger(__name__)
_SCRIPT = (Path(__file__).parent / "sheet.js").read_text(encoding="utf-8")


class Visit:
    """A visitor's opened trace, which answers in the visitor's language.

    Attributes:
        trace: The trace.
        end_s: Its end, in seconds from the start of the first event.
    """

    def __init__(self, trace: OpenedTrace, language: str) -> None:
        """Ask a trace in a language."""
        self.trace = trace
        self.end_s = trace.held.end_s
        self._language = language

    def ask(
        self,
        question: Callable[Concatenate[Any, Text, P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """Have the trace's process answer a question, as `OpenedTrace.ask` does."""
        return self.trace.ask(question, self._language, *arguments, **named)


class Handlers:
    """Connects events to handlers that work on the visitor's trace.

    Attributes:
        key: State with the key of the visitor's trace.
        problem: Shows the error of a handler; emptied by every handler that succeeds.
        private: Gradio arguments of events that are not part of the API; of several events during
            another one the last one alone is handled.
    """

    private: dict[str, Any] = {  # noqa: RUF012
        "api_visibility": "private",
        "show_progress": "minimal",
        "trigger_mode": "always_last",
        **LOOKING,
    }

    def __init__(self, traces: OpenedTraces, key: gr.State, problem_view: gr.HTML) -> None:
        """Create handlers for some open traces."""
        self._traces = traces
        self.key = key
        self.problem = problem_view

    def visit(self, request: gr.Request, key: str | None) -> Visit:
        """Return the visitor's trace.

        Raises:
            InputError: No trace was opened, or it was closed.
        """
        return Visit(self._traces.get(key), common.language(request))

    def on(self, event: Any, handler: Handler, inputs: list[Any], outputs: list[Any]) -> None:
        """Call a handler on an event."""

        def handle(request: gr.Request, key: str | None, *values: Any) -> Updates:
            return self._run(request, key, lambda visit, text: handler(visit, text, *values))

        event(handle, [self.key, *inputs], [self.problem, *outputs], **self.private)

    def on_data(self, event: Any, handler: Handler, inputs: list[Any], outputs: list[Any]) -> None:
        """Call a handler with the data of an event, and then the inputs."""

        def handle(
            request: gr.Request, sent: gr.EventData, key: str | None, *values: Any
        ) -> Updates:
            data = sent._data if isinstance(sent._data, dict) else {}
            return self._run(request, key, lambda visit, text: handler(visit, text, data, *values))

        # Each one is handled: the page waits for an answer itself before it asks again.
        options = {**self.private, "trigger_mode": "multiple"}
        event(handle, [self.key, *inputs], [self.problem, *outputs], **options)

    def _run(
        self, request: gr.Request, key: str | None, handler: Callable[[Visit, Text], Updates]
    ) -> Updates:
        text = words(request)
        try:
            return {self.problem: "", **handler(self.visit(request, key), text)}
        except DetachLabError as error:
            failure: Exception = error
        except Exception as error:
            # A crafted trace can make pandas raise almost anything.
            _log.exception("a trace could not be shown")
            failure = error
        return {self.problem: problem(failure, text)}


def empty_plot(name: str) -> gr.Plot:
    """Create a hidden plot."""
    return gr.Plot(show_label=False, visible=False, elem_id=f"plot-trace-{name}")


def plot_update(name: str, figure: str) -> Any:
    """Return the update that shows a figure, or hides the plot if there is none.

    Args:
        name: The file name of saved images.
        figure: The figure as JSON, or an empty string.
    """
    if not figure:
        return gr.update(value=None, visible=False)
    plot = f'{figure[:-1]},"config":{json.dumps(config(name))}}}'
    return gr.update(value=PlotData(type="plotly", plot=plot), visible=True)


def empty_table(name: str) -> gr.HTML:
    """Create a place for a table, whose columns sort it.

    A row that leads to an event selects it, with the data ``{"event": number}``.

    Args:
        name: Its id on the page.
    """
    return gr.HTML(js_on_load=_SCRIPT, elem_id=name)


def table_html(table: Sheet | None, text: Text, caption: str) -> str:
    """Return a table as HTML; an empty string for none.

    Args:
        table: The table.
        text: Translator.
        caption: Locale key of its name for screen readers.
    """
    if table is None:
        return ""
    return common.render("trace_sheet.html", text, sheet=table, caption=text(caption))
