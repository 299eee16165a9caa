"""ZeroGPU: a GPU that Hugging Face lends for one call, out of the visitor's quota.

Outside of such a call there is no GPU: torch in the page's process only makes believe that there is
one. The call runs in a forked process that later calls use again, on the same files; what goes in
and comes out is pickled, and of an error other than Gradio's own only the class would come out.
"""

from __future__ import annotations

import contextvars
import datetime
import math
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple, ParamSpec, TypeVar

from profiling.engine.worker import import_measuring
from profiling.model.errors import DetachLabError, InputError, WorkerError
from profiling.model.lesson import LessonRequest
from profiling.model.request import COMPILED, Request

P = ParamSpec("P")
T = TypeVar("T")

# What torch calls a GPU that is lent.
LENT_DEVICE = "cuda"
# What a visitor without an account is lent in a day.
MAX_LENT_S = 120
# CUDA, the profiler and the fake tensors of the prediction start anew in a forked process.
_START_S = 10.0
# A branch's passes beside its timed steps: in the recorded runs up to 1.3 s, averaged over sizes.
_BRANCH_S = 1.5
# A lesson takes less than a second, and what it is the first to use on a GPU a few.
_LESSON_S = 5.0

# What the `spaces` package says when it refuses, as ``title: message``.
_REFUSALS = (
    (
        r"\((?P<requested>\d+)s requested vs\. (?P<left>-?\d+)s left\)"
        r"\. Try again in (?P<wait>[^.]+)",
        "error.gpu_quota",
    ),
    (r"GPU duration \((?P<requested>\d+)s\) is larger", "error.gpu_duration"),
    (r"runs limit", "error.gpu_runs"),
    (r"Space app has reached its GPU limit", "error.gpu_unknown_visitor"),
    (r"No GPU was available", "error.gpu_busy"),
    (r"pending credits exceeded", "error.gpu_pending"),
    (r"GPU task aborted", "error.gpu_ended"),
)


def on_zero_gpu() -> bool:
    """Whether this is a Space on ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def lent_s(request: Request | LessonRequest) -> int:
    """Return for how many seconds a GPU is to be lent for a comparison or a lesson.

    Raises:
        InputError: No GPU is lent for that long, or for compiled steps: each call would compile
            anew, in the visitor's time.
    """
    if isinstance(request, LessonRequest):
        return math.ceil(_START_S + _LESSON_S)
    if COMPILED in request.modes:
        raise InputError("error.gpu_compiled")
    cell_s = request.budget_s + _BRANCH_S * len(request.branches)
    needed = math.ceil(_START_S + cell_s * len(set(request.sizes)) * len(request.modes))
    if needed > MAX_LENT_S:
        raise InputError("error.gpu_too_long", needed=needed, high=MAX_LENT_S)
    return needed


class ZeroGpu(Executor):
    """Runs each job in a call that a GPU is lent for."""

    def __init__(self) -> None:
        """Tell `spaces` what is to be lent a GPU; the page must not be launched before.

        What measures is imported here, since the process that a GPU is lent to is forked from this
        one, and its time would pass meanwhile. `spaces` has imported torch anyway.
        """
        import spaces

        import_measuring()
        self._lent = spaces.GPU(run_lent, duration=_duration)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Ask for a GPU and run the job on it; a job that runs cannot be cancelled."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        # It is in the handler's context that `spaces` finds the visitor, whose quota it is.
        context = contextvars.copy_context()
        arguments = (self._settle, future, fn, args)
        threading.Thread(target=context.run, args=arguments, daemon=True).start()
        return future

    def _settle(self, future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            answer = self._lent(fn, *args)
        except Exception as error:
            future.set_exception(refusal(error))
            return
        if answer.error is not None:
            future.set_exception(answer.error)
        else:
            future.set_result(answer.result)


class Answer(NamedTuple):
    """What a lent call brings back."""

    result: Any
    error: DetachLabError | None = None


def run_lent(fn: Callable[..., Any], *arguments: Any) -> Answer:
    """Run a job where the GPU is, and bring its error back as data."""
    try:
        return Answer(fn(*arguments))
    except DetachLabError as error:
        return Answer(None, error)
    except Exception as error:
        return Answer(None, WorkerError("error.worker_failed", text=str(error) or repr(error)))


def refusal(error: Exception) -> DetachLabError:
    """Say in our own words why no GPU was lent, or what ended the call.

    Args:
        error: What a call raised: a ``gradio.Error`` with a title and a message.
    """
    said = f"{getattr(error, 'title', '')}: {getattr(error, 'message', error)}"
    for pattern, key in _REFUSALS:
        found = re.search(pattern, said)
        if found is not None:
            return WorkerError(key, **found.groupdict())
    return WorkerError("error.gpu_refused", text=said)


def _duration(fn: Callable[..., Any], request: Request | LessonRequest, *rest: Any) -> int:
    """Return for how long to ask; `spaces` passes what the call gets.

    It asks for the hardware's factor times that, and it is that which is lent and counts.
    """
    return math.ceil(lent_s(request) / _factor())


def _factor() -> float:
    """Return by what `spaces` multiplies a duration on this hardware; 1 if it does not tell."""
    try:
        from spaces.zero.client import get_duration_seconds

        factor = float(get_duration_seconds(datetime.timedelta(seconds=100), None)) / 100
    except Exception:  # It is none of its public functions.
        return 1.0
    return factor if factor > 0 else 1.0
