from __future__ import annotations

import statistics
import time
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
    Presence,
    Times,
    available_bytes,
    find,
    generators,
    get,
    in_use,
)
from profiling.model.request import DTYPES
from profiling.model.run import DeviceInfo

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
def cuda(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> Cuda:
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
    assert CHOICES == ("auto", "cpu", "cuda")
    assert {kind: made.kind for kind, made in KINDS.items()} == {"cpu": "cpu", "cuda": "cuda"}
    for kind in KINDS:
        assert type(get(kind)) is KINDS[kind]


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
    found = find(preferred)
    assert ([each.kind for each in found.devices], found.reason) == (kinds, reason)


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
        *("event", "event", "event", "synchronize", "clock"),
        *("record 1", "forward", "record 2", "clock"),
        *("backward from a loss", "record 3", "clock"),
        # No event is read before all work is done.
        *("synchronize", "elapsed 1 2", "elapsed 2 3"),
    ]
    # By the host's clock each call takes a second.
    assert times == Times(0.1, 0.1, 4.0, 3.0)
    assert times.total == 0.2


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
        self._module = SimpleNamespace(
            mem_get_info=lambda: (free_bytes, 2**40),
            synchronize=lambda: calls.append("synchronize"),
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
    assert Copying(calls, 4000).copy_bandwidth() == pytest.approx(2 * 1000 / 1.0)
    assert calls[:6] == ["event", "event", "record 1", "record 2", "synchronize", "elapsed 1 2"]
    assert len(calls) == 10 * 6


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
