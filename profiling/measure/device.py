"""Devices: all that measuring needs to know and do that differs from one kind to another.

A kind of device is a class here, and no other module names one. The class itself needs no torch, so
the page's process can read what a kind has; an object of it, from `get`, loads torch. To add a
kind, add a class and list it in `ACCELERATORS`.
"""

from __future__ import annotations

import abc
import copy
import functools
import importlib.util
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
import timeit
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import psutil
from msgspec.structs import replace

from profiling.model.request import AUTO, DTYPES
from profiling.model.run import DeviceInfo, Notice

if TYPE_CHECKING:
    import torch
    from torch.profiler import ProfilerActivity

_ROOT = Path("/")
# By version of control groups: limit, usage, and the field of memory.stat that can be reclaimed.
_CGROUP_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_CGROUP_V2 = ("memory.max", "memory.current", "inactive_file")

_COPY_BYTES = 256 * 2**20
_LEAST_COPY_BYTES = 64 * 2**20
_COPIES = 10

# Compilers of C++ by platform, where it is not GCC.
_CXX = {"darwin": "clang++", "win32": "cl"}

# The first driver of NVIDIA's that CUDA 13 runs on.
_CUDA_13_DRIVER = 580
# How CUDA and HIP say that a build has nothing for a GPU of this age.
_OTHER_ARCHITECTURE = ("no kernel image", "invalid device function", "NoBinaryForGpu")
_MATMUL_FLAGS = (
    "allow_tf32",
    "fp32_precision",
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
)
_MKLDNN_FLAGS = ("matmul.fp32_precision", "conv.fp32_precision", "rnn.fp32_precision")
_CUDNN_FLAGS = (
    *("enabled", "benchmark", "deterministic", "allow_tf32"),
    *("fp32_precision", "conv.fp32_precision", "rnn.fp32_precision"),
)


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
    """Whether an accelerator can be used, and the sentence that says why.

    Attributes:
        reason: Locale key of the sentence.
        values: What its placeholders stand for.
        is_there: Whether there is something that could be used if it were put right.
    """

    is_usable: bool
    reason: str
    values: Mapping[str, str] = {}
    is_there: bool = False


class Setting(NamedTuple):
    """Something of torch's global state: how to read it and how to put it back."""

    read: Callable[[], Any]
    write: Callable[[Any], object]


class Generator(Protocol):
    """What is needed of a random number generator."""

    def get_state(self) -> torch.Tensor:
        """Return its state."""

    def set_state(self, new_state: torch.Tensor) -> Any:
        """Take a state."""


