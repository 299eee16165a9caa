"""The page as Gradio runs it, with what goes wrong said in a sentence and written down once."""

from __future__ import annotations

import logging
import time
import weakref
from typing import Any

import gradio as gr

from demos.tabs.guards import request_log
from demos.tabs.guards.health import health
from demos.tabs.visitor import words
from profiling.engine.engine import Engine

_log = logging.getLogger(__name__)


class _Unfit(Exception):
    """A component cannot take what was sent for it."""


class GuardedPage(gr.Blocks):
    """Blocks whose events end in a sentence whatever is sent.

    Gradio tells what does not fit a component in English and prints a traceback to the log; what a
    handler raises it tells by an empty message.
    """

    def __init__(self, engine: Engine, **options: Any) -> None:
        """Begin an empty page.

        Args:
            engine: What measures; its state is part of the page's health.
            options: As for `gradio.Blocks`.
        """
        super().__init__(**options)
        self._engine = engine
        self._began: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()

    def health(self) -> dict[str, Any]:
        """Return whether the worker is ready and how much it has to do; waits for nothing."""
        jobs = [job for job in self._queue.active_jobs if job is not None]
        return health(self._engine, len(self._queue), len(jobs))

    async def preprocess_data(self, *arguments: Any, **named: Any) -> list[Any]:
        """Turn what was sent into what handlers take."""
        try:
            values: list[Any] = await super().preprocess_data(*arguments, **named)
        except Exception as error:
            raise _Unfit from error
        return values

    async def process_api(
        self, block_fn: Any, inputs: list[Any], *arguments: Any, **named: Any
    ) -> dict[str, Any]:
        """Run an event, or go on with one that gives its results one by one."""
        what, outcome = f"event {block_fn.api_name or block_fn._id}", "cut off"
        iterator = named.get("iterator")
        started = time.monotonic() if iterator is None else self._began.get(iterator, 0.0)
        try:
            output = await super().process_api(block_fn, inputs, *arguments, **named)
            outcome = "ok"
        except gr.Error:
            outcome = "refused"
            raise
        except _Unfit as error:
            outcome = "refused"
            raise _said("refused.input", named.get("request")) from error
        except Exception as error:
            outcome = "failed"
            _log.exception("an event failed")
            raise _said("refused.failed", named.get("request")) from error
        finally:
            if outcome != "ok":
                request_log.write(what, started, outcome)
        if output.get("is_generating"):
            self._began[output["iterator"]] = started
        else:
            request_log.write(what, started, outcome)
        return output


def _said(key: str, request: Any) -> gr.Error:
    return gr.Error(words(request)(key), print_exception=False)
