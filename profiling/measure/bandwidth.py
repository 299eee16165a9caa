"""How fast the device at hand copies within its own memory: the yardstick for clones."""

from __future__ import annotations

import statistics

import torch

_BYTES = 256 * 2**20
_COPIES = 10


def copy_bandwidth() -> float:
    """Return the bytes read and written per second by a large copy on the current CUDA device.

    Returns:
        The median over ten copies of 256 MiB, or of a quarter of the free memory if that is less,
        by CUDA events; each byte counts once read and once written.
    """
    size = min(_BYTES, torch.cuda.mem_get_info()[0] // 4)
    source = torch.empty(size, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    seconds: list[float] = []
    for _ in range(_COPIES):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        target.copy_(source)
        end.record()
        torch.cuda.synchronize()
        seconds.append(start.elapsed_time(end) / 1e3)
    return 2 * size / statistics.median(seconds)
