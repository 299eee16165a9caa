"""Failed attempts: why something could not be measured, and getting its memory back.

A failure is plain data, because an error's traceback would keep tensors alive.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from profiling.measure import device, own_workload
from profiling.measure.global_state import kept
from profiling.model.errors import DetachLabError, file_error
from profiling.model.run import Status

T = TypeVar("T")


class Failure:
    """Why something could not be measured.

    Attributes:
        status: The status it gives a result.
        reason: Locale key of our explanation.
        message: The error's own text.
        values: Values of the explanation's placeholders.
    """

    def __init__(self, error: BaseException) -> None:
        """Copy what a person is told of an error, without keeping the error."""
        self.message = str(error) or type(error).__name__
        self.values: dict[str, str] = {}
        self.status, self.reason = Status.ERROR, "error.step_failed"
        if is_out_of_memory(error):
            self.status, self.reason = Status.OUT_OF_MEMORY, "error.out_of_memory"
        elif (refused := file_error(error)) is not None:
            self.reason = refused.key
            self.values = {name: str(value) for name, value in refused.values.items()}
        elif isinstance(error, DetachLabError):
            self.reason = error.key
            self.values = {name: str(value) for name, value in error.values.items()}
            self.message = str(error.__cause__ or "")
        elif (place := own_workload.place_of_error(error)) is not None:
            self.reason = "error.own_raised"
            self.values = {"place": place, "error": type(error).__name__}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means out of memory; the CPU allocator says so only in its message."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    signs = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
    if any(sign in str(error) for sign in signs):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def attempt(action: Callable[[], T]) -> T | Failure:
    """Return what an action returns, or why it failed, with its memory given back.

    Torch's global state is restored either way.
    """
    try:
        with kept():
            return action()
    except (Exception, SystemExit) as error:
        failure = Failure(error)
    give_memory_back()
    return failure


def give_memory_back() -> None:
    """Free what a failed attempt left in reference cycles, and what devices hold unused."""
    gc.collect()
    for each in device.in_use():
        each.empty_cache()


def clear_device() -> None:
    """Free cached memory and reset its peaks, so that a process can serve somebody else."""
    give_memory_back()
    for each in device.in_use():
        if each.has_counters:
            each.reset_counters()
