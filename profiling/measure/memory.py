"""The memory pass: bytes above the start, exact to the byte, in a run of its own."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch

from profiling.measure.profiler import record_step
from profiling.measure.step import State, Step
from profiling.records import Sample
from profiling.traces.load import load_trace
from profiling.traces.memory import memory_curve


def measure_memory(step: Step, device: str) -> list[Sample]:
    """Measure what a step allocates: peak, live when forward ends, in total, and how often.

    On the CPU both come from the profiler's allocation events, on CUDA from the allocator's
    ``requested_bytes`` counters, which unlike ``allocated_bytes`` are not rounded to blocks. The
    step must have run before, so that workspaces that stay (cuBLAS) are not counted as its own.
    """
    step.reset()
    gc.collect()
    found = (_cuda if device == "cuda" else _cpu)(step)
    return [
        Sample("step", "peak", "bytes", 0, found.peak),
        Sample("forward", "live", "bytes", 0, found.live),
        Sample("step", "allocated", "bytes", 0, found.allocated),
        Sample("step", "allocations", "count", 0, found.allocations),
    ]


def measure_saved(step: Step, state: State) -> list[Sample]:
    """Measure the bytes that autograd keeps for backward when forward ends.

    Counted are unique storages without those of parameters and buffers, which live anyway. It is
    a run of its own because hooks change how long tensors live.
    """
    step.reset()
    gc.collect()
    known = {_address(tensor) for tensor in _resident(state)}
    saved: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        # An identity hook would leak a reference cycle, and any hook hides in-place errors, so
        # backward never runs here.
        kept = tensor.detach()
        if _address(tensor) not in known:
            saved[_address(tensor)] = kept
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = step.forward()
    total = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
    del result
    return [Sample("forward", "saved", "bytes", 0, total)]


class _Memory(NamedTuple):
    peak: int
    live: int
    allocated: int
    allocations: int


def _cpu(step: Step) -> _Memory:
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        path = Path(folder) / "memory.json"
        record_step(step, "cpu", path, shapes=False)
        trace = load_trace(path)
    curve = memory_curve(trace, "cpu")
    if curve.empty:
        return _Memory(0, 0, 0, 0)
    forward = trace[(trace["category"] == "user_annotation") & (trace["name"] == "forward")]
    end = (forward["start_s"] + forward["duration_s"]).iloc[0]
    before_end = curve.loc[curve["time_s"] <= end, "live_bytes"]
    live = int(before_end.iloc[-1]) if len(before_end) else 0
    gained = curve.loc[curve["change_bytes"] > 0, "change_bytes"]
    return _Memory(max(0, int(curve["live_bytes"].max())), live, int(gained.sum()), len(gained))


def _cuda(step: Step) -> _Memory:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    start = torch.cuda.memory_stats()
    result = step.forward()
    torch.cuda.synchronize()
    middle = torch.cuda.memory_stats()
    step.backward(result)
    torch.cuda.synchronize()
    end = torch.cuda.memory_stats()
    current, in_total = "requested_bytes.all.current", "requested_bytes.all.allocated"
    return _Memory(
        peak=end["requested_bytes.all.peak"] - start[current],
        live=middle[current] - start[current],
        allocated=end[in_total] - start[in_total],
        allocations=end["allocation.all.allocated"] - start["allocation.all.allocated"],
    )


def _resident(state: State) -> Iterable[torch.Tensor]:
    """Parameters and buffers: the tensors that live as long as the model does."""
    for leaves in state.groups.values():
        yield from leaves
    for value in state.arguments.values():
        if isinstance(value, torch.nn.Module):
            yield from value.parameters()
            yield from value.buffers()


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
