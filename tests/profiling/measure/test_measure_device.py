from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from torch.profiler import ProfilerActivity

from profiling.measure import device
from profiling.measure.device import (
    ACCELERATORS,
    CHOICES,
    KINDS,
    Accelerator,
    Counters,
    Cuda,
    Found,
    Mps,
    Presence,
    Times,
    Xpu,
    available_bytes,
    find,
    generators,
    get,
    in_use,
)
from profiling.model.request import DTYPES
from profiling.model.run import DeviceInfo, Notice

GROUPS_V2 = {"memory.max": "1000", "memory.current": "600", "memory.stat": "anon 1"}
GROUPS_V1 = {
    "memory.limit_in_bytes": "2000",
    "memory.usage_in_bytes": "600",
    "memory.stat": "inactive_file 9\ntotal_inactive_file 50",
}


class FakeEvent:
    """An event whose time is the number of calls that had been written down when it was made."""

    def __init__(self, calls: list[str], number: int) -> None:
        self.calls = calls
        self.number = number

    def record(self) -> None:
        self.calls.append(f"record {self.number}")

    def elapsed_time(self, end: FakeEvent) -> float:
        """Return milliseconds: a tenth of a second for each event in between."""
        self.calls.append(f"elapsed {self.number} {end.number}")
        return 100.0 * (end.number - self.number)


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def cuda(calls: list[str], monkeypatch: pytest.MonkeyPatch, own_module_alone: None) -> Cuda:
    """CUDA's device with every function of `torch.cuda` that is called written down instead."""

    def noting(name: str, result: Any = None) -> None:
        def called(*_: object, **__: object) -> Any:
            calls.append(name)
            return result

        monkeypatch.setattr(torch.cuda, name, called)

    def event(enable_timing: bool) -> FakeEvent:
        assert enable_timing
        calls.append("event")
        return FakeEvent(calls, calls.count("event"))

    monkeypatch.setattr(torch.cuda, "Event", event)
    noting("mem_get_info", (1000, 5000))
    noting("memory_reserved", 300)
    noting("memory_allocated", 200)
    noting("get_device_properties", SimpleNamespace(name="A GPU", total_memory=5000))
    for name in ("synchronize", "empty_cache"):
        noting(name)
    for name in ("reset_peak_memory_stats", "reset_accumulated_memory_stats"):
        noting(name)
    return Cuda()


def test_what_a_person_may_ask_for() -> None:
    assert CHOICES == ("auto", "cpu", "cuda", "xpu", "mps")
    assert {kind: made.kind for kind, made in KINDS.items()} == {
        kind: kind for kind in ("cpu", "cuda", "xpu", "mps")
    }
    for kind in KINDS:
        assert type(get(kind)) is KINDS[kind]
        assert get(kind).spec == kind
    second = get("cuda:1")
    assert (type(second), second.index, second.spec) == (Cuda, 1, "cuda:1")
    assert get("cuda:0").spec == "cuda"


@pytest.mark.parametrize(
    ("preferred", "built", "seen", "kinds", "reason"),
    [
        ("cpu", "12.8", True, ["cpu"], "environment.cuda_not_asked"),
        ("auto", None, False, ["cpu"], "environment.cuda_not_built"),
        ("cuda", None, True, ["cpu"], "environment.cuda_not_built"),
        ("auto", "12.8", False, ["cpu"], "environment.cuda_no_gpu"),
        ("cuda", "12.8", False, ["cpu"], "environment.cuda_no_gpu"),
        ("auto", "12.8", True, ["cuda", "cpu"], "environment.cuda_found"),
        ("cuda", "12.8", True, ["cuda", "cpu"], "environment.cuda_found"),
    ],
)
def test_which_devices_are_found_and_why(
    preferred: str,
    built: str | None,
    seen: bool,
    kinds: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(device, "_nvidia_driver", lambda: None)
    monkeypatch.setattr(Cuda, "_compute", lambda self, dtype: None)
    found = find(preferred)
    assert ([each.kind for each in found.devices], found.reason) == (kinds, reason)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """Return what finds devices where torch has CUDA, and a GPU of which this is known."""

    def found(
        preferred: str = "auto",
        *,
        count: int = 1,
        available: Callable[[], bool] = lambda: True,
        error: Exception | None = None,
        **versions: str | None,
    ) -> Found:
        def compute(self: Cuda, dtype: str) -> None:
            if error is not None:
                raise error

        versions = {"cuda": "13.0", "hip": None} | versions
        for name, version in versions.items():
            monkeypatch.setattr(torch.version, name, version)
        monkeypatch.setattr(torch.cuda, "is_available", available)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        properties = SimpleNamespace(name="An old GPU", total_memory=5000)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (6, 1))
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_120"])
        monkeypatch.setattr(Cuda, "_compute", compute)
        return find(preferred)

    return found


