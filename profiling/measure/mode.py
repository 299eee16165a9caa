"""How the steps of a cell are run: as they stand, compiled, or under autocast."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch

from profiling.model.errors import CompilerError
from profiling.model.request import AUTOCAST, COMPILED
from profiling.model.run import Cell, Notice, Sample

Function = Callable[..., Any]

_OPTIONS: dict[str, str | int | bool | Callable[..., Any]] = {
    # A process more for each core would outlive this one when it is killed.
    "compile_threads": 1,
    # Drawn as in eager: with other numbers a right gradient would be another one.
    "fallback_random": True,
}
# What is told of a graph break: its first line, which names its cause.
_LONGEST_REASON = 160
# Names of the exceptions of a compiler that failed, and of a step that failed as it was traced.
_FAILED, _STEP_FAILED = "TorchDynamoException", "TorchRuntimeError"


class Mode:
    """Runs steps as they stand.

    Attributes:
        predicts: Whether fake tensors take the same way as real ones, so that a peak is predicted.
        precision: What gradients are computed in; None for the dtype that they have.
    """

    predicts = True
    precision: torch.dtype | None = None

    def of_step(self, function: Function) -> Function:
        """Return a branch's function as it is to be run."""
        return function

    def of_reference(self, function: Function) -> Function:
        """Return the function that computes the correct gradients as it is to be run."""
        return function

    def begin(self) -> None:
        """Forget what was noted of the step before; the next one runs for the first time."""

    def samples(self, first_s: float) -> list[Sample]:
        """Return what is measured of a step's first run alone, which took so many seconds."""
        return []

    def notices(self) -> Iterator[Notice]:
        """Yield what a person should know of a step that has run for the first time."""
        yield from ()


class Compiled(Mode):
    """Runs steps compiled by inductor, each size with kernels of its own."""

    predicts = False

    def __init__(self) -> None:
        """Forget all that was compiled for other cells, whose sizes would count as dynamic."""
        # Graph breaks are told with the results.
        logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
        torch.compiler.reset()

    def of_step(self, function: Function) -> Function:
        """Return the compiled function."""
        return torch.compile(function, dynamic=False, options=_OPTIONS)

    def begin(self) -> None:
        """Let the compiler count anew."""
        _counters().clear()

    def samples(self, first_s: float) -> list[Sample]:
        """Return the time of the first step, nearly all of which compiles."""
        return [Sample("step", "compile", "s", 0, first_s)]

    def notices(self) -> Iterator[Notice]:
        """Say where the compiler had to leave code to Python."""
        breaks = _counters().get("graph_break")
        if breaks:
            reason = next(iter(breaks)).partition("\n")[0][:_LONGEST_REASON]
            count = str(sum(breaks.values()))
            yield Notice("notice.graph_breaks", {"count": count, "reason": reason})


class Autocast(Mode):
    """Runs forward under autocast, in the dtype that torch has for the device; backward as it is.

    The correct gradients are computed likewise: what is asked is whether a cut is right, and not
    how exact the dtype is.
    """

    def __init__(self, device: str) -> None:
        """Ask for the dtype."""
        self._kind = torch.device(device).type
        self.precision = torch.get_autocast_dtype(self._kind)

    def of_step(self, function: Function) -> Function:
        """Return the function under autocast; its cache of weights ends with the call."""
        kind, dtype = self._kind, self.precision

        @functools.wraps(function)
        def under_autocast(*args: Any, **kwargs: Any) -> Any:
            with torch.autocast(kind, dtype):
                return function(*args, **kwargs)

        return under_autocast

    of_reference = of_step


def of_cell(cell: Cell) -> Mode:
    """Return the mode of a cell that is about to be built."""
    if cell.mode == COMPILED:
        return Compiled()
    return Autocast(cell.device) if cell.mode == AUTOCAST else Mode()


def check_compiler(error: BaseException) -> None:
    """Raise what ends this process if an error says that compiling failed.

    The compiler may leave torch in a state in which nothing works, as when an inference tensor that
    is a view meets it (github.com/pytorch/pytorch/issues/180823).

    Raises:
        CompilerError: It does.
    """
    if is_compiler_failure(error):
        inner = getattr(error, "inner_exception", None) or error
        text = f"{type(inner).__name__}: {inner}" if str(inner) else type(inner).__name__
        raise CompilerError("error.compile_failed", text=text.partition("\n\n")[0]) from None


def is_compiler_failure(error: BaseException) -> bool:
    """Return whether compiling failed, and not the step itself, which is run while it is traced."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return _FAILED in kinds and _STEP_FAILED not in kinds


def uncompiled(function: Function) -> Function:
    """Return a function that no compiler looks into, though compiled code calls it."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return]


def _counters() -> dict[str, Any]:
    """Return what the compiler counts; nothing from a torch that has it elsewhere."""
    try:
        from torch._dynamo.utils import counters
    except ImportError:
        return {}
    return counters
