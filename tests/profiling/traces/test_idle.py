"""Where devices waited: each nanosecond is counted once, as a plain walk over them does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.traces.idle import CAUSES, DeviceTime, device_times, idle_gaps
from profiling.traces.table import MORE_COLUMNS
from tests.profiling.traces.gpu_events import call, read, work
from tests.profiling.traces.nests import table


def test_each_cause_of_waiting(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        call("cudaLaunchKernel", 0, 5, 1),
        work("k", 10, 20, 1),
        call("cudaLaunchKernel", 50, 4, 2),  # 20 µs late, 4 µs long, starts 6 µs after it
        work("k", 60, 10, 2),
        call("cudaMemcpyAsync", 55, 2, 3),
        work("Memcpy", 75, 5, 3),  # 5 µs after the kernel, though long launched
        call("cudaStreamSynchronize", 58, 24),  # returns 2 µs after the copy
        call("cudaLaunchKernel", 110, 3, 4),  # 30 µs late, 24 of them lost by waiting
        work("k", 115, 5, 4),
    ).events
    assert device_times(trace) == (
        DeviceTime(
            device=0,
            process="0",
            window_ns=110_000,
            kernel_ns=35_000,
            copy_ns=5_000,
            synchronize_ns=24_000,
            host_ns=20_000 + 6_000,
            launch_ns=4_000 + 3_000,
            queue_ns=6_000 + 5_000 + 2_000,
            unknown_ns=0,
        ),
    )
    gaps = idle_gaps(trace)
    assert trace.loc[gaps["sync_event"].dropna(), "name"].to_list() == ["cudaStreamSynchronize"]
    assert gaps["start_ns"].to_list() == [30_000, 70_000, 80_000]


def test_a_wait_that_costs_little_is_not_blamed_for_a_slow_host(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        call("hipMemcpyWithStream", 0, 30, 1),
        work("Memcpy", 5, 20, 1),
        call("hipLaunchKernel", 1000, 5, 2),
        work("k", 1005, 5, 2),
    ).events
    (found,) = device_times(trace)
    assert (found.synchronize_ns, found.host_ns, found.launch_ns) == (30_000, 945_000, 5_000)


def test_a_copy_to_memory_that_is_not_pinned_keeps_the_host(tmp_path: Path) -> None:
    found = []
    for memory in ("Pageable", "Pinned"):
        trace = read(
            tmp_path,
            call("cudaMemcpyAsync", 0, 100, 1),
            work(f"Memcpy DtoH (Device -> {memory})", 80, 10, 1),
            call("cudaLaunchKernel", 300, 5, 2),
            work("k", 305, 5, 2),
        ).events
        (times,) = device_times(trace)
        found.append((times.synchronize_ns, times.host_ns))
    assert found == [(100_000, 110_000), (0, 210_000)]


def test_a_thread_that_launches_nothing_holds_nothing_up(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        call("cudaLaunchKernel", 0, 1, 1),
        work("k", 1, 1, 1),
        call("cudaEventSynchronize", 0, 50, tid=99),
        call("cudaLaunchKernel", 20, 1, 2),
        work("k", 21, 1, 2),
    ).events
    (found,) = device_times(trace)
    assert (found.synchronize_ns, found.host_ns) == (0, 18_000)


def test_equal_numbers_of_merged_ranks_are_devices_of_their_own(tmp_path: Path) -> None:
    second = [work("k", 4, 2, 3), call("cudaLaunchKernel", 1, 1, 3)]
    for each, process in zip(second, ("[TP01] 0", "[TP01] 9"), strict=True):
        each["pid"] = process
    trace = read(tmp_path, call("cudaLaunchKernel", 0, 1, 1), work("k", 1, 1, 1), *second).events
    found = device_times(trace)
    assert [(each.process, each.kernel_ns, each.host_ns) for each in found] == [
        ("0", 1_000, 4_000),
        ("[TP01] 0", 2_000, 0),
    ]


def test_without_launches_the_cause_is_unknown(tmp_path: Path) -> None:
    trace = read(tmp_path, work("k", 0, 1, 1), work("k", 5, 1, 2)).events
    (found,) = device_times(trace)
    assert (found.idle_ns, found.unknown_ns) == (4_000, 4_000)
    assert device_times(trace[:0]) == ()


_moments = st.integers(0, 40)
_lengths = st.integers(0, 9)
_works = st.lists(
    st.tuples(
        st.integers(0, 1),  # device
        _moments,
        _lengths,
        st.sampled_from(["kernel", "gpu_memcpy"]),
        st.none() | st.tuples(_moments, _lengths),  # the call that launched it
    ),
    min_size=1,
    max_size=8,
)
_syncs = st.lists(st.tuples(_moments, st.integers(0, 20)), max_size=3)


@settings(max_examples=60)
@given(_works, _syncs)
def test_every_nanosecond_is_counted_once(
    works: list[tuple[int, int, int, str, tuple[int, int] | None]], syncs: list[tuple[int, int]]
) -> None:
    trace = _table(works, syncs)
    begin = min(start for _, start, *_ in works)
    finish = max(start + length for _, start, length, *_ in works)
    found = {each.device: each for each in device_times(trace)}
    assert set(found) == {each[0] for each in works}
    for device, times in found.items():
        mine = [each[1:] for each in works if each[0] == device]
        launches = any(each[-1] for each in mine)
        assert times == _plainly(device, mine, syncs if launches else [], begin, finish)
        assert sum(getattr(times, f"{cause}_ns") for cause in CAUSES) == times.idle_ns


def _table(works: list[Any], syncs: list[tuple[int, int]]) -> pd.DataFrame:
    rows = []
    for number, (device, start, length, category, launch) in enumerate(works):
        lane = {"process": str(device), "thread": "7"}
        ran = {"start_s": start / 1e9, "duration_s": length / 1e9, "correlation": number}
        rows.append({"name": f"k{number}", "category": category, **lane, **ran})
        if launch is not None:
            called = {"start_s": launch[0] / 1e9, "duration_s": launch[1] / 1e9}
            rows.append({"name": f"l{number}", "category": "cuda_runtime", **called})
    for start, length in syncs:
        wait = {"name": "cudaStreamSynchronize", "category": "cuda_runtime"}
        rows.append(wait | {"start_s": start / 1e9, "duration_s": length / 1e9})
    found = table(rows)
    place = {name: row for row, name in found["name"].items() if name.startswith("l")}
    launch = [place.get(f"l{name[1:]}") if name[0] == "k" else None for name in found["name"]]
    more = {name: pd.Series(index=found.index, dtype=kind) for name, kind in MORE_COLUMNS.items()}
    return found.assign(**more | {"launch_index": pd.array(launch, dtype="Int64")})


def _plainly(
    device: int | None, works: list[Any], syncs: list[tuple[int, int]], begin: int, finish: int
) -> DeviceTime:
    """Walk over each nanosecond and ask what the device did or waited for."""
    counts = dict.fromkeys(["kernel", "copy", *CAUSES], 0)
    gap_start = begin
    for moment in range(begin, finish):
        running = {kind for start, length, kind, _ in works if start <= moment < start + length}
        if running:
            counts["kernel" if "kernel" in running else "copy"] += 1
            gap_start = moment + 1
            continue
        # Work without a length ends a gap, too.
        gap_start = max([gap_start, *(each[0] for each in works if each[0] <= moment)])
        following = [each for each in works if each[0] > moment]
        counts[_cause(moment, gap_start, following, syncs)] += 1
    return DeviceTime(
        device, str(device), finish - begin, **{f"{key}_ns": n for key, n in counts.items()}
    )


def _cause(moment: int, gap_start: int, following: list[Any], syncs: list[tuple[int, int]]) -> str:
    first = min((each[0] for each in following), default=None)
    calls = [each[-1] for each in following if each[0] == first]
    known = [each for each in calls if each is not None]
    if first is not None and not known:
        return "unknown"
    called, length = min(known) if known else (10**9, 0)
    if moment >= called + length:
        return "queue"
    if moment >= called:
        return "launch"
    waits = [each for each in syncs if each[0] <= gap_start < each[0] + each[1]]
    if not waits:
        return "host"
    # Of several, the one that ends last; of these, the one that began last.
    waited = max(waits, key=lambda each: (each[0] + each[1], each[0]))[1]
    return "synchronize" if moment - gap_start < waited else "host"
