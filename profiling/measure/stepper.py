"""Runs a function as it stands and notes, after every statement, what its names stand for.

Python's own trace function is used: nothing is rewritten and nothing is hooked into how autograd
saves tensors, so what is seen is what happens without being watched.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator
from types import CodeType, FrameType
from typing import Any

import torch

from profiling.measure.global_state import kept
from profiling.measure.graph import Graphs
from profiling.measure.states import States, grad_mode, named_tensors
from profiling.model.lesson import LessonError, LessonStep, PartTrace

MAX_STEPS = 200
MAX_NAMES = 60
_MAX_PRINTED = 2_000


class Stepper:
    """Watches one function, the functions within it, and no other.

    Attributes:
        final: What its names stood for when it ended.
    """

    def __init__(self, code: CodeType, text: str, first_line: int, hidden: Collection[str]) -> None:
        """Prepare to watch.

        Args:
            code: The function's.
            text: Its source.
            first_line: Number of the source's first line in its file.
            hidden: Names that are not worth noting, such as those of its arguments.
        """
        self.final: dict[str, Any] = {}
        self._code = code
        self._codes = {id(each): each for each in _nested(code)}
        self._statements = _statements(text, first_line)
        self._hidden = set(hidden)
        self._steps: list[LessonStep] = []
        self._frames: list[FrameType] = []
        self._at: dict[FrameType, int] = {}
        self._printed = io.StringIO()
        self._states = States()
        self._graphs = Graphs(self._states)

    def run(self, name: str, call: Callable[[], object]) -> PartTrace:
        """Call something that runs the function, and return what happened.

        Args:
            name: What to call it.
            call: Runs the function.
        """
        error = None
        outer = sys.gettrace()
        with kept(), self._captured():
            sys.settrace(self._enter)
            try:
                call()
            except BaseException as raised:
                error = self._error(raised)
            finally:
                sys.settrace(outer)
        return PartTrace(name, tuple(self._steps), error, len(self._steps) == MAX_STEPS)

    @contextlib.contextmanager
    def _captured(self) -> Iterator[None]:
        def show(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
            self._printed.write(f"{category.__name__}: {message}\n")

        always = torch.is_warn_always_enabled()
        torch.set_warn_always(True)
        try:
            with contextlib.redirect_stdout(self._printed), warnings.catch_warnings():
                warnings.simplefilter("always")
                # As Python itself does: these are for those who write libraries.
                for category in (DeprecationWarning, ImportWarning, ResourceWarning):
                    warnings.simplefilter("ignore", category)
                warnings.showwarning = show
                yield
        finally:
            torch.set_warn_always(always)

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if id(frame.f_code) not in self._codes or len(self._steps) == MAX_STEPS:
            return None
        self._frames.append(frame)
        return self._watch

    def _watch(self, frame: FrameType, event: str, _: Any) -> Any:
        statement = self._statements.get(frame.f_lineno, frame.f_lineno)
        if event == "line" and self._at.get(frame) != statement:
            self._note(frame)
            self._at[frame] = statement
        elif event == "return":
            self._note(frame)
            # A generator that is only interrupted is entered again.
            self._at.pop(frame, None)
            self._frames.remove(frame)
            if frame.f_code is self._code:
                self.final = dict(frame.f_locals)
        return self._watch

    def _note(self, frame: FrameType) -> None:
        """Note what is there after the statement that a frame was at, if it was at any."""
        line = self._at.get(frame)
        if line is None or len(self._steps) == MAX_STEPS:
            return
        # An inner function's names beside those of the function itself.
        names = {**self._frames[0].f_locals, **frame.f_locals}
        names = {name: each for name, each in names.items() if not self._is_hidden(name)}
        found = dict(named_tensors(names))
        named = dict(itertools.islice(found.items(), MAX_NAMES))
        tensors = self._states.tensors(named)
        graph = self._graphs.record(named, watch=True)
        values = self._states.values(names)
        function = "" if frame.f_code is self._code else frame.f_code.co_name
        self._steps.append(
            LessonStep(
                line=line,
                function=function,
                grad_mode=grad_mode(),
                tensors=tensors,
                values=values,
                printed=self._take_printed(),
                graph=graph,
                left_out=len(found) - len(named),
            )
        )

    def _is_hidden(self, name: str) -> bool:
        return name in self._hidden or name.startswith("__")

    def _take_printed(self) -> str:
        text = self._printed.getvalue()
        self._printed.seek(0)
        self._printed.truncate()
        return text if len(text) <= _MAX_PRINTED else f"{text[:_MAX_PRINTED]}…"

    def _error(self, error: BaseException) -> LessonError:
        """Describe an error by the innermost of the watched lines that it passed."""
        lines = [
            line
            for frame, line in traceback.walk_tb(error.__traceback__)
            if id(frame.f_code) in self._codes
        ]
        line = lines[-1] if lines else 0
        return LessonError(type(error).__name__, str(error), self._statements.get(line, line))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType) and not each.co_name.startswith("<"):
            yield from _nested(each)


def _statements(text: str, first_line: int) -> dict[int, int]:
    """Map every line to the first line of the innermost statement that it belongs to."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(text)):  # Outer statements come first.
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            decorators = getattr(node, "decorator_list", ())
            first = min(each.lineno for each in (node, *decorators)) + first_line - 1
            last = (node.end_lineno or node.lineno) + first_line - 1
            found |= dict.fromkeys(range(first, last + 1), first)
    return found
