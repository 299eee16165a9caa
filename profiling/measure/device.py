"""Devices: all that measuring needs to know and do that differs from one kind to another.

A kind of device is a class here, and no other module names one. The class itself needs no torch, so
the page's process can read what a kind has; an object of it, from `get`, loads torch. To add a
kind, add a class and list it in `ACCELERATORS`.
"""

from __future__ import annotations

import abc
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import psutil

from profiling.model.request import DTYPES
from profiling.model.run import DeviceInfo

if TYPE_CHECKING:
    import torch
    from torch.profiler import ProfilerActivity

_ROOT = Path("/")
# By version of control groups: limit, usage, and the field of memory.stat that can be reclaimed.
_CGROUP_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_CGROUP_V2 = ("memory.max", "memory.current", "inactive_file")

_COPY_BYTES = 256 * 2**20
_COPIES = 10


class Times(NamedTuple):
    """Seconds that one step took; None where there is no such phase or no such clock."""

    forward: float
    backward: float | None = None
    host_forward: float | None = None
    host_backward: float | None = None

    @property
    def total(self) -> float:
        """Forward and backward together."""
        return self.forward + (self.backward or 0.0)


class Counters(NamedTuple):
    """What a device's allocator has counted.

    Attributes:
        live_bytes: Requested and not freed.
        peak_bytes: The most of these since the last reset.
        allocated_bytes: Requested in total, freed or not.
        allocations: How often.
        block_bytes: Live bytes, rounded up to the allocator's blocks.
        block_peak_bytes: The most of these since the last reset.
        reserved_peak_bytes: The most that was held from the driver since the last reset.
    """

    live_bytes: int
    peak_bytes: int
    allocated_bytes: int
    allocations: int
    block_bytes: int
    block_peak_bytes: int
    reserved_peak_bytes: int


class Presence(NamedTuple):
    """Whether an accelerator can be used, and the locale key of the sentence that says why."""

    is_usable: bool
    reason: str


class Device(abc.ABC):
    """One device.

    Attributes:
        kind: What torch, the user and a run call it, such as ``"cpu"``.
        trace_name: What a trace's table calls it in ``memory_device``.
        is_accelerator: Whether its work is queued by the host. Time is then measured by events on
            the device, with the host's time beside it.
        has_counters: Whether its allocator counts what a step allocates. Otherwise that is read
            from the profiler's allocation events.
        has_kernels: Whether its kernels, copies and synchronisations are in a trace.
    """

    kind: ClassVar[str]
    trace_name: ClassVar[str]
    is_accelerator: ClassVar[bool]
    has_counters: ClassVar[bool]
    has_kernels: ClassVar[bool]

    @abc.abstractmethod
    def name(self) -> str:
        """Return the maker's name of the device."""

    @abc.abstractmethod
    def memory_bytes(self) -> int:
        """Return the size of its memory: of the machine's, for a CPU."""

    @abc.abstractmethod
    def free_bytes(self) -> int:
        """Return the bytes that this process can still allocate on it."""

    @abc.abstractmethod
    def activities(self) -> list[ProfilerActivity]:
        """Return what a profiler session has to record to see a step on it."""

    @abc.abstractmethod
    def generators(self) -> list[torch.Generator]:
        """Return its default random number generators."""

    @abc.abstractmethod
    def time_phases(self, forward: Callable[[], Any], backward: Callable[[Any], object]) -> Times:
        """Call forward, then backward with its result, and return how long each took."""

    @abc.abstractmethod
    def synchronize(self) -> None:
        """Wait until all queued work is done."""

    @abc.abstractmethod
    def empty_cache(self) -> None:
        """Give memory that torch holds unused back to the system."""

    def reset_counters(self) -> None:
        """Let the peaks and totals of `counters` start again; only where `has_counters`."""
        raise NotImplementedError

    def counters(self) -> Counters:
        """Return what its allocator has counted; only where `has_counters`."""
        raise NotImplementedError

    def copy_bandwidth(self) -> float | None:
        """Return the bytes a large copy reads and writes a second; None where it is not timed."""
        return None

    def driver(self) -> str | None:
        """Return the version of its driver, or None if there is none to tell."""
        return None

    def info(self) -> DeviceInfo:
        """Describe the device."""
        return DeviceInfo(self.kind, self.name(), self.memory_bytes(), self.dtypes())

    def dtypes(self) -> tuple[str, ...]:
        """Return the names of the dtypes that a small step of a workload's kind runs in."""
        return tuple(name for name in DTYPES if self._computes(name))

    def _computes(self, dtype: str) -> bool:
        import torch

        try:
            weight = torch.ones(
                2, 2, dtype=getattr(torch, dtype), device=self.kind, requires_grad=True
            )
            (weight @ weight).sigmoid().relu().mean().backward()
        except RuntimeError:
            return False
        return True


