"""Watches a lesson's code or a person's own, to say why a parameter gets no gradient.

It runs a second time for this, so that what `profiling.measure.stepper` records stays as it is.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

from profiling import catalogue
from profiling.measure.global_state import kept
from profiling.measure.stepper import TimeLimit, empty_folder, run_code
from profiling.model.lesson import LessonRequest
from profiling.watch import watch
from profiling.watch.record import Counts, Environment, Failure, Watch

_NAME = "playground.py"
# The variables of what runs stand beside the call when watching ends, which gives tensors names.
_CALL = compile("with watch() as seen:\n    globals().update(run())", "<watching>", "exec")


def watch_lesson(request: LessonRequest) -> Watch:
    """Run the part of a lesson that shows the wrong code, or its only part, on the CPU.

    Args:
        request: The lesson and its inputs.
    """
    entry = catalogue.lesson(request.name)
    module = importlib.import_module(f"demos.lessons.{entry.topic}.{entry.name}")
    arguments: dict[str, Any] = {}
    if entry.values is not None:
        arguments["values"] = list(entry.values if request.values is None else request.values)
    if entry.op is not None:
        # The text comes from our own table, never from a visitor.
        arguments["op"] = eval(catalogue.OPS[request.op or entry.op])
    function = getattr(module, "wrong" if "wrong" in entry.parts else next(iter(entry.parts)))
    code = function.__code__
    given = {key: arguments[key] for key in code.co_varnames[: code.co_argcount]}
    return _watched(code, lambda: function(**given))


def watch_code(source: str, seconds: float) -> Watch:
    """Run a person's code in an empty folder and without any input.

    Args:
        source: Python.
        seconds: Time after which it is stopped.
    """
    try:
        code = compile(source, _NAME, "exec")
    except (SyntaxError, ValueError) as error:  # ValueError: a null character.
        failure = Failure(type(error).__name__, str(error), None, "elsewhere")
        return Watch((_NAME,), Environment(torch.__version__, "", ""), Counts(), failure=failure)
    with empty_folder():
        Path(_NAME).write_text(source, encoding="utf-8")
        return _watched(code, lambda: run_code(code, seconds))


def _watched(code: CodeType, call: Callable[[], object]) -> Watch:
    found: dict[str, Any] = {}
    names: dict[str, Any] = {"watch": watch, "run": lambda: _final(code, call, found)}
    torch.manual_seed(0)
    with (
        kept(),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        contextlib.suppress(Exception, SystemExit, TimeLimit),
    ):
        warnings.simplefilter("ignore")
        exec(_CALL, names)
    record: Watch = names["seen"].record
    return record


def _final(code: CodeType, call: Callable[[], object], found: dict[str, Any]) -> dict[str, Any]:
    """Call something, and return what the names of a function in it stood for when it ended."""
    outer = sys.gettrace()

    def within(frame: FrameType, event: str, _: Any) -> Any:
        if event == "return":
            found.update({name: each for name, each in frame.f_locals.items() if name[:2] != "__"})
        return within

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        return within if frame.f_code is code else None

    sys.settrace(enter)
    try:
        call()
    finally:
        sys.settrace(outer)
    return found
