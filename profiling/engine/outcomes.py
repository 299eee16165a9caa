"""What became of an attempt: its result, or why there is none."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

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
    """Free what a failed attempt has left in reference cycles, and what CUDA holds unused."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def clear_device() -> None:
    """Give memory back and forget its peaks, so that a process can serve somebody else."""
    give_memory_back()
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.reset_accumulated_memory_stats()