def specs(found: Found) -> list[str]:
    return [each.spec for each in found.devices]


def test_a_build_for_rocm_is_used_and_named(gpu: Callable[..., Found]) -> None:
    found = gpu(cuda=None, hip="6.4.1")
    assert (specs(found), found.reason) == (["cuda", "cpu"], "environment.rocm_found")
    assert found.devices[0].backend() == "ROCm 6.4.1"
    assert found.devices[0].driver() is None
    absent = gpu(cuda=None, hip="6.4.1", available=lambda: False)
    assert (specs(absent), absent.reason) == (["cpu"], "environment.rocm_no_gpu")


@pytest.mark.parametrize("preferred", ["auto", "cuda"])
def test_a_gpu_too_old_for_the_build_gives_way_to_the_cpu(
    preferred: str, gpu: Callable[..., Found]
) -> None:
    error = RuntimeError("CUDA error: no kernel image is available for execution on the device\n…")
    found = gpu(preferred, error=error)
    assert (specs(found), found.reason) == (["cpu"], "environment.gpu_too_old")
    assert found.values == {
        "device": "An old GPU",
        "capability": "6.1",
        "built": "sm_75, sm_120",
        "command": "uv pip install --reinstall-package torch torch --torch-backend=cu126",
    }


def test_a_gpu_that_cannot_compute_gives_way_to_the_cpu(gpu: Callable[..., Found]) -> None:
    found = gpu(error=RuntimeError("CUDA error: out of memory\nmore"))
    assert (specs(found), found.reason) == (["cpu"], "environment.gpu_unusable")
    assert found.values == {"device": "An old GPU", "text": "CUDA error: out of memory"}


def test_what_torch_warns_of_is_told(gpu: Callable[..., Found]) -> None:
    def too_old() -> bool:
        warnings.warn(
            "CUDA initialization: The NVIDIA driver on your system is too old (found version "
            "12080). Please update your GPU driver",
            stacklevel=1,
        )
        return False

    def failing() -> bool:
        warnings.warn("CUDA initialization: Unexpected error 999", stacklevel=1)
        return False

    found = gpu(available=too_old)
    assert (specs(found), found.reason) == (["cpu"], "environment.cuda_old_driver")
    assert found.values["found"] == "12.8"
    assert found.values["command"].endswith("=cu126")
    found = gpu(available=failing)
    assert (specs(found), found.reason) == (["cpu"], "environment.cuda_failed")
    assert found.values == {"text": "CUDA initialization: Unexpected error 999"}


@pytest.mark.parametrize(
    ("driver", "system", "reason", "build"),
    [
        (None, "linux", "environment.cuda_not_built", None),
        (None, "win32", "environment.cuda_not_built_windows", "cu126"),
        ("570.86.10", "linux", "environment.cuda_not_built_gpu", "cu126"),
        ("581.15", "win32", "environment.cuda_not_built_gpu", "cu130"),
    ],
)
def test_a_build_for_the_cpu_alone_is_told_with_the_command_that_helps(
    driver: str | None,
    system: str,
    reason: str,
    build: str | None,
    gpu: Callable[..., Found],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "_nvidia_driver", lambda: driver)
    monkeypatch.setattr(device, "sys", SimpleNamespace(platform=system))
    found = gpu(cuda=None)
    assert (specs(found), found.reason) == (["cpu"], reason)
    command = found.values.get("command")
    assert (command and command.rpartition("=")[2]) == build


def test_the_driver_is_asked_of_its_own_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device._nvidia_driver() is None
    program = tmp_path / "nvidia-smi"
    for says, wanted in (("echo 581.15; echo 581.15", "581.15"), ("exit 9", None), ("", None)):
        program.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
        program.chmod(0o755)
        assert device._nvidia_driver() == wanted


