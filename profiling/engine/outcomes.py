"""What became of an attempt: its result, or why there is none."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from profiling.errors import DetachLabError
from profiling.measure import own
from profiling.measure.global_state import kept
from profiling.records import Status

T = TypeVar("T")


class Failure:
    """Why something could not be measured.

    Attributes:
        status: The status it gives a result.
        reason: Locale key of our explanation.
        message: The error's own text.
        values: What the explanation's placeholders stand for.
    """

    def __init__(self, error: BaseException) -> None:
        """Keep the error's text alone: its traceback would keep every tensor alive."""
        self.message = str(error) or type(error).__name__
        self.values: dict[str, str] = {}
        self.status, self.reason = Status.ERROR, "error.step_failed"
        if _is_out_of_memory(error):
            self.status, self.reason = Status.OUT_OF_MEMORY, "error.out_of_memory"
        elif isinstance(error, DetachLabError):
            self.reason = error.key
            self.values = {name: str(value) for name, value in error.values.items()}
            self.message = str(error.__cause__ or "")
        elif (place := own.place(error)) is not None:
            self.reason = "error.own_raised"
            self.values = {"place": place, "error": type(error).__name__}


def attempt(action: Callable[[], T]) -> T | Failure:
    """Do something and return its result, or why there is none, with its memory given back."""
    try:
        with kept():
            return action()
    except (Exception, SystemExit) as error:
        failure = Failure(error)
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return failure


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short; the CPU allocator says so in words only, torch may wrap it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    signs = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
    if any(sign in str(error) for sign in signs):
        return True
    return error.__cause__ is not None and _is_out_of_memory(error.__cause__)
