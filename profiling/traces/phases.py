"""Phases of a trace: named ranges, forward, backward, optimizer, and profiler steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import DEVICE_WORK
from profiling.traces.memory import backward_windows
from profiling.traces.nesting import (
    covered_before,
    innermost_parts,
    is_outermost,
    lane_numbers,
    nanoseconds,
    nesting_order,
    operator_spans,
)

Array = npt.NDArray[Any]

PHASES = ("forward", "backward", "optimizer")

_PHASE = r"^\W*(?P<phase>forward|backward|optimizer(?!\.zero_grad))(?![a-z])"
_STEP = r"^ProfilerStep#(\d{1,18})$"
_AMONG_OPERATORS = r"ProfilerStep#\d|Optimizer\.(?:step|zero_grad)#"


def named_ranges(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the ranges that the program named with `torch.profiler.record_function`.

    Args:
        trace: As from `profiling.traces.table.load_trace`.

    Returns:
        In order of start: ``event`` (its row in the trace), ``name``, ``process``, ``thread``,
        ``start_s`` and ``end_s``.
    """
    is_named = trace["category"] == "user_annotation"
    # Torch up to 1.11 writes its own ranges among the operators.
    places = np.flatnonzero(trace["category"] == "cpu_op")
    is_range = trace["name"].iloc[places].str.match(_AMONG_OPERATORS).to_numpy(dtype="bool")
    is_named.iloc[places[is_range]] = True
    found = trace[is_named & trace["duration_s"].notna()]
    named = found[["name", "process", "thread", "start_s"]]
    ends = found["start_s"] + found["duration_s"].clip(lower=0)
    return named.assign(event=found.index, end_s=ends).reset_index(drop=True)


def training_phases(trace: pd.DataFrame) -> pd.DataFrame:
    """Return when forward, backward and optimizer ran.

    Annotations whose names begin with one of these words mark the phases, as torch's own of
    ``Optimizer.step`` does. Where such annotations of a thread nest, time counts once, for the
    innermost. If no annotation marks backward, each run of backward nodes without
    another operator in between is a backward. If none marks forward, the operators between a
    backward and the backward or optimizer before it are a forward.

    Args:
        trace: As from `profiling.traces.table.load_trace`.

    Returns:
        In order of start: ``phase`` (one of `PHASES`), ``start_s``, ``end_s`` and ``is_marked``
        (whether an annotation marks it).
    """
    marks = named_ranges(trace)
    marked = _marked(marks)
    calls = operator_spans(trace[~trace.index.isin(marks["event"])])
    outermost = calls[is_outermost(calls)]
    backward = marked[marked["phase"] == "backward"]
    derived = []
    if backward.empty:
        backward = backward_windows(outermost).assign(phase="backward")
        derived.append(backward)
    if not (marked["phase"] == "forward").any():
        boundaries = pd.concat([marked[marked["phase"] == "optimizer"], backward])
        derived.append(_forwards(outermost, backward, boundaries))
    found = pd.concat(
        [marked.assign(is_marked=True)] + [each.assign(is_marked=False) for each in derived]
    )
    found = found.sort_values(["start", "end"], kind="stable", ignore_index=True)
    found["start_s"], found["end_s"] = found["start"] / 1e9, found["end"] / 1e9
    return found[["phase", "start_s", "end_s", "is_marked"]]