def test_of_several_devices_the_one_asked_for_comes_first(
    gpu: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert specs(gpu(count=3)) == ["cuda", "cuda:1", "cuda:2", "cpu"]
    found = gpu("cuda:2", count=3)
    assert specs(found) == ["cuda:2", "cuda", "cuda:1", "cpu"]
    tried: list[str] = []
    monkeypatch.setattr(Cuda, "_compute", lambda self, dtype: tried.append(self.spec))
    infos = found.infos()
    assert [(each.spec, each.name) for each in infos[:-1]] == [
        ("cuda:2", "An old GPU"),
        ("cuda", "An old GPU"),
        ("cuda:1", "An old GPU"),
    ]
    # What is alike is tried once, since each device that is used takes memory for that alone.
    assert set(tried) == {"cuda:2"}
    missing = gpu("cuda:3", count=3)
    assert (specs(missing), missing.reason) == (["cpu"], "environment.no_such_index")
    assert missing.values == {"device": "cuda:3", "count": "3"}


@pytest.mark.usefixtures("own_module_alone")
def test_one_of_several_is_what_torch_uses_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    get("cuda:1").select()
    get("cuda").select()
    assert chosen == [1, 0]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    get("cuda").select()
    get("cpu").select()
    assert chosen == [1, 0]


def test_what_torch_can_do_for_any_accelerator_is_asked_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def current(check_available: bool = False) -> torch.device:
        return torch.device("xpu")

    asked: list[str] = []
    monkeypatch.setattr(torch.accelerator, "current_accelerator", current)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: asked.append("accelerator"))
    monkeypatch.setattr(torch.xpu, "synchronize", lambda: asked.append("xpu"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: asked.append("cuda"))
    get("xpu").synchronize()
    get("cuda").synchronize()
    monkeypatch.delattr(torch.accelerator, "synchronize")  # as in an older torch
    get("xpu").synchronize()
    assert asked == ["accelerator", "cuda", "xpu"]


def test_an_intel_gpu_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "xpu", None, raising=False)
    assert Xpu().presence() == Presence(False, "environment.xpu_not_built")
    monkeypatch.setattr(torch.version, "xpu", "20250101", raising=False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: False)
    assert Xpu().presence() == Presence(False, "environment.xpu_no_gpu")
    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    assert Xpu().presence() == Presence(True, "environment.xpu_found")
    properties = SimpleNamespace(name="Arc", total_memory=7000, driver_version="1.6.3")
    monkeypatch.setattr(torch.xpu, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(Xpu, "_computes", lambda self, dtype: dtype == "float32")
    assert Xpu().info() == DeviceInfo("xpu", "Arc", 7000, ("float32",))
    assert (Xpu().driver(), Xpu().backend()) == ("1.6.3", "XPU 20250101")
    assert Xpu().activities() == [ProfilerActivity.CPU, ProfilerActivity.XPU]


def test_apples_gpu_is_told_of_with_what_it_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.arange(3)
    mps = Mps()
    assert mps.presence() == Presence(False, "environment.mps_not_built")
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    assert mps.presence() == Presence(False, "environment.mps_no_gpu", is_there=True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert mps.presence() == Presence(True, "environment.mps_found")
    for name, value in (
        ("recommended_max_memory", 9000),
        ("current_allocated_memory", 2000),
        ("get_rng_state", state),
    ):
        monkeypatch.setattr(torch.mps, name, lambda value=value: value)
    put: list[torch.Tensor] = []
    monkeypatch.setattr(torch.mps, "set_rng_state", put.append)
    monkeypatch.setattr(torch.backends.mps, "get_name", lambda: "Apple M9", raising=False)
    assert (mps.name(), mps.memory_bytes(), mps.free_bytes()) == ("Apple M9", 9000, 7000)
    assert (mps.count(), mps.is_initialized(), mps.settings()) == (1, True, {})
    (generator,) = mps.generators()
    generator.set_state(generator.get_state())
    assert put == [state]
    assert mps.activities() == [ProfilerActivity.CPU]
    assert mps.copy_bandwidth() is None
    assert (mps.counts(), mps.has_allocations, mps.has_kernels) == (False, False, False)
    assert [each.key for each in mps.untold()] == [
        "notice.tracked_memory",
        "notice.no_kernels_in_traces",
    ]


def test_a_dtype_that_apple_refuses_by_its_type_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compute(self: Mps, dtype: str) -> None:
        if dtype == "float64":
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    monkeypatch.setattr(Mps, "_compute", compute)
    assert Mps().dtypes() == ("float32", "bfloat16", "float16")


@pytest.mark.parametrize(
    ("backend", "variable", "allocator"),
    [
        ("native", "", None),
        ("cudaMallocAsync", "", "cudaMallocAsync"),
        ("native", "1", "PYTORCH_NO_CUDA_MEMORY_CACHING"),
    ],
)
def test_an_allocator_that_does_not_count_is_told_of(
    backend: str, variable: str, allocator: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: backend)
    monkeypatch.setenv("PYTORCH_NO_CUDA_MEMORY_CACHING", variable)
    cuda = get("cuda")
    assert cuda.counts() is (allocator is None)
    told = [] if allocator is None else [Notice("notice.no_counters", {"allocator": allocator})]
    assert list(cuda.untold()) == told


def test_the_preferred_accelerator_comes_first_and_its_state_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def planted(name: str, usable: bool) -> type[Accelerator]:
        class Planted(Accelerator):
            kind = name
            trace_name = name

            def __init__(self) -> None:
                """There is no module of that name below torch."""

            def presence(self) -> Presence:
                return Presence(usable, f"{name} {usable}")

            def count(self) -> int:
                return 1

            def trouble(self) -> None:
                """There is none."""

        return Planted

    def found(preferred: str, *kinds: type[Accelerator]) -> tuple[list[str], str]:
        monkeypatch.setattr(device, "ACCELERATORS", kinds)
        result = find(preferred)
        return [each.kind for each in result.devices], result.reason

    a, b, absent = planted("a", True), planted("b", True), planted("absent", False)
    assert found("auto", a, b) == (["a", "b", "cpu"], "a True")
    assert found("b", a, b) == (["b", "a", "cpu"], "b True")
    assert found("auto", absent, b) == (["b", "cpu"], "b True")
    assert found("auto", absent) == (["cpu"], "absent False")
    assert found("cpu", a, b)[0] == ["cpu"]


def test_cuda_is_left_alone_when_the_cpu_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Cuda, "__init__", touched)
    monkeypatch.setattr(Cuda, "presence", touched)
    assert [each.kind for each in find("cpu").devices] == ["cpu"]


def test_what_is_told_of_the_cpu() -> None:
    info = get("cpu").info()
    assert (info.kind, info.memory_bytes) == ("cpu", psutil.virtual_memory().total)
    assert info.dtypes == DTYPES
    assert info.name.strip() == info.name != ""
    assert get("cpu").driver() is None
    assert get("cpu").activities() == [ProfilerActivity.CPU]
    assert get("cpu").copy_bandwidth() is None


def test_what_is_told_of_a_gpu(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._C, "_cuda_getDriverVersion", lambda: 13020, raising=False)
    monkeypatch.setattr(Cuda, "_computes", lambda self, dtype: dtype != "float64")
    dtypes = tuple(name for name in DTYPES if name != "float64")
    assert cuda.info() == DeviceInfo("cuda", "A GPU", 5000, dtypes)
    assert cuda.driver() == "13.2"
    assert cuda.activities() == [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    # What the driver has, and what torch holds unused.
    assert cuda.free_bytes() == 1000 + 300 - 200


def test_a_dtype_that_the_device_cannot_compute_with_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ones = torch.ones

    def without_float64(*size: int, dtype: torch.dtype, **options: Any) -> torch.Tensor:
        if dtype == torch.float64:
            raise RuntimeError("planted")
        return ones(*size, dtype=dtype, **options)

    monkeypatch.setattr(torch, "ones", without_float64)
    assert get("cpu").dtypes() == ("float32", "bfloat16", "float16")


def test_the_cpu_is_timed_by_the_clock_around_each_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5 * 10**9

    def forward() -> str:
        nonlocal now
        now += 2 * 10**9
        return "a loss"

    def backward(result: str) -> None:
        nonlocal now
        assert result == "a loss"
        now += 3 * 10**9

    monkeypatch.setattr(time, "perf_counter_ns", lambda: now)
    assert get("cpu").time_phases(forward, backward) == Times(2.0, 3.0)


def test_a_gpu_is_timed_by_events_with_the_host_beside(
    cuda: Cuda, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock() -> int:
        calls.append("clock")
        return len(calls) * 10**9

    def forward() -> str:
        calls.append("forward")
        return "a loss"

    def backward(result: str) -> None:
        calls.append(f"backward from {result}")

    monkeypatch.setattr(time, "perf_counter_ns", clock)
    times = cuda.time_phases(forward, backward)
    assert calls == [
        # Events are made, and the device is idle, before anything is timed.
        *("event", "event", "event"),
        # A driver makes an event when it is recorded for the first time.
        *("record 1", "record 2", "record 3", "synchronize", "clock"),
        *("record 1", "forward", "record 2", "clock"),
        *("backward from a loss", "record 3", "clock"),
        # No event is read before all work is done.
        *("synchronize", "elapsed 1 2", "elapsed 2 3"),
    ]
    # By the host's clock each call takes a second.
    assert times == Times(0.1, 0.1, 4.0, 3.0)
    assert times.total == 0.2
    calls.clear()
    cuda.time_phases(forward, backward)
    assert calls[:3] == ["synchronize", "clock", "record 1"]


def test_a_loop_of_tiny_calls_is_timed_by_two_events(cuda: Cuda, calls: list[str]) -> None:
    times = cuda.time_loop(lambda: calls.append("call"), 4)
    assert calls == [
        *("event", "event", "event", "record 1", "record 2", "record 3"),
        *("call", "call", "synchronize"),  # awake by now
        *("record 1", "call", "call", "call", "call", "record 2"),
        *("synchronize", "elapsed 1 2"),
    ]
    assert times.total == pytest.approx(0.1 / 4)
    assert (times.backward, times.host_backward) == (None, None)
    assert 0 < (times.host_forward or 0) < 0.1


def test_counters_are_those_of_requested_bytes(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {
        "requested_bytes.all.current": 1,
        "requested_bytes.all.peak": 2,
        "requested_bytes.all.allocated": 3,
        "allocation.all.allocated": 4,
        "allocated_bytes.all.current": 5,
        "allocated_bytes.all.peak": 6,
        "reserved_bytes.all.peak": 7,
    }
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda: stats)
    assert cuda.counters() == Counters(
        live_bytes=1,
        peak_bytes=2,
        allocated_bytes=3,
        allocations=4,
        block_bytes=5,
        block_peak_bytes=6,
        reserved_peak_bytes=7,
    )


def test_what_is_reset_and_given_back(cuda: Cuda, calls: list[str]) -> None:
    cuda.synchronize()
    cuda.empty_cache()
    assert calls == ["synchronize", "empty_cache"]
    calls.clear()
    cuda.reset_counters()
    assert calls == ["reset_peak_memory_stats", "reset_accumulated_memory_stats"]


@pytest.mark.parametrize("used", [False, True])
def test_what_is_in_use_and_whose_random_numbers(
    used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = torch.Generator()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: used)
    monkeypatch.setattr(torch.cuda, "default_generators", (own,))
    assert [each.kind for each in in_use()] == (["cuda"] if used else [])
    assert generators() == [torch.default_generator, *([own] if used else [])]


class Copying(Accelerator):
    """An accelerator whose memory is the machine's."""

    kind = "cpu"
    trace_name = "cpu"

    def __init__(self, calls: list[str], free_bytes: int) -> None:
        self._shared = None
        self._events = []
        self._module: Any = SimpleNamespace(
            mem_get_info=lambda: (free_bytes, 2**40),
            synchronize=lambda: calls.append("synchronize"),
            empty_cache=lambda: calls.append("empty_cache"),
            Event=lambda enable_timing: self._event(calls),
        )

    def _event(self, calls: list[str]) -> FakeEvent:
        calls.append("event")
        return FakeEvent(calls, calls.count("event"))

    def presence(self) -> Presence:
        return Presence(True, "")


def test_the_bandwidth_is_that_of_a_large_copy(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "median", lambda seconds: sum(seconds))
    # A quarter of what is free, read and written, by ten copies of a tenth of a second each.
    copied = Copying(calls, 4 * 64 * 2**20).copy_bandwidth()
    assert copied == pytest.approx(2 * 64 * 2**20 / 1.0)
    assert calls[0] == "empty_cache"
    assert calls[-4:] == ["record 1", "record 2", "synchronize", "elapsed 1 2"]
    assert calls.count("elapsed 1 2") == 10


def test_a_copy_that_fits_into_caches_tells_no_bandwidth(calls: list[str]) -> None:
    assert Copying(calls, 4 * 64 * 2**20 - 4).copy_bandwidth() is None
    assert calls == ["empty_cache"]


@pytest.mark.parametrize("kind", ACCELERATORS)
def test_every_accelerator_has_what_measuring_calls(kind: type[Accelerator]) -> None:
    assert (kind.is_accelerator, kind in KINDS.values()) == (True, True)
    assert isinstance(kind().presence(), Presence)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine and a process of which everything is known."""
    planted = SimpleNamespace(available=1000, data=300, limit=None)
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(data=planted.data))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: planted)
    monkeypatch.setattr(psutil, "Process", lambda: process)
    monkeypatch.setattr(device, "_own_limit", lambda: planted.limit)
    return planted


def test_without_a_limit_what_the_system_has_is_free(machine: SimpleNamespace) -> None:
    assert get("cpu").free_bytes() == 1000


@pytest.mark.parametrize(
    ("limit", "free"),
    [
        (900, 600),  # the limit leaves less than the system has
        (5000, 1000),  # the system has less than the limit leaves
        (300, 0),
        (200, 0),  # never less than nothing
    ],
)
def test_a_limit_of_the_processs_own_counts(
    limit: int, free: int, machine: SimpleNamespace
) -> None:
    machine.limit = limit
    assert get("cpu").free_bytes() == free


def test_the_limit_is_the_one_that_the_worker_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = {resource.RLIMIT_DATA: (123_456, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    assert device._own_limit() == 123_456
    limits[resource.RLIMIT_DATA] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert device._own_limit() is None


def write(root: Path, path: str, files: dict[str, str]) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    total = psutil.virtual_memory()
    assert total.available / 2 < available_bytes(tmp_path) <= total.total


def test_this_machine_has_some() -> None:
    assert 0 < available_bytes() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("listed", "path", "files", "left"),
    [
        ("0::/", "sys/fs/cgroup", GROUPS_V2, 400),
        ("0::/pod/box", "sys/fs/cgroup/pod/box", GROUPS_V2, 400),
        ("0::/pod/box", "sys/fs/cgroup/pod", GROUPS_V2, 400),
        ("0::/not/seen/here", "sys/fs/cgroup", GROUPS_V2, 400),
        ("0::/", "sys/fs/cgroup", GROUPS_V2 | {"memory.current": "1200"}, 0),
        ("4:memory:/box", "sys/fs/cgroup/memory/box", GROUPS_V1, 1450),
        ("4:memory:/not/seen/here", "sys/fs/cgroup/memory", GROUPS_V1, 1450),
    ],
)
def test_a_group_that_limits_memory_counts(
    listed: str, path: str, files: dict[str, str], left: int, tmp_path: Path
) -> None:
    write(tmp_path, "proc/self", {"cgroup": f"12:cpu,cpuacct:/\n{listed}"})
    write(tmp_path, path, files)
    assert available_bytes(tmp_path) == left


def test_the_tightest_of_the_groups_around_counts(tmp_path: Path) -> None:
    write(tmp_path, "proc/self", {"cgroup": "0::/pod/box"})
    write(tmp_path, "sys/fs/cgroup/pod/box", GROUPS_V2 | {"memory.max": "5000"})
    write(tmp_path, "sys/fs/cgroup/pod", GROUPS_V2)
    assert available_bytes(tmp_path) == 400


@pytest.mark.parametrize("limit", ["max", "", "nonsense"])
def test_a_group_without_a_limit_does_not(limit: str, tmp_path: Path) -> None:
    write(tmp_path, "proc/self", {"cgroup": "0::/"})
    write(tmp_path, "sys/fs/cgroup", GROUPS_V2 | {"memory.max": limit})
    assert available_bytes(tmp_path) > 10**6


@pytest.mark.cuda
def test_what_torch_holds_unused_is_free_on_cuda() -> None:
    size = 64 * 2**20
    held = torch.empty(size, dtype=torch.uint8, device="cuda")
    with_it = get("cuda").free_bytes()
    del held  # torch's allocator keeps the memory
    assert get("cuda").free_bytes() - with_it == size
    assert get("cuda").free_bytes() <= torch.cuda.get_device_properties(0).total_memory


@pytest.mark.cuda
def test_a_copy_is_faster_than_a_cpu_and_slower_than_any_memory() -> None:
    assert 1e10 < (get("cuda").copy_bandwidth() or 0) < 1e14


@pytest.mark.cuda
def test_a_copy_leaves_no_memory_behind() -> None:
    before = torch.cuda.memory_allocated()
    get("cuda").copy_bandwidth()
    assert torch.cuda.memory_allocated() == before