class Device(abc.ABC):
    """One device.

    Attributes:
        kind: What torch, the user and a run call it, such as ``"cpu"``.
        trace_name: What a trace's table calls it in ``memory_device``.
        is_accelerator: Whether its work is queued by the host. Time is then measured by events on
            the device, with the host's time beside it.
        has_counters: Whether its allocator counts what a step allocates.
        has_allocations: Whether its allocations are in a trace. What neither its allocator counts
            nor a trace has is counted by the results of operators.
        has_kernels: Whether its kernels, copies and synchronisations are in a trace.
        index: Which of several devices of its kind it is.
    """

    kind: ClassVar[str]
    trace_name: ClassVar[str]
    is_accelerator: ClassVar[bool]
    has_counters: ClassVar[bool]
    has_allocations: ClassVar[bool] = True
    has_kernels: ClassVar[bool]
    index: int = 0

    @property
    def spec(self) -> str:
        """What torch, the user and a run call this one, such as ``"cuda"`` or ``"cuda:1"``."""
        return f"{self.kind}:{self.index}" if self.index else self.kind

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
    def generators(self) -> Sequence[Generator]:
        """Return its default random number generators."""

    @abc.abstractmethod
    def time_phases(self, forward: Callable[[], Any], backward: Callable[[Any], object]) -> Times:
        """Call forward, then backward with its result, and return how long each took."""

    def time_loop(self, call: Callable[[], object], loops: int) -> Times:
        """Make a call many times in a row, and return how long each took on average."""
        timer = _warm_timer(call, loops)
        return Times(timer.timeit(loops) / loops)

    @abc.abstractmethod
    def synchronize(self) -> None:
        """Wait until all queued work is done."""

    @abc.abstractmethod
    def empty_cache(self) -> None:
        """Give memory that torch holds unused back to the system."""

    def select(self) -> None:
        """Let torch use this one of several of its kind, where no other is named."""
        return

    def counts(self) -> bool:
        """Return whether its allocator counts as it is set up in this process."""
        return self.has_counters

    def reset_counters(self) -> None:
        """Let the peaks and totals of `counters` start again; only where it `counts`."""
        raise NotImplementedError

    def counters(self) -> Counters:
        """Return what its allocator has counted; only where it `counts`."""
        raise NotImplementedError

    def untold(self) -> tuple[Notice, ...]:
        """Return what cannot be measured on it, or only otherwise than elsewhere."""
        return ()

    def copy_bandwidth(self) -> float | None:
        """Return the bytes a large copy reads and writes a second; None where it is not timed."""
        return None

    def driver(self) -> str | None:
        """Return the version of its driver, or None if there is none to tell."""
        return None

    def backend(self) -> str:
        """Return what torch was built with to use it, with the version; empty for a CPU."""
        return ""

    def settings(self) -> dict[str, Setting]:
        """Return what of torch's global state concerns it alone, by the name of what sets it."""
        return {}

    def flags(self) -> dict[str, str]:
        """Return the settings that change how fast or how exactly it computes."""
        return {}

    def compiler(self) -> str:
        """Return what `torch.compile` compiles with for it; empty if that is not installed."""
        return ""

    def info(self) -> DeviceInfo:
        """Describe the device."""
        return DeviceInfo(
            self.kind,
            self.name(),
            self.memory_bytes(),
            self.dtypes(),
            self.index,
            self.compiler(),
        )

    def dtypes(self) -> tuple[str, ...]:
        """Return the names of the dtypes that a small step of a workload's kind runs in."""
        return tuple(name for name in DTYPES if self._computes(name))

    def _computes(self, dtype: str) -> bool:
        try:
            self._compute(dtype)
        except (RuntimeError, TypeError):  # MPS says by the type that it lacks one.
            return False
        return True

    def _compute(self, dtype: str) -> None:
        """Run a small step of a workload's kind."""
        import torch

        weight = torch.ones(2, 2, dtype=getattr(torch, dtype), device=self.spec, requires_grad=True)
        (weight @ weight).sigmoid().relu().mean().backward()
        self.synchronize()


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

    def generators(self) -> Sequence[Generator]:
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

    def compiler(self) -> str:
        """Return the compiler of C++ that torch calls unless told otherwise."""
        program = os.environ.get("CXX") or _CXX.get(sys.platform, "g++")
        return Path(program).name if shutil.which(program) else ""

    def settings(self) -> dict[str, Setting]:
        """Return the precision of the library that computes products."""
        owner = "torch.backends.mkldnn"
        return {owner: _attributes(owner, _MKLDNN_FLAGS)}


