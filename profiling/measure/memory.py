"""The memory pass: bytes above the start, exact to the byte, in a run of its own."""

from __future__ import annotations

import collections
import gc
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from profiling.measure.prediction import Prediction
from profiling.measure.profiler import record_step
from profiling.measure.step import State, Step
from profiling.model.run import PeakPart, Sample
from profiling.traces.memory import memory_curve, peak_parts, scratch
from profiling.traces.operators import operator_count
from profiling.traces.table import load_trace


class Memory(NamedTuple):
    """What a memory pass found.

    Attributes:
        samples: Bytes and counts.
        parts: What the peak consists of; empty on CUDA, where the trace pass tells it.
        scratch: What of it no operator returned; empty likewise.
    """

    samples: list[Sample]
    parts: tuple[PeakPart, ...] = ()
    scratch: tuple[PeakPart, ...] = ()


def measure_memory(step: Step, device: str, predicted: Prediction | None = None) -> Memory:
    """Measure what a step allocates: peak, live when forward ends, in total, and how often.

    On the CPU it comes from the profiler's allocation events, on CUDA from the allocator's
    ``requested_bytes`` counters, which unlike ``allocated_bytes`` are not rounded to blocks. The
    step must have run before, so that workspaces that stay (cuBLAS) are not counted as its own.
    On the CPU the operators are counted too, since the events that tell of them are read anyway.

    Args:
        step: The step; it is reset first.
        device: ``"cpu"`` or ``"cuda"``.
        predicted: What the step was predicted to need; where the peak is another, what no
            prediction sees is told.
    """
    step.reset()
    gc.collect()
    return _cuda(step) if device == "cuda" else _cpu(step, predicted)


def parts_of(trace: pd.DataFrame, device: str) -> tuple[PeakPart, ...]:
    """Return what the peak of a traced step consists of."""
    table = peak_parts(trace, device)
    columns = (table["kind"].map(str), table["op"].map(str), table["bytes"])
    return tuple(PeakPart(kind, op, int(size)) for kind, op, size in zip(*columns, strict=True))


def scratch_of(trace: pd.DataFrame, device: str, operators: frozenset[str]) -> tuple[PeakPart, ...]:
    """Return what no operator returned of the peak of a traced step."""
    table = scratch(trace, device, operators)
    columns = (table["op"], table["bytes"])
    return tuple(PeakPart("scratch", str(op), int(size)) for op, size in zip(*columns, strict=True))


def measure_saved(step: Step, state: State) -> list[Sample]:
    """Measure the most bytes that autograd keeps for backward at once while forward runs.

    Counted are unique storages without those of parameters and buffers, which live anyway. It is
    a run of its own because hooks change how long tensors live.
    """
    step.reset()
    held = _Held({_address(tensor) for tensor in state.resident()})
    with torch.autograd.graph.saved_tensors_hooks(held.pack, lambda kept: kept.tensor):
        result = step.forward()
    del result
    return [Sample("forward", "saved", "bytes", 0, held.most_bytes)]


class _Kept:
    """What autograd holds in place of a tensor; it ends when autograd lets go of it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        # The tensor itself would be a reference cycle with the node that saved it.
        self.tensor = tensor.detach()


class _Held:
    """Counts the storages that are held, each once."""

    def __init__(self, known: set[int]) -> None:
        self.most_bytes = 0
        self._known = known
        self._bytes = 0
        self._holders: collections.Counter[int] = collections.Counter()

    def pack(self, tensor: torch.Tensor) -> _Kept:
        kept = _Kept(tensor)
        address, size = _address(tensor), tensor.untyped_storage().nbytes()
        if address not in self._known:
            self._bytes += 0 if self._holders[address] else size
            self._holders[address] += 1
            self.most_bytes = max(self.most_bytes, self._bytes)
            weakref.finalize(kept, self._release, address, size)
        return kept

    def _release(self, address: int, size: int) -> None:
        self._holders[address] -= 1
        self._bytes -= 0 if self._holders[address] else size


def _cpu(step: Step, predicted: Prediction | None) -> Memory:
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        path = Path(folder) / "memory.json"
        record_step(step, "cpu", path, shapes=False)
        trace = load_trace(path)
    curve = memory_curve(trace, "cpu")
    ops = Sample("step", "ops", "count", 0, operator_count(trace))
    if curve.empty:
        return Memory([*_samples(0, 0, 0, 0), ops])
    is_forward = (trace["category"] == "user_annotation") & (trace["name"] == "forward")
    end = trace.loc[is_forward, ["start_s", "duration_s"]].iloc[0].sum()
    before_end = curve.loc[curve["time_s"] <= end, "live_bytes"]
    live = int(before_end.iloc[-1]) if len(before_end) else 0
    gained = curve.loc[curve["change_bytes"] > 0, "change_bytes"]
    peak = max(0, int(curve["live_bytes"].max()))
    samples = [*_samples(peak, live, int(gained.sum()), len(gained)), ops]
    parts = parts_of(trace, "cpu")
    if predicted is None or predicted.peak_bytes == peak:
        return Memory(samples, parts)
    return Memory(samples, parts, scratch_of(trace, "cpu", predicted.operators))


def _cuda(step: Step) -> Memory:
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    start = torch.cuda.memory_stats()
    result = step.forward()
    torch.cuda.synchronize()
    middle = torch.cuda.memory_stats()
    step.backward(result)
    torch.cuda.synchronize()
    end = torch.cuda.memory_stats()
    current, in_total = "requested_bytes.all.current", "requested_bytes.all.allocated"
    blocks = end["allocated_bytes.all.peak"] - start["allocated_bytes.all.current"]
    samples = _samples(
        peak=end["requested_bytes.all.peak"] - start[current],
        live=middle[current] - start[current],
        allocated=end[in_total] - start[in_total],
        allocations=end["allocation.all.allocated"] - start["allocation.all.allocated"],
    )
    return Memory(
        [
            *samples,
            Sample("step", "block_peak", "bytes", 0, blocks),
            Sample("step", "reserved_peak", "bytes", 0, end["reserved_bytes.all.peak"]),
        ]
    )


def _samples(peak: int, live: int, allocated: int, allocations: int) -> list[Sample]:
    return [
        Sample("step", "peak", "bytes", 0, peak),
        Sample("forward", "live", "bytes", 0, live),
        Sample("step", "allocated", "bytes", 0, allocated),
        Sample("step", "allocations", "count", 0, allocations),
    ]


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
