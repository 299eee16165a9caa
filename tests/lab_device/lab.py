"""The simulated accelerator ``lab``: its module ``torch.lab``, and the switches that break it.

`install` makes it torch's accelerator for the rest of the process, which cannot be undone. Autograd
makes a thread for each device that is there when it first runs, so `install` comes before.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import types
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch.utils import backend_registration

from tests.lab_device.build import library

NAME = "lab"
# Time that each operation takes on the device, unless a test says otherwise: more than it takes to
# queue most, so that waiting matters.
DELAY_S = 20e-6
MEMORY_BYTES = 16 * 2**30

_STATISTICS = (
    "allocation",
    "segment",
    "active",
    "inactive_split",
    "allocated_bytes",
    "reserved_bytes",
    "active_bytes",
    "inactive_split_bytes",
    "requested_bytes",
)
_POOLS = ("all", "small_pool", "large_pool")
_VALUES = ("current", "peak", "allocated", "freed")
_COUNTS = ("num_alloc_retries", "num_ooms", "num_device_alloc", "num_device_free")
_KEYS = (*(".".join(each) for each in itertools.product(_STATISTICS, _POOLS, _VALUES)), *_COUNTS)


class Properties(NamedTuple):
    """What is told of the device."""

    name: str
    total_memory: int


def is_installed() -> bool:
    """Whether this process has the device."""
    return hasattr(torch, NAME)


def install() -> None:
    """Give torch the device, if it has not got it yet."""
    if is_installed():
        return
    torch.ops.load_library(library())
    backend_registration.rename_privateuse1_backend(NAME)
    module = cast("Any", types.ModuleType(f"torch.{NAME}"))
    module.Event = functools.partial(torch.Event, NAME)  # torch allows no class of it
    module.Stream = torch.Stream
    module.is_available = module.is_initialized = lambda: True
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.set_device = lambda device: None
    module.device = lambda device: contextlib.nullcontext()  # There is no other to change from.
    module._is_in_bad_fork = lambda: False
    module.init = module._lazy_init = lambda: None
    module.current_stream = torch.accelerator.current_stream
    module.synchronize = synchronize
    module.memory_stats = memory_stats
    module.memory_allocated = lambda device=None: _statistic("allocated_bytes.all.current")
    module.memory_reserved = lambda device=None: _statistic("reserved_bytes.all.current")
    module.max_memory_allocated = lambda device=None: _statistic("allocated_bytes.all.peak")
    module.max_memory_reserved = lambda device=None: _statistic("reserved_bytes.all.peak")
    module.reset_peak_memory_stats = lambda device=None: _library().lab_reset_peak()
    module.reset_accumulated_memory_stats = lambda device=None: _library().lab_reset_accumulated()
    module.mem_get_info = mem_get_info
    module.empty_cache = empty_cache
    module.get_device_properties = lambda device=None: Properties("A simulated device", _total())
    module.get_device_name = lambda device=None: module.get_device_properties().name
    module.get_amp_supported_dtype = lambda: [torch.float16, torch.bfloat16]
    torch._register_device_module(NAME, module)
    backend_registration.generate_methods_for_privateuse1_backend()
    # The first generator that is asked for is the device's own.
    generator = torch.Generator(device=NAME)
    module.default_generators = (generator,)
    module.manual_seed = module.manual_seed_all = generator.manual_seed
    module.seed = module.seed_all = generator.seed
    module.initial_seed = generator.initial_seed
    module.get_rng_state = lambda device=0: generator.get_state()
    module.set_rng_state = lambda state, device=0: generator.set_state(state)
    generator.manual_seed(torch.initial_seed())
    restore()


def restore() -> None:
    """Put every switch back, mend the device, and let all that is queued be done."""
    _library().lab_skip()
    _library().lab_fail_after(b"")
    _library().lab_fail_allocation(ctypes.c_int64(0))
    _library().lab_set_float64(True)
    _library().lab_set_memory_events(True)
    set_memory(MEMORY_BYTES)
    set_delay(DELAY_S)


def set_delay(seconds: float, operation: str = "") -> None:
    """Set the time that operations take on the device.

    Args:
        seconds: The time.
        operation: The operator that takes it, such as ``"aten::mm"``, or ``"copy"``; all unless
            given.
    """
    _library().lab_set_delay(operation.encode(), ctypes.c_int64(round(seconds * 1e9)))


def set_memory(total: int, taken: int = 0) -> None:
    """Set the bytes that the device has, and those of them that other processes have taken."""
    _library().lab_set_memory(ctypes.c_int64(total), ctypes.c_int64(taken))


@contextlib.contextmanager
def failing_allocation(nth: int) -> Iterator[None]:
    """Let the nth allocation inside be out of memory, and no other."""
    _library().lab_fail_allocation(ctypes.c_int64(nth))
    try:
        yield
    finally:
        _library().lab_fail_allocation(ctypes.c_int64(0))


@contextlib.contextmanager
def broken_after(operation: str) -> Iterator[None]:
    """Let the first such operation inside break the device, as an assertion in a kernel would.

    The next wait raises, and every call from then on. At the end the device is mended, which on a
    real one takes a new process.
    """
    _library().lab_fail_after(operation.encode())
    try:
        yield
    finally:
        _library().lab_fail_after(b"")


@contextlib.contextmanager
def without_float64() -> Iterator[None]:
    """Let the device have no float64."""
    _library().lab_set_float64(False)
    try:
        yield
    finally:
        _library().lab_set_float64(True)


@contextlib.contextmanager
def without_memory_events() -> Iterator[None]:
    """Let the allocator tell the profiler nothing."""
    _library().lab_set_memory_events(False)
    try:
        yield
    finally:
        _library().lab_set_memory_events(True)


def synchronize(device: object = None) -> None:
    """Wait until all queued work is done."""
    torch.accelerator.current_stream().synchronize()


def empty_cache() -> None:
    """Give segments that nothing is in back to the driver."""
    if not _library().lab_empty_cache():
        synchronize()  # It raises.


def memory_stats(device: object = None) -> dict[str, int]:
    """Return the allocator's statistics, under the names that they have for CUDA."""
    values = (ctypes.c_int64 * len(_KEYS))()
    _library().lab_stats(values)
    return dict(zip(_KEYS, values, strict=True))


def mem_get_info(device: object = None) -> tuple[int, int]:
    """Return the bytes that the driver has free, and all that it has."""
    free, total = ctypes.c_int64(), ctypes.c_int64()
    if not _library().lab_memory(ctypes.byref(free), ctypes.byref(total)):
        synchronize()  # It raises.
    return free.value, total.value


def _statistic(key: str) -> int:
    return memory_stats()[key]


def _total() -> int:
    return mem_get_info()[1]


def _library() -> ctypes.CDLL:
    found = _opened.get("library")
    if found is None:
        found = _opened["library"] = ctypes.CDLL(library())
        found.lab_empty_cache.restype = found.lab_memory.restype = ctypes.c_bool
    return found


_opened: dict[str, ctypes.CDLL] = {}