class Accelerator(Device):
    """A device that torch's module of its own, or `torch.accelerator`, serves as `torch.cuda` does.

    Of several devices the functions of such a module serve the one that was selected.
    """

    is_accelerator = True
    has_counters = True
    has_kernels = True

    def __init__(self) -> None:
        """Look the module up."""
        import torch

        self._module = torch.get_device_module(self.kind)
        self._shared = _shared_module(self.kind)
        self._events: list[Any] = []

    def at(self, index: int) -> Accelerator:
        """Return another device of this kind."""
        other = copy.copy(self)
        other.index, other._events = index, []
        return other

    @abc.abstractmethod
    def presence(self) -> Presence:
        """Tell whether torch can use devices of this kind here."""

    def count(self) -> int:
        """Return how many devices of this kind torch sees."""
        return int(self._call("device_count"))

    def trouble(self) -> Presence | None:
        """Return why it cannot be measured on although torch sees it; None if it can."""
        if self.index >= self.count():
            values = {"device": self.spec, "count": str(self.count())}
            return Presence(False, "environment.no_such_index", values, is_there=True)
        try:
            self._compute("float32")
        except Exception as error:
            return self._unusable(str(error).strip() or type(error).__name__)
        return None

    def select(self) -> None:
        """Let torch use this one where no other is named."""
        if self.index or self.count() > 1:
            self._function("set_device_index", "set_device")(self.index)

    def name(self) -> str:
        """Return the maker's name of the device."""
        return str(self._module.get_device_properties(self.index).name)

    def memory_bytes(self) -> int:
        """Return the size of the device's memory."""
        return int(self._module.get_device_properties(self.index).total_memory)

    def free_bytes(self) -> int:
        """Return what the driver has free and what torch's allocator holds unused."""
        unused = self._call("memory_reserved") - self._call("memory_allocated")
        return int(self._driver_free_bytes() + unused)

    def activities(self) -> list[ProfilerActivity]:
        """Return the host's activity and the device's."""
        from torch.profiler import ProfilerActivity

        return [ProfilerActivity.CPU, getattr(ProfilerActivity, self.kind.upper())]

    def generators(self) -> Sequence[Generator]:
        """Return the default generator of each device of this kind."""
        return list(self._module.default_generators)

    def time_phases(self, forward: Callable[[], Any], backward: Callable[[Any], object]) -> Times:
        """Measure time on the device by events, and on the host until the calls have returned."""
        start, middle, end = self._clock()
        self.synchronize()
        host_start = time.perf_counter_ns()
        start.record()
        result = forward()
        middle.record()
        host_middle = time.perf_counter_ns()
        backward(result)
        end.record()
        host_end = time.perf_counter_ns()
        self.synchronize()
        return Times(
            start.elapsed_time(middle) / 1e3,
            middle.elapsed_time(end) / 1e3,
            (host_middle - host_start) / 1e9,
            (host_end - host_middle) / 1e9,
        )

    def time_loop(self, call: Callable[[], object], loops: int) -> Times:
        """Measure the time between two events around all calls, and on the host beside it."""
        start, end, _ = self._clock()
        timer = _warm_timer(call, loops)
        self.synchronize()
        start.record()
        host_s = timer.timeit(loops)
        end.record()
        self.synchronize()
        return Times(start.elapsed_time(end) / 1e3 / loops, host_forward=host_s / loops)

    def synchronize(self) -> None:
        """Wait until all queued work is done."""
        self._call("synchronize")

    def is_initialized(self) -> bool:
        """Return whether this process has used the device."""
        return bool(self._module.is_initialized())

    def empty_cache(self) -> None:
        """Give memory that torch holds unused back to the driver."""
        self._call("empty_cache")

    def reset_counters(self) -> None:
        """Let the peaks and totals of `counters` start again."""
        self._call("reset_peak_memory_stats")
        self._call("reset_accumulated_memory_stats")

    def counters(self) -> Counters:
        """Return what the caching allocator has counted.

        Its ``requested_bytes``, unlike its ``allocated_bytes``, are not rounded up to blocks.
        """
        stats = self._call("memory_stats")
        return Counters(
            live_bytes=stats["requested_bytes.all.current"],
            peak_bytes=stats["requested_bytes.all.peak"],
            allocated_bytes=stats["requested_bytes.all.allocated"],
            allocations=stats["allocation.all.allocated"],
            block_bytes=stats["allocated_bytes.all.current"],
            block_peak_bytes=stats["allocated_bytes.all.peak"],
            reserved_peak_bytes=stats["reserved_bytes.all.peak"],
        )

    def copy_bandwidth(self) -> float | None:
        """Return the bytes a large copy within the device reads and writes a second.

        Returns:
            The median over ten copies of 256 MiB, or of a quarter of the free memory if that is
            less, by events; each byte counts once read and once written. None where that is less
            than 64 MiB, which caches would hold.
        """
        import torch

        self.empty_cache()
        size = min(_COPY_BYTES, self._driver_free_bytes() // 4)
        if size < _LEAST_COPY_BYTES:
            return None
        source = torch.empty(size, dtype=torch.uint8, device=self.spec)
        target = torch.empty_like(source)
        target.copy_(source)
        start, end, _ = self._clock()
        seconds: list[float] = []
        for _ in range(_COPIES):
            start.record()
            target.copy_(source)
            end.record()
            self.synchronize()
            seconds.append(start.elapsed_time(end) / 1e3)
        return 2 * size / statistics.median(seconds)

    def settings(self) -> dict[str, Setting]:
        """Return the current device and stream, once the device is in use."""
        if not self.is_initialized():
            return {}
        return {
            f"torch.{self.kind}.set_device": Setting(
                lambda: self._call("current_device_index", "current_device"),
                self._function("set_device_index", "set_device"),
            ),
            f"torch.{self.kind}.set_stream": Setting(
                lambda: self._call("current_stream"), self._function("set_stream")
            ),
        }

    def _unusable(self, message: str) -> Presence:
        values = {"device": self.name(), "text": message.splitlines()[0]}
        return Presence(False, "environment.gpu_unusable", values, is_there=True)

    def _driver_free_bytes(self) -> int:
        return int(self._call("get_memory_info", "mem_get_info")[0])

    def _clock(self) -> list[Any]:
        """Return three events; a driver makes each when it is first recorded, which takes time."""
        if not self._events:
            self._events = [self._module.Event(enable_timing=True) for _ in range(3)]
            for event in self._events:
                event.record()
        return self._events

    def _function(self, name: str, own_name: str = "") -> Callable[..., Any]:
        """Return a function of `torch.accelerator`, or the own module's where that lacks it."""
        function: Callable[..., Any] | None = getattr(self._shared, name, None)
        return function or getattr(self._module, own_name or name)

    def _call(self, name: str, own_name: str = "") -> Any:
        return self._function(name, own_name)()


class Cuda(Accelerator):
    """A GPU of NVIDIA's, or one of AMD's, which torch calls by the same name."""

    kind = "cuda"
    trace_name = "cuda"

    def presence(self) -> Presence:
        """Tell whether torch was built with CUDA or ROCm and sees a GPU."""
        import torch

        is_rocm = torch.version.hip is not None
        if torch.version.cuda is None and not is_rocm:
            return _not_built()
        found = "environment.rocm_found" if is_rocm else "environment.cuda_found"
        missing = "environment.rocm_no_gpu" if is_rocm else "environment.cuda_no_gpu"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            is_available = self._module.is_available()
        if is_available:
            return Presence(True, found)
        said = " ".join(str(each.message) for each in caught)
        if (old := re.search(r"driver.*too old \(found version (\d+)\)", said)) is not None:
            values = {"found": _cuda_version(int(old[1])), "command": _install_command("cu126")}
            return Presence(False, "environment.cuda_old_driver", values, is_there=True)
        if said:
            values = {"text": said.splitlines()[0]}
            return Presence(False, "environment.cuda_failed", values, is_there=True)
        return Presence(False, missing)

    def driver(self) -> str | None:
        """Return the highest version of CUDA that the installed driver supports."""
        import torch

        version = getattr(torch._C, "_cuda_getDriverVersion", None)
        return None if version is None or torch.version.hip else _cuda_version(version())

    def backend(self) -> str:
        """Return the version of CUDA or ROCm."""
        import torch

        return f"ROCm {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"

    def counts(self) -> bool:
        """Return whether torch's own caching allocator is in use, the only one that counts."""
        return self._allocator() == "native"

    def untold(self) -> tuple[Notice, ...]:
        """Say so where another allocator is in use."""
        if self.counts():
            return ()
        return (Notice("notice.no_counters", {"allocator": self._allocator()}),)

    def settings(self) -> dict[str, Setting]:
        """Return the flags of matrix products and of cuDNN, the current device and stream."""
        return {
            # The precision of cuDNN's module is that of all that CUDA computes, so it comes first.
            "torch.backends.cudnn": _attributes("torch.backends.cudnn", _CUDNN_FLAGS),
            "torch.backends.cuda.matmul": _attributes("torch.backends.cuda.matmul", _MATMUL_FLAGS),
            **super().settings(),
        }

    def flags(self) -> dict[str, str]:
        """Return TF32 and what is asked of cuDNN."""
        import torch

        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        return {
            "cuda.matmul.allow_tf32": str(_attribute(matmul, "allow_tf32")),
            **{
                f"cudnn.{name}": str(_attribute(cudnn, name))
                for name in ("allow_tf32", "benchmark", "deterministic")
            },
        }

    def _allocator(self) -> str:
        if os.environ.get("PYTORCH_NO_CUDA_MEMORY_CACHING"):
            return "PYTORCH_NO_CUDA_MEMORY_CACHING"
        return str(self._module.get_allocator_backend())

    def compiler(self) -> str:
        """Return Triton, which needs a C compiler besides."""
        return _triton()

    def _unusable(self, message: str) -> Presence:
        if not any(sign in message for sign in _OTHER_ARCHITECTURE):
            return super()._unusable(message)
        major, minor = self._module.get_device_capability(self.index)
        values = {
            "device": self.name(),
            "capability": f"{major}.{minor}",
            "built": ", ".join(self._module.get_arch_list()),
            "command": _install_command("cu126"),
        }
        return Presence(False, "environment.gpu_too_old", values, is_there=True)


class Xpu(Accelerator):
    """A GPU of Intel's."""

    kind = "xpu"
    trace_name = "xpu"

    def presence(self) -> Presence:
        """Tell whether torch was built for it and sees one."""
        import torch

        if not getattr(torch.version, "xpu", None):
            return Presence(False, "environment.xpu_not_built")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._module.is_available():
                return Presence(True, "environment.xpu_found")
        return Presence(False, "environment.xpu_no_gpu")

    def driver(self) -> str | None:
        """Return the version of the driver."""
        version = getattr(self._module.get_device_properties(self.index), "driver_version", None)
        return None if version is None else str(version)

    def backend(self) -> str:
        """Return the version of what it was built with."""
        import torch

        return f"XPU {torch.version.xpu}"

    def compiler(self) -> str:
        """Return Triton, which needs a C compiler besides."""
        return _triton()


class Mps(Accelerator):
    """Apple's GPU. Its allocator keeps no peak, and a trace has neither kernels nor allocations."""

    kind = "mps"
    trace_name = "mps"
    has_counters = False
    has_allocations = False
    has_kernels = False

    def __init__(self) -> None:
        """Use its own module alone: its allocator is none that `torch.accelerator` knows."""
        super().__init__()
        self._shared = None

    def presence(self) -> Presence:
        """Tell whether torch was built for it and the system has one."""
        import torch

        if not torch.backends.mps.is_built():
            return Presence(False, "environment.mps_not_built")
        if not torch.backends.mps.is_available():
            return Presence(False, "environment.mps_no_gpu", is_there=True)
        return Presence(True, "environment.mps_found")

    def count(self) -> int:
        """Return 1: there is no second one."""
        return 1

    def is_initialized(self) -> bool:
        """Return whether the device can be used, as torch does not tell whether it was."""
        import torch

        return bool(torch.backends.mps.is_available())

    def name(self) -> str:
        """Return the name of the chip."""
        import torch

        name = getattr(torch.backends.mps, "get_name", None)  # An older torch has none.
        return str(name()) if name is not None else f"GPU of {platform.machine()}"

    def memory_bytes(self) -> int:
        """Return what a process should use at most of the memory that it shares with the CPU."""
        return int(self._module.recommended_max_memory())

    def free_bytes(self) -> int:
        """Return what is left of that, and no more than the machine has left."""
        left = self.memory_bytes() - self._module.current_allocated_memory()
        return max(0, min(int(left), available_bytes()))

    def activities(self) -> list[ProfilerActivity]:
        """Return the host's activity alone."""
        from torch.profiler import ProfilerActivity

        return [ProfilerActivity.CPU]

    def generators(self) -> Sequence[Generator]:
        """Return what stands for its only generator."""
        return [_OwnState(self._module.get_rng_state, self._module.set_rng_state)]

    def untold(self) -> tuple[Notice, ...]:
        """Say that memory is counted by the results of operators, and that kernels are unseen."""
        return (Notice("notice.tracked_memory"), Notice("notice.no_kernels_in_traces"))

    def copy_bandwidth(self) -> float | None:
        """Return None: there are no copies in a trace to lay beside it."""
        return None

    def compiler(self) -> str:
        """Return the name of what is a part of the system."""
        return "Metal"

    def settings(self) -> dict[str, Setting]:
        """Return nothing: there is one device with one stream."""
        return {}

    def backend(self) -> str:
        """Return the name alone: it is a part of the system."""
        return "MPS"


# In order of preference, all before the CPU.
ACCELERATORS: tuple[type[Accelerator], ...] = (Cuda, Xpu, Mps)
KINDS: dict[str, type[Device]] = {Cpu.kind: Cpu, **{each.kind: each for each in ACCELERATORS}}
# What a person may ask for; one of several devices of a kind as in ``cuda:1``.
CHOICES = (AUTO, *KINDS)


def get(spec: str) -> Device:
    """Return a device, whether it can be used or not.

    Args:
        spec: One of `KINDS`, for an accelerator with an index or without, such as ``"cuda:1"``.
    """
    kind, _, index = spec.partition(":")
    device = KINDS[kind]()
    return device.at(int(index)) if index and isinstance(device, Accelerator) else device


class Found(NamedTuple):
    """The devices that can be measured on.

    Attributes:
        devices: The one used by default first, the CPU last.
        reason: Locale key of the sentence that says why an accelerator is used or not.
        values: What the sentence's placeholders stand for.
    """

    devices: tuple[Device, ...]
    reason: str
    values: Mapping[str, str] = {}

    def infos(self) -> tuple[DeviceInfo, ...]:
        """Describe them; what one can compute with is tried once for all that have its name."""
        known: dict[str, DeviceInfo] = {}
        described: list[DeviceInfo] = []
        for device in self.devices:
            name = f"{device.kind} {device.name()}"
            if name not in known:
                known[name] = device.info()
            described.append(replace(known[name], index=device.index))
        return tuple(described)


def find(preferred: str) -> Found:
    """Find the devices that can be measured on.

    An accelerator that cannot compute a small step is none of them, and the reason says why.

    Args:
        preferred: One of `CHOICES`, or a device as `get` takes it; with ``"cpu"`` no accelerator is
            touched.
    """
    cpu = get(Cpu.kind)
    if preferred == Cpu.kind:
        return Found((cpu,), "environment.cuda_not_asked")
    kind, _, index = preferred.partition(":")
    accelerators = [each() for each in sorted(ACCELERATORS, key=lambda it: it.kind != kind)]
    if index:
        accelerators[0] = accelerators[0].at(int(index))
    presences = [(each, _tried(each)) for each in accelerators]
    usable = [(each, presence) for each, presence in presences if presence.is_usable]
    if usable:
        devices = [other for each, _ in usable for other in (each, *_others(each))]
        _, told = usable[0]
        # Another one is used only because what was asked for cannot be.
        if kind != AUTO and usable[0][0].kind != kind:
            _, told = presences[0]
        return Found((*devices, cpu), told.reason, told.values)
    _, told = next((each for each in presences if each[1].is_there), presences[0])
    return Found((cpu,), told.reason, told.values)


def in_use() -> list[Accelerator]:
    """Return the accelerators that this process has used."""
    return [each for each in (kind() for kind in ACCELERATORS) if each.is_initialized()]


def generators() -> list[Generator]:
    """Return the default random number generators of all devices in use, the CPU's first."""
    return [each for device in (get(Cpu.kind), *in_use()) for each in device.generators()]


def settings() -> dict[str, Setting]:
    """Return what of torch's global state concerns one kind of device alone."""
    return {name: setting for kind in KINDS.values() for name, setting in kind().settings().items()}


def _tried(device: Accelerator) -> Presence:
    presence = device.presence()
    return (device.trouble() or presence) if presence.is_usable else presence


def _others(device: Accelerator) -> list[Accelerator]:
    """Return the other devices of an accelerator's kind."""
    return [device.at(index) for index in range(device.count()) if index != device.index]


def _shared_module(kind: str) -> ModuleType | None:
    """Return `torch.accelerator` if it serves this kind, else None."""
    import torch

    shared = torch.accelerator
    current = shared.current_accelerator()
    return shared if current is not None and current.type == kind else None


class _OwnState:
    """A module's functions for the state of its random numbers, as a generator."""

    def __init__(
        self, read: Callable[[], torch.Tensor], write: Callable[[torch.Tensor], object]
    ) -> None:
        self.get_state = read
        self.set_state = write


def _warm_timer(call: Callable[[], object], loops: int) -> timeit.Timer:
    timer = timeit.Timer(call)
    # Wakes threads that fell asleep since the last sample.
    timer.timeit(max(2, loops // 100))
    return timer


def _attributes(owner: str, names: Sequence[str]) -> Setting:
    """Return the attributes of one of torch's modules as one setting."""
    import torch

    module = functools.reduce(getattr, owner.split(".")[1:], torch)

    def read() -> tuple[Any, ...]:
        return tuple(_attribute(module, name) for name in names)

    def write(values: Sequence[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            if value is not None and _attribute(module, name) != value:
                *path, last = name.split(".")
                setattr(functools.reduce(getattr, path, module), last, value)

    return Setting(read, write)


def _attribute(module: Any, name: str) -> Any:
    """Return an attribute; None if this torch lacks it, or cannot tell.

    It cannot where code has set TF32 by two ways that contradict each other.
    """
    try:
        return functools.reduce(getattr, name.split("."), module)
    except (AttributeError, RuntimeError):
        return None


def _not_built() -> Presence:
    """Say that this torch has no CUDA, and how to get one that has, if there is a use for it."""
    driver = _nvidia_driver()
    if driver is not None:
        major = driver.partition(".")[0]
        is_new = major.isdecimal() and int(major) >= _CUDA_13_DRIVER
        values = {"driver": driver, "command": _install_command("cu130" if is_new else "cu126")}
        return Presence(False, "environment.cuda_not_built_gpu", values, is_there=True)
    if sys.platform == "win32":
        values = {"command": _install_command("cu126")}
        return Presence(False, "environment.cuda_not_built_windows", values)
    return Presence(False, "environment.cuda_not_built")


def _triton() -> str:
    has_compiler = any(map(shutil.which, filter(None, (os.environ.get("CC"), "gcc", "clang"))))
    return "Triton" if has_compiler and importlib.util.find_spec("triton") else ""


def _nvidia_driver() -> str | None:
    """Return the version of NVIDIA's driver, whether torch can use it or not; None without one."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    asked = [command, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(said.split()), None)


def _install_command(build: str) -> str:
    """Return a command that needs no address to be known, such as for ``"cu126"``."""
    return f"uv pip install --reinstall-package torch torch --torch-backend={build}"


def _cuda_version(number: int) -> str:
    """Write a version as the driver tells it, such as 12080."""
    return f"{number // 1000}.{number % 1000 // 10}"


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
