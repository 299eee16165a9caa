"""What went wrong with a trace, in words that fit one."""

from __future__ import annotations

from profiling.errors import DetachLabError, InputError, WorkerError, file_error

_KNOWN = {"error.worker_died": "error.trace_died", "error.worker_late": "error.trace_late"}


def trace_fault(error: Exception) -> DetachLabError:
    """Return what to say of an error that came of reading or showing a trace.

    No list of what a made-up trace can make pandas raise would be complete.

    Example:
        >>> trace_fault(KeyError("ts")).key, trace_fault(WorkerError("error.worker_late")).key
        ('error.trace_failed', 'error.trace_late')
    """
    error = file_error(error) or error
    if isinstance(error, WorkerError) or not isinstance(error, DetachLabError):
        key = error.key if isinstance(error, WorkerError) else ""
        return InputError(_KNOWN.get(key, "error.trace_failed"))
    return error
