"""Tells before a step runs whether it fits in free memory."""

from __future__ import annotations

import sys

import psutil
import torch

from profiling.measure.prediction import Prediction, Predictions
from profiling.measure.room import available_bytes


def free_bytes(device: str) -> int:
    """Return the bytes that this process can still allocate on a device.

    On the CPU that is what the machine or the container has available, or what the process's own
    limit leaves; on CUDA what the driver has free and what torch's allocator holds unused.
    """
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    available = available_bytes()
    limit = _own_limit()
    if limit is None:
        return available
    return max(0, min(available, limit - int(psutil.Process().memory_info().data)))


def needed_bytes(predictions: Predictions, step: Prediction | None) -> int:
    """Return what has to be free before anything of a cell is built, for one step to run.

    That is the state, the gradients that the step's are compared with, and the step itself; what
    could not be predicted counts as nothing.
    """
    parameters = predictions.parameter_bytes or 0
    state = parameters + (predictions.input_bytes or 0)
    return state + parameters + (step.peak_bytes if step is not None else 0)


def _own_limit() -> int | None:
    """Return the limit of this process's data that the worker has set, if any."""
    if sys.platform != "linux":  # The worker sets one there only.
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft
