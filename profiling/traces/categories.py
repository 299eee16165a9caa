"""Names of the kinds of events, of all versions of the profiler."""

from __future__ import annotations

# Of torch 1.8 to 1.11, and what they are called since; in lower case.
_OLD_NAMES = {
    "operator": "cpu_op",
    "runtime": "cuda_runtime",
    "kernel": "kernel",
    "memcpy": "gpu_memcpy",
    "memset": "gpu_memset",
}
# Events without a category by the process that torch's older profiler puts them into.
_OF_PROCESSES = {"CPU functions": "cpu_op", "CUDA functions": "kernel"}
# Of Kineto, beside those that end in the names of a runtime or driver.
_KNOWN = frozenset(
    (
        *("cpu_op", "user_annotation", "gpu_user_annotation", "cpu_instant_event"),
        *("python_function", "overhead", "Trace", "kernel", "gpu_memcpy", "gpu_memset"),
        *("cuda_sync", "cuda_event", "cuda_profiler_range", "external_correlation"),
        *("mtia_ccp_events", "mtia_insight", "hpu_op", "collective_comm", "gpu_pm_counter"),
        *("xpu_sync", "xpu_scope_profiler", "itt"),
    )
)
# Of calls of a device's runtime or driver, such as cuda_runtime, cuda_driver and xpu_runtime.
_RUNTIME_ENDINGS = ("_runtime", "_driver")
# Of calls on the host that start work, beside these.
_MORE_CALLS = ("hpu_op",)

DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset", "mtia_ccp_events")


def is_runtime(category: str) -> bool:
    """Return whether a category is that of calls of a device's runtime or driver."""
    return category.endswith(_RUNTIME_ENDINGS)


def may_launch(category: str) -> bool:
    """Return whether a category is that of calls that may start work on a device."""
    return is_runtime(category) or category in _MORE_CALLS


def is_known(category: str) -> bool:
    """Return whether a category is one of the profiler's."""
    return category in _KNOWN or is_runtime(category)


def category_now(category: str | None, process: str | int | None) -> str | None:
    """Return what today's profiler calls a category.

    Example:
        >>> category_now("Operator", "1"), category_now(None, "CPU functions")
        ('cpu_op', 'cpu_op')
    """
    if category is None:
        return _OF_PROCESSES.get(process) if isinstance(process, str) else None
    return category if is_known(category) else _OLD_NAMES.get(category.lower(), category)
