"""Runs a function as it stands and records, after every statement, what its names stand for.

Python's own trace function is used: nothing is rewritten, and nothing is hooked into how autograd
saves tensors, so what is recorded is what happens without being watched. Lessons are run this way
and their claims decided by what happened; so is code typed into the playground, in a process that
is thrown away afterwards.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import io
import itertools
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

import torch

from profiling import catalogue
from profiling.measure import device
from profiling.measure.cuts import Cuts
from profiling.measure.global_state import kept
from profiling.measure.graph import Graphs
from profiling.measure.snapshot import Snapshots, grad_mode, in_transform, named_tensors
from profiling.model.lesson import (
    ClaimResult,
    LessonError,
    LessonRequest,
    LessonStep,
    LessonTrace,
    PartTrace,
)

MAX_STEPS = 200
MAX_NAMES = 60
PLAYGROUND_PART = "playground"
_MAX_PRINTED = 2_000
_STOP_AGAIN_S = 0.5
_SCRIPT_NAMES = {"__name__": "__main__"}


def run_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson's functions step by step and decide its claims.

    Tensors are made on the request's device without the code naming it: it is torch's default
    device meanwhile.

    Args:
        request: The lesson's name, inputs and device, as `profiling.engine.plan.place_lesson`
            returns it.
    """
    entry = catalogue.lesson(request.name)
    module = importlib.import_module(f"demos.lessons.{entry.topic}.{entry.name}")
    arguments: dict[str, Any] = {}
    if entry.values is not None:
        arguments["values"] = list(entry.values if request.values is None else request.values)
    if entry.op is not None:
        # The text comes from our own table, never from a visitor.
        arguments["op"] = eval(catalogue.OPS[request.op or entry.op])
    parts, seen = [], []
    with _on(request.device):
        for name, source in entry.parts.items():
            torch.manual_seed(0)
            part, names = _run_part(name, getattr(module, name), source, arguments)
            parts.append(part)
            seen.append(names)
        torch.manual_seed(0)
        claims = module.claims(*seen)
    results = tuple(ClaimResult(claim, checks) for claim, checks in claims.items())
    return LessonTrace(request, tuple(parts), results)


def step_code(source: str, seconds: float) -> PartTrace:
    """Run a person's code statement by statement, in an empty folder and without any input.

    Args:
        source: Python; an error that it raises, a syntax error too, is part of the result.
        seconds: Time after which it is stopped, at the line it has reached.
    """
    try:
        code = compile(source, "<playground>", "exec")
    except (SyntaxError, ValueError) as error:  # ValueError: a null character.
        line = getattr(error, "lineno", None) or 1
        text = getattr(error, "msg", None) or str(error)
        return PartTrace(PLAYGROUND_PART, (), LessonError(type(error).__name__, text, line))
    torch.manual_seed(0)
    stepper = Stepper(code, source, 1, ())
    with empty_folder():
        return stepper.run(PLAYGROUND_PART, lambda: run_code(code, seconds))


def run_code(code: CodeType, seconds: float) -> None:
    """Run a person's code within its limits, which hold for nothing after it.

    Args:
        code: Their compiled code.
        seconds: Time after which it is stopped by a `TimeLimit`.
    """
    try:
        with _time_limit(seconds):
            exec(code, dict(_SCRIPT_NAMES))
    finally:
        # What it has taken is still held, and saying what happened takes some more.
        _lift_memory_limit()


class TimeLimit(BaseException):
    """The code ran too long; no ``except Exception`` of its own stops it."""


