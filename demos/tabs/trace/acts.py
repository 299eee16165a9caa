"""How the tab's events are handled: the trace is looked up, and what goes wrong is said."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from demos.locales import Text
from demos.tabs.trace.opened import Opened
from demos.tabs.trace.shelf import Shelf
from demos.tabs.trace.source import problem
from demos.tabs.visitor import words
from profiling.errors import DetachLabError

Updates = dict[Any, Any]
# Takes the trace, the words and the values of the inputs.
Act = Callable[..., Updates]

_log = logging.getLogger(__name__)


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
