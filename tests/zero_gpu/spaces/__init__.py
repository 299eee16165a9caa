"""Stands in for Hugging Face's package `spaces` on ZeroGPU, which cannot run anywhere else.

Put this folder's parent on PYTHONPATH. Modelled on spaces 0.51: a task runs in a new thread of a
forked process that later calls use again; what goes in and comes out is pickled; of an error that
is not Gradio's own only the class comes out; torch's CUDA in the page's process is make-believe.

FAKE_ZERO_GPU_LEFT is each visitor's quota in seconds; FAKE_ZERO_GPU_LOG a file that gets the
seconds that each call asked for.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from gradio.context import LocalContext

_forking = multiprocessing.get_context("fork")
_decorated: list[Callable[..., Any]] = []
_launch = gr.Blocks.launch
_is_available = torch.cuda.is_available


def gradio_auto_wrap(task: Any) -> Any:
    """Gradio itself calls this on a Space; the real one does nothing unless it is told to."""
    return task


def GPU(task: Callable[..., Any], *, duration: Callable[..., int]) -> Callable[..., Any]:  # noqa: N802
    """Have a function run where the GPU is."""
    worker = _Worker(task)

    def call(*arguments: Any) -> Any:
        _ask(duration(*arguments))
        return worker.run(arguments)

    _decorated.append(call)
    return call


class _Worker:
    """The forked process, with a queue in and a queue out."""

    def __init__(self, task: Callable[..., Any]) -> None:
        self._task = task
        self._process: Any = None

    def run(self, arguments: tuple[Any, ...]) -> Any:
        if self._process is None or not self._process.is_alive():
            self._arguments, self._results = _forking.SimpleQueue(), _forking.SimpleQueue()
            self._process = _forking.Process(target=self._serve, daemon=True)
            self._process.start()
            threading.Thread(target=self._end, args=(self._process, self._results)).start()
        self._arguments.put(arguments)
        outcome = self._results.get()
        if outcome is None:
            raise gr.Error("GPU task aborted", title="ZeroGPU worker error")
        result, error = outcome
        if error is not None:
            raise gr.Error(error, title="ZeroGPU worker error")
        return result

    def _end(self, process: Any, results: Any) -> None:
        process.join()
        results.put(None)

    def _serve(self) -> None:
        torch.cuda.is_available = _is_available
        while True:
            arguments = self._arguments.get()
            with ThreadPoolExecutor() as executor:
                executor.submit(self._answer, arguments).result()

    def _answer(self, arguments: tuple[Any, ...]) -> None:
        outcome: tuple[Any, str | None]
        try:
            outcome = (self._task(*arguments), None)
        except Exception as error:
            outcome = (None, type(error).__name__)
        self._results.put(outcome)


def _ask(seconds: int) -> None:
    """Refuse a visitor whose quota is too low, in the words of the real package."""
    with Path(os.environ["FAKE_ZERO_GPU_LOG"]).open("a", encoding="ascii") as log:
        log.write(f"{seconds}\n")
    if LocalContext.request.get(None) is None:
        message = "Space app has reached its GPU limit. Try re-running outside of examples"
        raise gr.Error(message, title="ZeroGPU quota exceeded")
    left = int(os.environ["FAKE_ZERO_GPU_LEFT"])
    if seconds > left:
        message = (
            f"You have exceeded your free ZeroGPU quota ({seconds}s requested vs. {left}s left). "
            "Try again in 3:21:10. "
        )
        raise gr.Error(message, title="ZeroGPU quota exceeded")


def _launch_once(*arguments: Any, **named: Any) -> Any:
    if not _decorated:
        raise RuntimeError("No @spaces.GPU function detected during startup")
    return _launch(*arguments, **named)


if os.environ.get("SPACES_ZERO_GPU") != "true":
    raise ImportError("SPACES_ZERO_GPU is not set")
if torch.cuda.is_initialized():
    raise RuntimeError("CUDA has been initialized before importing the `spaces` package.")
torch.cuda.is_available = lambda: True
gr.Blocks.launch = _launch_once  # type: ignore[method-assign]