class Stepper:
    """Watches one function, with the functions defined in it, and no other.

    Attributes:
        final: What its names stood for when it ended.
    """

    def __init__(self, code: CodeType, text: str, first_line: int, hidden: Collection[str]) -> None:
        """Prepare to watch.

        Args:
            code: The function's.
            text: Its source.
            first_line: Number of the source's first line in its file.
            hidden: Names that are not recorded, such as those of its arguments.
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
        self._snapshots = Snapshots()
        self._cuts = Cuts(self._snapshots.objects)
        self._graphs = Graphs(self._snapshots, self._cuts)

    def run(self, name: str, call: Callable[[], object]) -> PartTrace:
        """Call something that runs the function, and return what happened.

        Args:
            name: What to call it.
            call: Runs the function.
        """
        error = None
        outer = sys.gettrace()
        with kept(), _one_thread(), self._captured(), self._cuts:
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
            if not _torch_is_importing():
                self._printed.write(f"{category.__name__}: {message}\n")

        always = torch.is_warn_always_enabled()
        torch.set_warn_always(True)
        try:
            with contextlib.redirect_stdout(self._printed), warnings.catch_warnings():
                warnings.simplefilter("always")
                # Python ignores these by default too: they are for authors of libraries.
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
            self._record(frame)
            self._at[frame] = statement
        elif event == "return":
            self._record(frame)
            # A generator that only yielded is entered again.
            self._at.pop(frame, None)
            self._frames.remove(frame)
            if frame.f_code is self._code:
                self.final = dict(frame.f_locals)
        return self._watch

    def _record(self, frame: FrameType) -> None:
        """Record what there is after the statement that a frame was at, if it was at one."""
        line = self._at.get(frame)
        if line is None or len(self._steps) == MAX_STEPS or in_transform():
            return
        # An inner function's names are shown beside those of the outer one.
        names = {**self._frames[0].f_locals, **frame.f_locals}
        names = {name: each for name, each in names.items() if not self._is_hidden(name)}
        with torch._C.DisableTorchFunction():  # What is looked at here is no call of the code's.
            found = dict(named_tensors(names))
            named = dict(itertools.islice(found.items(), MAX_NAMES))
            tensors = self._snapshots.tensors(named)
            graph = self._graphs.record(named, watch=True)
            values = self._snapshots.values(names)
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
        """Describe an error, by the innermost watched line in its traceback."""
        lines = [
            line
            for frame, line in traceback.walk_tb(error.__traceback__)
            if id(frame.f_code) in self._codes
        ]
        line = lines[-1] if lines else 0
        return LessonError(type(error).__name__, str(error), self._statements.get(line, line))


@contextlib.contextmanager
def _on(spec: str) -> Iterator[None]:
    """Let torch make tensors on a device where no other is named; restore its global state."""
    used = device.get(spec)
    if used.is_accelerator:
        # Only of a device that is in use are random numbers put back.
        torch.empty(0, device=spec)
    with kept():
        if used.is_accelerator:  # A default device costs each call time, the CPU too.
            used.select()
            torch.set_default_device(spec)
        yield


def _torch_is_importing() -> bool:
    """Whether torch is importing a module of its own: what that warns of is not the code's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_name == "<module>" and name.startswith("torch."):
            return True
        frame = frame.f_back
    return False


def _one_thread() -> contextlib.AbstractContextManager[None]:
    """Let an accelerator's backward run on this thread, whose trace function sees no other."""
    return torch.autograd.set_multithreading_enabled(False)


def _run_part(
    name: str, function: Any, source: catalogue.Source, arguments: dict[str, Any]
) -> tuple[PartTrace, SimpleNamespace]:
    code = function.__code__
    given = {key: arguments[key] for key in code.co_varnames[: code.co_argcount]}
    stepper = Stepper(code, source.text, source.first_line, given)
    part = stepper.run(name, functools.partial(function, **given))
    error = part.error.text if part.error else None
    return part, SimpleNamespace(**{**stepper.final, "error": error})


@contextlib.contextmanager
def empty_folder() -> Iterator[None]:
    """Run what is inside in an empty folder, without any input."""
    before, stdin = Path.cwd(), sys.stdin
    with (
        tempfile.TemporaryDirectory(prefix="detach-lab-") as folder,
        Path(os.devnull).open() as nothing,
    ):
        os.chdir(folder)
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = stdin
            os.chdir(before)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Stop what is inside by a `TimeLimit`, where the system has such a clock."""
    if not hasattr(signal, "setitimer"):  # Windows, where the process's own limit has to do.
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeLimit(f"stopped after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    # Repeatedly, since an exception raised in a finalizer is ignored.
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, _STOP_AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _lift_memory_limit() -> None:
    if sys.platform == "linux":  # Elsewhere there is none.
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType) and not each.co_name.startswith("<"):
            yield from _nested(each)


def _statements(text: str, first_line: int) -> dict[int, int]:
    """Map every line to the first line of the innermost statement it belongs to."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(text)):  # Outer statements come first.
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            decorators = getattr(node, "decorator_list", ())
            first = min(each.lineno for each in (node, *decorators)) + first_line - 1
            last = (node.end_lineno or node.lineno) + first_line - 1
            found |= dict.fromkeys(range(first, last + 1), first)
    return found