def _marked(marks: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of each thread's time that annotations mark as a phase."""
    phase = marks["name"].str.lower().str.extract(_PHASE)["phase"]
    marks, phase = marks[phase.notna()], phase.dropna()
    lane, start, end, order = _in_lanes(marks)
    parts = innermost_parts(lane, start, end)
    lane, codes = lane[parts.owner], pd.factorize(phase)[0][order][parts.owner]
    goes_on = (lane[1:] == lane[:-1]) & (codes[1:] == codes[:-1])
    goes_on &= parts.start[1:] == parts.end[:-1]
    first = np.flatnonzero(~np.append(False, goes_on)[: len(lane)])
    last = np.append(first[1:] - 1, len(lane) - 1)[: len(first)]
    names = phase.array[order][parts.owner[first]]
    found = {"phase": names, "start": parts.start[first], "end": parts.end[last]}
    return pd.DataFrame(found)


def _in_lanes(ranges: pd.DataFrame) -> tuple[Array, Array, Array, Array]:
    """Return lanes, starts and ends in the order of `nesting_order`, and that order."""
    lane = lane_numbers(ranges)
    start, end = (nanoseconds(ranges[column]) for column in ("start_s", "end_s"))
    order = nesting_order(lane, start, end)
    return lane[order], start[order], end[order], order


def _forwards(
    outermost: pd.DataFrame, backward: pd.DataFrame, boundaries: pd.DataFrame
) -> pd.DataFrame:
    """Return the range of operators between each backward and the phase before it."""
    starts = outermost["start"].to_numpy()
    ends = boundaries.sort_values("end")["end"].to_numpy()
    begins = np.sort(backward["start"].to_numpy())
    before = np.searchsorted(ends, begins, side="right")
    first = np.searchsorted(starts, np.append(np.iinfo("int64").min, ends)[before])
    last = np.searchsorted(starts, begins)
    first, last = first[last > first], last[last > first]
    until = outermost["end"].to_numpy()
    longest = [until[one:other].max() for one, other in zip(first, last, strict=True)]
    end = np.array(longest, dtype="int64")
    found = {"phase": "forward", "start": starts[first], "end": end, "is_marked": False}
    return pd.DataFrame(found)


def steps(trace: pd.DataFrame) -> pd.DataFrame:
    """Summarize a trace by profiler steps, the ranges ``ProfilerStep#N``.

    Args:
        trace: As from `profiling.traces.table.load_trace`.

    Returns:
        In order of start: ``step``, ``start_s``, ``wall_s``, ``cpu_busy_s`` (time in which any
        operator ran, on any thread), ``gpu_busy_s`` (time in which any device worked, no matter
        which step launched the work; empty if the trace has no GPU work), ``operators`` and
        ``kernels`` (numbers that began, with copies and fills) and ``allocated_bytes`` (on all
        devices, freed or not; empty if the trace has no memory events).
    """
    ranges = named_ranges(trace)
    number = ranges["name"].str.extract(_STEP)[0]
    is_step = number.notna()
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()]
    calls = calls[~calls.index.isin(ranges["event"])]
    work = trace[trace["category"].isin(DEVICE_WORK) & trace["duration_s"].notna()]
    memory = trace[trace["bytes"].notna()]
    sizes = memory["bytes"].clip(lower=0).to_numpy("int64")
    found, row, start, end = _step_parts(ranges[is_step], number[is_step].astype("int64"))

    def summed(values: Array) -> Array:
        return np.bincount(row, values, minlength=len(found))

    ones = [np.ones(len(each), dtype="int64") for each in (calls, work)]
    allocated = pd.arrays.IntegerArray(
        summed(_between(memory, start, end, sizes)).astype("int64"),
        np.full(len(found), memory.empty),
    )
    found = found.assign(
        wall_s=summed(end - start) / 1e9,
        cpu_busy_s=summed(_busy_ns(calls, start, end)) / 1e9,
        gpu_busy_s=np.nan if work.empty else summed(_busy_ns(work, start, end)) / 1e9,
        operators=summed(_between(calls, start, end, ones[0])).astype("int64"),
        kernels=summed(_between(work, start, end, ones[1])).astype("int64"),
        allocated_bytes=allocated,
    )
    return found.sort_values("start_s", kind="stable", ignore_index=True)


def _step_parts(
    ranges: pd.DataFrame, numbers: pd.Series
) -> tuple[pd.DataFrame, Array, Array, Array]:
    """Return the steps, and the parts of time that are theirs: row of the step, start and end.

    Ranges of one number that overlap on a thread are one step.
    """
    lane, start, end, order = _in_lanes(ranges)
    step = numbers.to_numpy()[order]
    row_of: list[int] = []
    open_until: dict[tuple[int, int], tuple[int, int]] = {}
    first: list[int] = []
    for place, key in enumerate(zip(lane.tolist(), step.tolist(), strict=True)):
        until, row = open_until.get(key, (0, -1))
        if row < 0 or start[place] >= until:
            until, row = 0, len(first)
            first.append(place)
        open_until[key] = max(until, int(end[place])), row
        row_of.append(row)
    parts = innermost_parts(lane, start, end)
    found = pd.DataFrame({"step": step[first], "start_s": start[first] / 1e9})
    return found, np.array(row_of, dtype="int64")[parts.owner], parts.start, parts.end


def _busy_ns(events: pd.DataFrame, start: Array, end: Array) -> Array:
    begin = nanoseconds(events["start_s"])
    until = begin + np.maximum(nanoseconds(events["duration_s"]), 0)
    return covered_before(begin, until, end) - covered_before(begin, until, start)


def _between(events: pd.DataFrame, start: Array, end: Array, values: Array) -> Array:
    """Return the sum of the values of the events that began in each range."""
    begin = nanoseconds(events["start_s"])
    sums = np.append(0, values.cumsum())
    between: Array = sums[np.searchsorted(begin, end)] - sums[np.searchsorted(begin, start)]
    return between
