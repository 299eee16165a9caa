"""Failed attempts: why something could not be measured, and getting its memory back.

A failure is plain data, because an error's traceback would keep tensors alive.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from profiling.measure import device, own_workload
from profiling.measure.device import Device
from profiling.measure.global_state import kept
from profiling.measure.mode import check_compiler
from profiling.model.errors import (
    DetachLabError,
    DeviceLostError,
    SpentProcessError,
    file_error,
)
from profiling.model.run import Status

T = TypeVar("T")

# What is said by the CPU's allocator, and by drivers and libraries that have not torch's own error.
_OUT_OF_MEMORY = (
    *("can't allocate memory", "not enough memory", "Storage size calculation overflowed"),
    *("CUDA error: out of memory", "HIP error: out of memory", "hipErrorOutOfMemory"),
    *("CUDA out of memory", "HIP out of memory", "XPU out of memory"),
    # Of cuBLAS, cuDNN, cuSOLVER, cuSPARSE, hipBLAS and hipSOLVER.
    *("_STATUS_ALLOC_FAILED", "rocblas_status_memory_error", "miopenStatusAllocFailed"),
    *("UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY", "UR_RESULT_ERROR_OUT_OF_HOST_MEMORY"),
    *("MPS backend out of memory", "Invalid buffer size"),
)


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
    if any(sign in str(error) for sign in _OUT_OF_MEMORY):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def attempt(action: Callable[[], T]) -> T | Failure:
    """Return what an action returns, or why it failed, with its memory given back.

    Torch's global state is restored either way.

    Raises:
        DeviceLostError: It failed, and a device in use now fails at everything.
        CompilerError: It failed in compiling.
    """
    failure: Failure | None = None
    try:
        with kept():
            try:
                return action()
            except SpentProcessError:
                raise
            except (Exception, SystemExit) as error:
                check_compiler(error)
                failure = Failure(error)
    except SpentProcessError:
        raise
    except Exception as error:  # The state of a device that is lost cannot be put back.
        failure = failure or Failure(error)
    give_memory_back(failure.message)
    return failure


def give_memory_back(after: str = "") -> None:
    """Free what a failed attempt left in reference cycles, and what devices hold unused.

    Args:
        after: The error's text, if there was one.

    Raises:
        DeviceLostError: A device in use fails at this, as after a failed assertion in a kernel.
    """
    gc.collect()
    for each in device.in_use():
        try:
            _give_back(each)
        except Exception:
            # An error that is told late is told once; a device that is lost fails for good.
            try:
                _give_back(each)
            except Exception as error:
                text = after or str(error) or type(error).__name__
                raise DeviceLostError("error.device_lost", text=text) from None


def _give_back(used: Device) -> None:
    used.synchronize()
    used.empty_cache()


def clear_device() -> None:
    """Free cached memory and reset its peaks, so that a process can serve somebody else."""
    give_memory_back()
    for each in device.in_use():
        if each.counts():
            each.reset_counters()
