"""What the sub-tabs share: how events are handled, charts and tables."""

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
from demos.page.trace.opened import Opened, Shelf
from demos.page.trace.source import problem
from profiling.charts.of_trace import config
from profiling.model.errors import DetachLabError
from profiling.model.units import Unit
from profiling.model.words import Text

Updates = dict[Any, Any]
# Takes the trace, the words and the values of the inputs.
Act = Callable[..., Updates]

_log = logging.getLogger(__name__)
_TEXT_LIMIT = 300
# The same in every table: the profiler's own, whose clock has steps of a nanosecond.
_UNITS = {"_s": Unit("µs", 1e-6), "_bytes": Unit("KiB", 2**10), "_share": Unit("%", 0.01)}


class Acts:
    """Wires events to acts on the opened trace.

    Attributes:
        key: Holds the key of the visitor's trace.
        problem: Says what went wrong; emptied by every act that succeeds.
        quiet: Arguments of events that scripts do not see.
    """

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}  # noqa: RUF012

    def __init__(self, shelf: Shelf, key: gr.State, problem_view: gr.HTML) -> None:
        """Remember where traces are kept and where problems are said."""
        self._shelf = shelf
        self.key = key
        self.problem = problem_view

    def opened(self, key: str | None) -> Opened:
        """Return the visitor's trace.

        Raises:
            InputError: None was opened, or it had to make room.
        """
        return self._shelf.get(key)

    def on(self, event: Any, act: Act, inputs: list[Any], outputs: list[Any]) -> None:
        """Have an event do an act; one that comes while another runs waits for it."""

        def handle(request: gr.Request, key: str | None, *values: Any) -> Updates:
            return self.attempt(request, lambda text: act(self.opened(key), text, *values))

        event(handle, [self.key, *inputs], [self.problem, *outputs], **self.quiet)

    def with_event(self, act: Act) -> Callable[..., Updates]:
        """Return a handler for an event that tells more than the inputs do."""

        def handle(key: str | None, event: gr.EventData, request: gr.Request) -> Updates:
            told = event._data if isinstance(event._data, dict) else {}
            return self.attempt(request, lambda text: act(self.opened(key), text, told))

        return handle

    def attempt(self, request: gr.Request, act: Callable[[Text], Updates]) -> Updates:
        """Return an act's updates, or the one that says why there are none."""
        text = words(request)
        try:
            return {self.problem: "", **act(text)}
        except DetachLabError as error:
            failure: Exception = error
        except Exception as error:
            # No list of what a made-up trace can make pandas raise would be complete.
            _log.exception("a trace could not be shown")
            failure = error
        return {self.problem: problem(failure, text)}


def plot(name: str) -> gr.Plot:
    """Place a chart that is not there yet."""
    return gr.Plot(show_label=False, visible=False, elem_id=f"plot-trace-{name}")


def drawn(name: str, figure: go.Figure) -> Any:
    """Return the update that shows a figure; its camera saves it under the name."""
    sent = f'{figure.to_json()[:-1]},"config":{json.dumps(config(name))}}}'
    return gr.update(value=PlotData(type="plotly", plot=sent), visible=True)


def sheet(name: str, *, visible: bool = True) -> gr.Dataframe:
    """Place an empty table; a wide one scrolls by itself.

    Args:
        name: Its id on the page.
        visible: Whether it is there before it is filled.
    """
    return gr.Dataframe(
        interactive=False, elem_id=name, elem_classes="lab-sheet", max_height=420, visible=visible
    )


def headed(table: pd.DataFrame, text: Text) -> pd.DataFrame:
    """Return a table with heads that say the unit: seconds in µs, bytes in KiB, shares in %.

    Args:
        table: Columns whose name ends in ``_s`` are seconds, in ``_bytes`` bytes.
        text: Says a locale key.
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


def update(table: pd.DataFrame, text: Text, *, visible: bool = True) -> Any:
    """Return the update of a `gradio.Dataframe` that shows a table."""
    frame = headed(table, text)
    kinds = ["number" if _is_number(table[name]) else "str" for name in table]
    rows = frame.astype("object").where(frame.notna(), None).to_numpy().tolist()
    value = {"headers": frame.columns.tolist(), "data": rows}
    return gr.update(value=value, datatype=kinds, visible=visible)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _scaled(value: Any, unit: Unit) -> float | None:
    return None if pd.isna(value) else round(float(value) / unit.factor, 3)
