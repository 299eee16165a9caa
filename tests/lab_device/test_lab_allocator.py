"""The simulated allocator follows CUDA's rules, to the byte."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch

from tests.lab_device import lab

pytestmark = pytest.mark.lab

KIB, MIB = 2**10, 2**20


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    gc.collect()
    lab.empty_cache()
    assert lab.memory_stats()["reserved_bytes.all.current"] == 0
    torch.lab.reset_peak_memory_stats()  # type: ignore[attr-defined]
    torch.lab.reset_accumulated_memory_stats()  # type: ignore[attr-defined]
    yield
    lab.empty_cache()


def held(size: int) -> torch.Tensor:
    return torch.empty(size, dtype=torch.uint8, device="lab")


def now(*names: str, of: str = "current") -> tuple[int, ...]:
    stats = lab.memory_stats()
    return tuple(stats[f"{name}.all.{of}"] for name in names)


BYTES = ("requested_bytes", "allocated_bytes", "reserved_bytes")


@pytest.mark.parametrize(
    ("requested", "block", "segment"),
    [
        (1, 512, 2 * MIB),
        (512, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        # At most 1 MiB would be left, so the block is the whole segment.
        (11 * MIB, 12 * MIB, 12 * MIB),
        (10 * MIB + 1, 10 * MIB + 512, 12 * MIB),
        (19 * MIB + 1, 20 * MIB, 20 * MIB),
    ],
)
def test_a_request_its_block_and_its_segment(requested: int, block: int, segment: int) -> None:
    kept = held(requested)
    assert now(*BYTES) == (requested, block, segment)
    assert now("allocation", "segment", "active") == (1, 1, 1)
    assert now("active_bytes", "inactive_split_bytes") == (block, segment - block)
    del kept
    assert now(*BYTES) == (0, 0, segment)
    assert now("allocation", "segment", "active", "inactive_split") == (0, 1, 0, 0)


def test_nothing_is_counted_for_an_empty_tensor() -> None:
    kept = held(0)
    assert kept.numel() == 0
    assert now(*BYTES, "allocation", of="allocated") == (0, 0, 0, 0)


def test_what_was_freed_is_used_again_the_smallest_that_suffices() -> None:
    kept = [held(size) for size in (4096, 512, 1024, 512, 2048)]
    small, large = kept[2].data_ptr(), kept[0].data_ptr()
    kept[2] = kept[0] = held(0)
    assert now("inactive_split") == (3,)
    first = held(600)
    assert first.data_ptr() == small
    second = held(4000)
    assert second.data_ptr() == large
    assert now("segment", of="allocated") == (1,)


def test_free_neighbours_become_one_block() -> None:
    first, second, third = (held(512 * KIB) for _ in range(3))
    last = held(512 * KIB)  # The segment is full.
    start = first.data_ptr()
    assert now("segment", "inactive_split") == (1, 0)
    del first, third
    assert now("inactive_split", "inactive_split_bytes") == (2, MIB)
    del second
    assert now("inactive_split", "inactive_split_bytes") == (1, 3 * 512 * KIB)
    again = held(MIB)
    assert again.data_ptr() == start
    assert now("segment") == (1,)
    del last, again
    assert now("inactive_split", "allocated_bytes", "reserved_bytes") == (0, 0, 2 * MIB)


def test_a_large_block_is_not_split_where_a_mebibyte_or_less_would_be_left() -> None:
    kept = held(19 * MIB)  # 1 MiB of the 20 is left.
    assert now(*BYTES) == (19 * MIB, 20 * MIB, 20 * MIB)
    del kept
    kept = held(9 * MIB)  # from the segment that is there
    assert now(*BYTES) == (9 * MIB, 9 * MIB, 20 * MIB)
    rest = held(10 * MIB + 512)
    assert now(*BYTES) == (19 * MIB + 512, 20 * MIB, 20 * MIB)
    del kept, rest


def test_small_and_large_requests_share_no_segment() -> None:
    kept = [held(MIB + 1), held(1)]
    stats = lab.memory_stats()
    assert stats["reserved_bytes.small_pool.current"] == 2 * MIB
    assert stats["reserved_bytes.large_pool.current"] == 20 * MIB
    assert stats["allocated_bytes.small_pool.current"] == 512
    assert len(kept) == 2


def test_the_cache_gives_back_whole_segments_only() -> None:
    kept = held(1)
    large, other = held(30 * MIB), held(512)
    del large
    assert now("reserved_bytes") == (32 * MIB,)
    lab.empty_cache()
    assert now("reserved_bytes", "segment") == (2 * MIB, 1)
    del kept
    lab.empty_cache()
    assert now("reserved_bytes") == (2 * MIB,)
    del other
    lab.empty_cache()
    assert now("reserved_bytes", "segment") == (0, 0)
    assert now("reserved_bytes", of="freed") == (32 * MIB,)
    assert lab.memory_stats()["num_device_free"] == 2


def test_peaks_and_totals_start_again() -> None:
    kept = held(1000)
    del kept
    assert now("requested_bytes", "allocation", of="peak") == (1000, 1)
    assert now("requested_bytes", "allocation", of="allocated") == (1000, 1)
    torch.lab.reset_peak_memory_stats()  # type: ignore[attr-defined]
    torch.lab.reset_accumulated_memory_stats()  # type: ignore[attr-defined]
    for of in ("peak", "allocated", "freed"):
        assert now("requested_bytes", "allocation", of=of) == (0, 0)


def test_free_memory_is_the_drivers() -> None:
    lab.set_memory(64 * MIB, taken=10 * MIB)
    assert lab.mem_get_info() == (54 * MIB, 64 * MIB)
    kept = held(1)
    assert lab.mem_get_info() == (52 * MIB, 64 * MIB)
    del kept
    assert lab.mem_get_info() == (52 * MIB, 64 * MIB)


def test_what_is_cached_is_given_back_before_memory_is_said_to_be_out() -> None:
    lab.set_memory(32 * MIB)
    kept = held(20 * MIB)
    del kept
    kept = held(30 * MIB)
    assert now(*BYTES) == (30 * MIB, 30 * MIB, 30 * MIB)
    with pytest.raises(torch.OutOfMemoryError) as raised:
        held(4 * MIB)
    assert str(raised.value).startswith(
        "LAB out of memory. Tried to allocate 4.00 MiB. Device 0 has a total capacity of 32.00 MiB "
        "of which 2.00 MiB is free. Of the allocated memory 30.00 MiB is allocated by PyTorch, and "
        "0 bytes is reserved by PyTorch but unallocated."
    )
    stats = lab.memory_stats()
    assert (stats["num_alloc_retries"], stats["num_ooms"]) == (2, 1)
    del kept
    assert held(4 * MIB).numel() == 4 * MIB


def test_torch_reads_the_same_statistics() -> None:
    kept = held(1000)
    if hasattr(torch.accelerator, "memory_stats"):
        told = torch.accelerator.memory_stats()
        assert told["requested_bytes.all.current"] == 1000
        assert told["reserved_bytes.all.peak"] == 2 * MIB
    assert kept.numel() == 1000
