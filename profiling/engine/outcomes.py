"""What became of an attempt: its result, or why there is none."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

from profiling.measure import device
from profiling.measure.failure import Failure as Failure
from profiling.measure.global_state import kept

T = TypeVar("T")


def attempt(action: Callable[[], T]) -> T | Failure:
    """Do something and return its result, or why there is none, with its memory given back."""
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
    """Give memory back and forget its peaks, so that a process can serve somebody else."""
    give_memory_back()
    for each in device.in_use():
        if each.has_counters:
            each.reset_counters()
