"""The memory pass: bytes above the start of a step, exact to the byte, in a run of its own."""

from __future__ import annotations

import collections
import gc
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from profiling.measure.device import Device
from profiling.measure.mode import uncompiled
from profiling.measure.prediction import Prediction, Tracker
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
        parts: What the peak consists of; empty if it comes from a device's counters, which do not
            tell.
        scratch: The parts of it that no operator returned; empty likewise.
    """

    samples: list[Sample]
    parts: tuple[PeakPart, ...] = ()
    scratch: tuple[PeakPart, ...] = ()


def measure_memory(step: Step, device: Device, predicted: Prediction | None = None) -> Memory:
    """Measure what a step allocates: peak, live when forward ends, in total, and how often.

    The numbers come from the counters of the device's allocator; they are empty if it does not
    count as it is set up. If it has none they come from the profiler's allocation events; operators
    are then counted too, since their events are read anyway. If there are no such events either, it
    is the results of operators that are counted, without what these need inside. The step must have
    run before, so that workspaces that stay (cuBLAS) are not counted as its own.

    Args:
        step: The step; it is reset first.
        device: Where it runs.
        predicted: What the step was predicted to need. If the peak differs, the scratch, which no
            prediction sees, is returned too.
    """
    step.reset()
    gc.collect()
    if device.has_counters:
        return _counted(step, device) if device.counts() else Memory(_untold())
    if device.has_allocations:
        return _recorded(step, device, predicted)
    return _tracked(step, device)


def parts_of(trace: pd.DataFrame, trace_name: str) -> tuple[PeakPart, ...]:
    """Return what the peak of a traced step consists of, on the device that the trace calls so."""
    table = peak_parts(trace, trace_name)
    columns = (table["kind"].map(str), table["op"].map(str), table["bytes"])
    return tuple(PeakPart(kind, op, int(size)) for kind, op, size in zip(*columns, strict=True))


def scratch_of(
    trace: pd.DataFrame, trace_name: str, operators: frozenset[str]
) -> tuple[PeakPart, ...]:
    """Return the parts of a traced step's peak that no operator returned."""
    table = scratch(trace, trace_name, operators)
    columns = (table["op"], table["bytes"])
    return tuple(PeakPart("scratch", str(op), int(size)) for op, size in zip(*columns, strict=True))


def measure_saved(step: Step, state: State) -> list[Sample]:
    """Measure the most bytes that autograd saves for backward at once while forward runs.

    Unique storages are counted, without those of parameters and buffers, which live anyway. This
    needs a run of its own because hooks change how long tensors live.
    """
    step.reset()
    held = _Held({_address(tensor) for tensor in state.resident()})
    # A graph break inside would have the compiler look into the hooks too.
    pack, unpack = uncompiled(held.pack), uncompiled(lambda kept: kept.tensor)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        result = step.forward()
    del result
    return [Sample("forward", "saved", "bytes", 0, held.most_bytes)]


class _Kept:
    """What autograd holds in place of a tensor, until it lets go of it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        # The tensor itself would form a reference cycle with the node that saved it.
        self.tensor = tensor.detach()


class _Held:
    """Adds up the bytes of the storages that are held, each once."""

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


def _recorded(step: Step, device: Device, predicted: Prediction | None) -> Memory:
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        path = Path(folder) / "memory.json"
        record_step(step, device, path, shapes=False)
        trace = load_trace(path)
    curve = memory_curve(trace, device.trace_name)
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
    parts = parts_of(trace, device.trace_name)
    if predicted is None or predicted.peak_bytes == peak:
        return Memory(samples, parts)
    return Memory(samples, parts, scratch_of(trace, device.trace_name, predicted.operators))


def _counted(step: Step, device: Device) -> Memory:
    device.synchronize()
    device.empty_cache()
    device.reset_counters()
    start = device.counters()
    result = step.forward()
    device.synchronize()
    middle = device.counters()
    step.backward(result)
    device.synchronize()
    end = device.counters()
    samples = _samples(
        peak=end.peak_bytes - start.live_bytes,
        live=middle.live_bytes - start.live_bytes,
        allocated=end.allocated_bytes - start.allocated_bytes,
        allocations=end.allocations - start.allocations,
    )
    blocks = end.block_peak_bytes - start.block_bytes
    return Memory(
        [
            *samples,
            Sample("step", "block_peak", "bytes", 0, blocks),
            Sample("step", "reserved_peak", "bytes", 0, end.reserved_peak_bytes),
        ]
    )


def _tracked(step: Step, device: Device) -> Memory:
    with Tracker(step.tensors(), device.spec) as tracker:
        result = step.forward()
        live = tracker.live_bytes
        step.backward(result)
    return Memory(_samples(tracker.peak_bytes, live, tracker.allocated_bytes, tracker.allocations))


def _untold() -> list[Sample]:
    """Return samples without values."""
    blocks = [Sample("step", name, "bytes", 0, None) for name in ("block_peak", "reserved_peak")]
    return [*_samples(None, None, None, None), *blocks]


def _samples(
    peak: int | None, live: int | None, allocated: int | None, allocations: int | None
) -> list[Sample]:
    return [
        Sample("step", "peak", "bytes", 0, peak),
        Sample("forward", "live", "bytes", 0, live),
        Sample("step", "allocated", "bytes", 0, allocated),
        Sample("step", "allocations", "count", 0, allocations),
    ]


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