class Cpu(Device):
    """The CPU: work is done when a call returns, and there is no allocator that counts."""

    kind = "cpu"
    trace_name = "cpu"
    is_accelerator = False
    has_counters = False
    has_kernels = False

    def name(self) -> str:
        """Return the maker's name of the CPU."""
        # The standard library knows it on few systems only.
        cpuinfo = Path("/proc/cpuinfo")
        if cpuinfo.exists():
            for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        return platform.processor() or platform.machine()

    def memory_bytes(self) -> int:
        """Return the size of the machine's memory."""
        return psutil.virtual_memory().total

    def free_bytes(self) -> int:
        """Return what the machine or the container has available, within this process's limit."""
        available = available_bytes()
        limit = _own_limit()
        if limit is None:
            return available
        return max(0, min(available, limit - int(psutil.Process().memory_info().data)))

    def activities(self) -> list[ProfilerActivity]:
        """Return the host's activity."""
        from torch.profiler import ProfilerActivity

        return [ProfilerActivity.CPU]

    def generators(self) -> list[torch.Generator]:
        """Return torch's default generator."""
        import torch

        return [torch.default_generator]

    def time_phases(self, forward: Callable[[], Any], backward: Callable[[Any], object]) -> Times:
        """Measure wall time around each."""
        start = time.perf_counter_ns()
        result = forward()
        middle = time.perf_counter_ns()
        backward(result)
        end = time.perf_counter_ns()
        return Times((middle - start) / 1e9, (end - middle) / 1e9)

    def synchronize(self) -> None:
        """Return at once: nothing is queued."""

    def empty_cache(self) -> None:
        """Return at once: nothing is held."""


