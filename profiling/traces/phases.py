"""Phases of a trace: named ranges, forward, backward, optimizer, and profiler steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.categories import DEVICE_WORK
from profiling.traces.memory import backward_windows
from profiling.traces.nesting import covered_before, is_outermost, nanoseconds, operator_spans

PHASES = ("forward", "backward", "optimizer")

_PHASE = r"^\W*(?P<phase>forward|backward|optimizer(?!\.zero_grad))(?![a-z])"
_STEP = r"^ProfilerStep#(\d{1,18})$"


def named_ranges(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the ranges that the program named with `torch.profiler.record_function`.

    Args:
        trace: As from `profiling.traces.table.load_trace`.

    Returns:
        In order of start: ``event`` (its row in the trace), ``name``, ``process``, ``thread``,
        ``start_s`` and ``end_s``.
    """
    found = trace[(trace["category"] == "user_annotation") & trace["duration_s"].notna()]
    named = found[["name", "process", "thread", "start_s"]]
    ends = found["start_s"] + found["duration_s"].clip(lower=0)
    return named.assign(event=found.index, end_s=ends).reset_index(drop=True)


def training_phases(trace: pd.DataFrame) -> pd.DataFrame:
    """Return when forward, backward and optimizer ran.

    Annotations whose names begin with one of these words mark the phases, as torch's own of
    ``Optimizer.step`` does. If no annotation marks backward, each run of backward nodes without
    another operator in between is a backward. If none marks forward, the operators between a
    backward and the backward or optimizer before it are a forward.

    Args:
        trace: As from `profiling.traces.table.load_trace`.

    Returns:
        In order of start: ``phase`` (one of `PHASES`), ``start_s``, ``end_s`` and ``is_marked``
        (whether an annotation marks it).
    """
    marks = named_ranges(trace)
    phase = marks["name"].str.lower().str.extract(_PHASE)["phase"]
    start, end = (nanoseconds(marks[column]) for column in ("start_s", "end_s"))
    marked = pd.DataFrame({"phase": phase, "start": start, "end": end}).dropna(subset="phase")
    calls = operator_spans(trace)
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
    ranges, number = ranges[number.notna()], number.dropna()
    start = nanoseconds(ranges["start_s"])
    end = nanoseconds(ranges["end_s"])
    calls = trace[(trace["category"] == "cpu_op") & trace["duration_s"].notna()]
    work = trace[trace["category"].isin(DEVICE_WORK) & trace["duration_s"].notna()]
    memory = trace[trace["bytes"].notna()]
    sizes = memory["bytes"].clip(lower=0).to_numpy("int64")
    allocated = pd.Series(_between(memory, start, end, sizes), ranges.index, dtype="Int64")
    found = pd.DataFrame(
        {
            "step": number.astype("int64"),
            "start_s": ranges["start_s"],
            "wall_s": (end - start) / 1e9,
            "cpu_busy_s": _busy_seconds(calls, start, end),
            "gpu_busy_s": np.nan if work.empty else _busy_seconds(work, start, end),
            "operators": _between(calls, start, end, np.ones(len(calls), dtype="int64")),
            "kernels": _between(work, start, end, np.ones(len(work), dtype="int64")),
            "allocated_bytes": pd.NA if memory.empty else allocated,
        }
    )
    return found.astype({"allocated_bytes": "Int64"}).reset_index(drop=True)


def _busy_seconds(
    events: pd.DataFrame, start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    begin = nanoseconds(events["start_s"])
    until = begin + np.maximum(nanoseconds(events["duration_s"]), 0)
    return (covered_before(begin, until, end) - covered_before(begin, until, start)) / 1e9


def _between(
    events: pd.DataFrame,
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    values: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Return the sum of the values of the events that began in each range."""
    begin = nanoseconds(events["start_s"])
    sums = np.append(0, values.cumsum())
    between: npt.NDArray[np.int64] = (
        sums[np.searchsorted(begin, end)] - sums[np.searchsorted(begin, start)]
    )
    return between
