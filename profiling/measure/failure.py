"""Why something could not be measured, as plain data: an error's traceback keeps tensors alive."""

from __future__ import annotations

import torch

from profiling.measure import own_workload
from profiling.model.errors import DetachLabError, file_error
from profiling.model.run import Status


class Failure:
    """Why something could not be measured.

    Attributes:
        status: The status it gives a result.
        reason: Locale key of our explanation.
        message: The error's own text.
        values: Values of the explanation's placeholders.
    """

    def __init__(self, error: BaseException) -> None:
        """Read an error; it is not kept."""
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
    """Whether memory ran out; the CPU's allocator says so in words only, and torch may wrap it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    signs = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
    if any(sign in str(error) for sign in signs):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)