class Accelerator(Device):
    """A device with a module of its own below torch that has the functions of `torch.cuda`."""

    is_accelerator = True
    has_counters = True
    has_kernels = True

    def __init__(self) -> None:
        """Look the module up."""
        import torch

        self._module = torch.get_device_module(self.kind)

    @abc.abstractmethod
    def presence(self) -> Presence:
        """Tell whether the device can be used here."""

    def name(self) -> str:
        """Return the maker's name of the device."""
        return str(self._module.get_device_properties(0).name)

    def memory_bytes(self) -> int:
        """Return the size of the device's memory."""
        return int(self._module.get_device_properties(0).total_memory)

    def free_bytes(self) -> int:
        """Return what the driver has free and what torch's allocator holds unused."""
        free, _ = self._module.mem_get_info()
        return int(free + self._module.memory_reserved() - self._module.memory_allocated())

    def activities(self) -> list[ProfilerActivity]:
        """Return the host's activity and the device's."""
        from torch.profiler import ProfilerActivity

        return [ProfilerActivity.CPU, getattr(ProfilerActivity, self.kind.upper())]

    def generators(self) -> list[torch.Generator]:
        """Return the default generator of each device of this kind."""
        return list(self._module.default_generators)

    def time_phases(self, forward: Callable[[], Any], backward: Callable[[Any], object]) -> Times:
        """Measure time on the device by events, and on the host until the calls have returned."""
        start, middle, end = (self._module.Event(enable_timing=True) for _ in range(3))
        self._module.synchronize()
        host_start = time.perf_counter_ns()
        start.record()
        result = forward()
        middle.record()
        host_middle = time.perf_counter_ns()
        backward(result)
        end.record()
        host_end = time.perf_counter_ns()
        self._module.synchronize()
        return Times(
            start.elapsed_time(middle) / 1e3,
            middle.elapsed_time(end) / 1e3,
            (host_middle - host_start) / 1e9,
            (host_end - host_middle) / 1e9,
        )

    def synchronize(self) -> None:
        """Wait until all queued work is done."""
        self._module.synchronize()

    def is_initialized(self) -> bool:
        """Return whether this process has used the device."""
        return bool(self._module.is_initialized())

    def empty_cache(self) -> None:
        """Give memory that torch holds unused back to the driver."""
        self._module.empty_cache()

    def reset_counters(self) -> None:
        """Let the peaks and totals of `counters` start again."""
        self._module.reset_peak_memory_stats()
        self._module.reset_accumulated_memory_stats()

    def counters(self) -> Counters:
        """Return what the caching allocator has counted.

        Its ``requested_bytes``, unlike its ``allocated_bytes``, are not rounded up to blocks.
        """
        stats = self._module.memory_stats()
        return Counters(
            live_bytes=stats["requested_bytes.all.current"],
            peak_bytes=stats["requested_bytes.all.peak"],
            allocated_bytes=stats["requested_bytes.all.allocated"],
            allocations=stats["allocation.all.allocated"],
            block_bytes=stats["allocated_bytes.all.current"],
            block_peak_bytes=stats["allocated_bytes.all.peak"],
            reserved_peak_bytes=stats["reserved_bytes.all.peak"],
        )

    def copy_bandwidth(self) -> float:
        """Return the bytes a large copy within the device reads and writes a second.

        Returns:
            The median over ten copies of 256 MiB, or of a quarter of the free memory if that is
            less, by events; each byte counts once read and once written.
        """
        import torch

        size: int = min(_COPY_BYTES, self._module.mem_get_info()[0] // 4)
        source = torch.empty(size, dtype=torch.uint8, device=self.kind)
        target = torch.empty_like(source)
        target.copy_(source)
        seconds: list[float] = []
        for _ in range(_COPIES):
            start, end = (self._module.Event(enable_timing=True) for _ in range(2))
            start.record()
            target.copy_(source)
            end.record()
            self._module.synchronize()
            seconds.append(start.elapsed_time(end) / 1e3)
        return 2 * size / statistics.median(seconds)


class Cuda(Accelerator):
    """A GPU of NVIDIA's."""

    kind = "cuda"
    trace_name = "cuda"

    def presence(self) -> Presence:
        """Tell whether torch was built with CUDA and sees a GPU."""
        import torch

        if torch.version.cuda is None:
            return Presence(False, "environment.cuda_not_built")
        if not self._module.is_available():
            return Presence(False, "environment.cuda_no_gpu")
        return Presence(True, "environment.cuda_found")

    def driver(self) -> str | None:
        """Return the highest version of CUDA that the installed driver supports."""
        import torch

        version = getattr(torch._C, "_cuda_getDriverVersion", None)
        return None if version is None else f"{version() // 1000}.{version() % 1000 // 10}"


# In order of preference, all before the CPU.
ACCELERATORS: tuple[type[Accelerator], ...] = (Cuda,)
KINDS: dict[str, type[Device]] = {Cpu.kind: Cpu, **{each.kind: each for each in ACCELERATORS}}
# What a person may ask for.
CHOICES = ("auto", *KINDS)


def get(kind: str) -> Device:
    """Return the device of one of `KINDS`, whether it can be used or not."""
    return KINDS[kind]()


class Found(NamedTuple):
    """The devices that can be measured on.

    Attributes:
        devices: The one used by default first, the CPU last.
        reason: Locale key of the sentence that says why an accelerator is used or not.
    """

    devices: tuple[Device, ...]
    reason: str


def find(preferred: str) -> Found:
    """Find the devices that can be measured on.

    Args:
        preferred: One of `CHOICES`; with ``"cpu"`` no accelerator is touched.
    """
    cpu = get(Cpu.kind)
    if preferred == Cpu.kind:
        return Found((cpu,), "environment.cuda_not_asked")
    accelerators = [kind() for kind in sorted(ACCELERATORS, key=lambda it: it.kind != preferred)]
    presences = [(each, each.presence()) for each in accelerators]
    usable = [(each, presence) for each, presence in presences if presence.is_usable]
    _, told = (usable or presences)[0]
    return Found((*(each for each, _ in usable), cpu), told.reason)


def in_use() -> list[Accelerator]:
    """Return the accelerators that this process has used."""
    return [each for each in (kind() for kind in ACCELERATORS) if each.is_initialized()]


def generators() -> list[torch.Generator]:
    """Return the default random number generators of all devices in use, the CPU's first."""
    return [each for device in (get(Cpu.kind), *in_use()) for each in device.generators()]


def available_bytes(root: Path = _ROOT) -> int:
    """Return the bytes that can still be allocated on the machine, or in the container.

    Args:
        root: Where ``/proc`` and ``/sys`` are.
    """
    return max(0, min([int(psutil.virtual_memory().available), *_left_in_groups(root)]))


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what each control group around this process has left: a container has one."""
    for base, group, names in _memory_groups(root):
        # In a container the path may be the host's, of which only the top is visible.
        for folder in (base / group, *(base / group).parents):
            if folder.is_relative_to(base):
                left = _left(folder, names)
                if left is not None:
                    yield left


def _memory_groups(root: Path) -> Iterator[tuple[Path, str, tuple[str, str, str]]]:
    top = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            yield top, group.lstrip("/"), _CGROUP_V2
        elif "memory" in controllers.split(","):
            yield top / "memory", group.lstrip("/"), _CGROUP_V1


def _left(folder: Path, names: tuple[str, str, str]) -> int | None:
    limit, used, reclaimable = names
    try:
        most = int((folder / limit).read_text())
        now = int((folder / used).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None  # no limit, which is "max", or nothing to read
    return most - now + int(stat.get(reclaimable, 0))


def _own_limit() -> int | None:
    """Return the limit that the worker has set on this process's data; None if there is none."""
    if sys.platform != "linux":  # The worker sets one there only.
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft
