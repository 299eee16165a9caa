"""Event handlers, charts and tables that the sub-tabs share."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
import pandas as pd
import plotly.graph_objects as go
from gradio.components.plot import PlotData

from demos.page.common import words
from demos.page.trace.opened import OpenTrace, OpenTraces
from demos.page.trace.source import problem
from profiling.charts.trace import config
from profiling.model.errors import DetachLabError
from profiling.model.units import Unit
from profiling.model.words import Text

# Values of components.
Updates = dict[Any, Any]
# Called with the opened trace, the translator and the values of the inputs.
Handler = Callable[..., Updates]

_log = logging.getLogger(__name__)
_TEXT_LIMIT = 300
# The same unit in all tables; the resolution of the profiler's clock is a nanosecond.
_UNITS = {"_s": Unit("µs", 1e-6), "_bytes": Unit("KiB", 2**10), "_share": Unit("%", 0.01)}


class Handlers:
    """Connects events to handlers that work on the visitor's trace.

    Attributes:
        key: State with the key of the visitor's trace.
        problem: Shows the error of a handler; emptied by every handler that succeeds.
        private: Gradio arguments of events that are not part of the API.
    """

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}  # noqa: RUF012

    def __init__(self, traces: OpenTraces, key: gr.State, problem_view: gr.HTML) -> None:
        """Create handlers for some open traces."""
        self._traces = traces
        self.key = key
        self.problem = problem_view

    def opened(self, key: str | None) -> OpenTrace:
        """Return the visitor's trace.

        Raises:
            InputError: No trace was opened, or it was dropped.
        """
        return self._traces.get(key)

    def on(self, event: Any, handler: Handler, inputs: list[Any], outputs: list[Any]) -> None:
        """Call a handler on an event; an event during another one waits for it."""

        def handle(request: gr.Request, key: str | None, *values: Any) -> Updates:
            return self._run(request, lambda text: handler(self.opened(key), text, *values))

        event(handle, [self.key, *inputs], [self.problem, *outputs], **self.private)

    def with_event(self, handler: Handler) -> Callable[..., Updates]:
        """Return a listener that passes the data of the event to a handler."""

        def handle(key: str | None, event: gr.EventData, request: gr.Request) -> Updates:
            data = event._data if isinstance(event._data, dict) else {}
            return self._run(request, lambda text: handler(self.opened(key), text, data))

        return handle

    def _run(self, request: gr.Request, handler: Callable[[Text], Updates]) -> Updates:
        text = words(request)
        try:
            return {self.problem: "", **handler(text)}
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


def plot_update(name: str, figure: go.Figure) -> Any:
    """Return the update that shows a figure; `name` is the file name of saved images."""
    plot = f'{figure.to_json()[:-1]},"config":{json.dumps(config(name))}}}'
    return gr.update(value=PlotData(type="plotly", plot=plot), visible=True)


def empty_table(name: str, *, visible: bool = True) -> gr.Dataframe:
    """Create an empty table, which scrolls horizontally if it is wide.

    Args:
        name: Its id on the page.
        visible: Whether it is visible before it is filled.
    """
    return gr.Dataframe(
        interactive=False, elem_id=name, elem_classes="lab-sheet", max_height=420, visible=visible
    )


def table_update(table: pd.DataFrame, text: Text, *, visible: bool = True) -> Any:
    """Return the update that shows a table."""
    frame = with_headings(table, text)
    kinds = ["number" if _is_number(table[name]) else "str" for name in table]
    rows = frame.astype("object").where(frame.notna(), None).to_numpy().tolist()
    value = {"headers": frame.columns.tolist(), "data": rows}
    return gr.update(value=value, datatype=kinds, visible=visible)


def with_headings(table: pd.DataFrame, text: Text) -> pd.DataFrame:
    """Return a table with translated headings, with seconds in µs, bytes in KiB and shares in %.

    Args:
        table: Columns ending in ``_s``, ``_bytes`` and ``_share`` have SI units.
        text: Translator.
    """
    shown: dict[str, Any] = {}
    for column in table:
        values = table[column]
        kind = str(column).removesuffix("_a").removesuffix("_b")
        unit = next((unit for end, unit in _UNITS.items() if kind.endswith(end)), None)
        name = text(f"trace.column.{column}")
        if unit is not None:
            shown[f"{name} ({unit.symbol})"] = [_scaled(value, unit) for value in values]
        elif _is_number(values):
            shown[name] = [None if pd.isna(value) else value for value in values]
        else:
            shown[name] = ["" if pd.isna(value) else str(value)[:_TEXT_LIMIT] for value in values]
    return pd.DataFrame(shown)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _scaled(value: Any, unit: Unit) -> float | None:
    return None if pd.isna(value) else round(float(value) / unit.factor, 3)
