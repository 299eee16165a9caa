"""Blocks that report every error of an event as one sentence, log it once and know their health."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from typing import Any

import gradio as gr
from markupsafe import escape

from demos.page.common import words
from demos.page.guards import request_log
from profiling.engine.engine import Engine
from profiling.model.errors import DetachLabError, InputError

_log = logging.getLogger(__name__)


class GuardedPage(gr.Blocks):
    """Blocks that report every error of an event as one sentence.

    Gradio reports invalid inputs in English and logs a traceback; for an error of a handler, it
    shows an empty message.
    """

    def __init__(self, engine: Engine, **options: Any) -> None:
        """Create an empty page.

        Args:
            engine: The engine; its state is part of the page's health.
            options: As for `gradio.Blocks`.
        """
        super().__init__(**options)
        self._engine = engine
        # For each generator that goes on: when it began, and what notes that nobody let it end.
        self._going: weakref.WeakKeyDictionary[Any, tuple[float, Any]] = weakref.WeakKeyDictionary()

    def health(self) -> dict[str, Any]:
        """Return the state of the worker and the queue, without waiting."""
        jobs = [job for job in self._queue.active_jobs if job is not None]
        return health(self._engine, len(self._queue), len(jobs))

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *arguments: Any, **named: Any
    ) -> list[Any]:
        """Convert inputs to the values that handlers take."""
        try:
            values: list[Any] = await super().preprocess_data(block_fn, inputs, *arguments, **named)
        except Exception as error:
            raise InputError("refused.input") from error
        pairs = zip(block_fn.inputs, values, strict=True)
        if any(_is_single(each) and isinstance(value, list) for each, value in pairs):
            raise InputError("refused.input")  # Gradio accepts a list where one value is expected.
        return values

    async def process_api(
        self, block_fn: Any, inputs: list[Any], *arguments: Any, **named: Any
    ) -> dict[str, Any]:
        """Run an event, or the next step of a generator."""
        what, iterator = f"event {block_fn.api_name or block_fn._id}", named.get("iterator")
        started = time.monotonic()
        if iterator in self._going:
            started, unfinished = self._going.pop(iterator)
            unfinished.detach()
        try:
            if not block_fn.fn:
                raise DetachLabError("refused.request")  # An event of the browser, such as Stop.
            output = await super().process_api(block_fn, inputs, *arguments, **named)
        except asyncio.CancelledError:
            request_log.write(what, started, "cut off")
            raise
        except Exception as error:
            is_expected = isinstance(error, gr.Error | DetachLabError)
            request_log.write(what, started, "refused" if is_expected else "failed")
            raise _to_gradio_error(error, named.get("request")) from error
        if output.get("is_generating"):
            # Gradio only drops the generator of a visitor who leaves between two of its steps.
            going = output["iterator"]
            unfinished = weakref.finalize(going, request_log.write, what, started, "cut off")
            unfinished.atexit = False
            self._going[going] = started, unfinished
        else:
            request_log.write(what, started, "ok")
        return output


def health(engine: Engine, waiting: int, running: int) -> dict[str, Any]:
    """Return the current health.

    Args:
        engine: The engine.
        waiting: Number of events in the queue.
        running: Number of events that are running.

    Returns:
        ``worker`` is ``starting``, ``ready`` or ``failed``; ``device`` is the device, None
        while it is unknown.
    """
    state, device = "starting", None
    try:
        environment = engine.known()
        if environment is not None:
            state, device = "ready", environment.devices[0].spec
    except DetachLabError:
        state = "failed"
    return {
        "web": "up",
        "worker": state,
        "device": device,
        "waiting": waiting,
        "running": running,
    }


def _is_single(component: Any) -> bool:
    return isinstance(component, gr.Dropdown | gr.Radio) and not getattr(
        component, "multiselect", False
    )


def _to_gradio_error(error: Exception, request: Any) -> gr.Error:
    """Return an error for the visitor; log it if it is unexpected."""
    if isinstance(error, gr.Error):
        return error
    if not isinstance(error, DetachLabError):
        _log.error("an event failed", exc_info=error)
        error = DetachLabError("refused.failed")
    sentence = escape(words(request)(error.key, **error.values))  # Gradio shows it as HTML.
    return gr.Error(sentence, print_exception=False)
