"""Finds what cannot be in a run that was measured, beyond what the records' types rule out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from profiling.records import BranchResult, Cell, CellResult, PeakPart, Reach, Run, Sample

MAX_CELLS = 100
MAX_BRANCHES = 100
MAX_GROUPS = 100
MAX_ROUNDS = 10_000
MAX_TRACE_NAME = 200
# Whole numbers up to here are exact as floats.
MAX_NUMBER = 2**53
# All others are counts, of bytes or of things.
_FRACTIONAL = ("time", "host", "clone_bandwidth", "copy_bandwidth")
# A step may free what was there before it.
_SIGNED = ("live",)


def first_fault(run: Run) -> str | None:
    """Return where a run contradicts itself, such as ``results[0].cell``; None if nowhere."""
    return next(_faults(run), None)


def _faults(run: Run) -> Iterator[str]:
    if run.schema_version < 1:
        yield "schema_version"
    if not _is_amount(run.request.seed) or not _is_amount(run.request.budget_s):
        yield "request"
    if not 1 <= len(run.cells) <= MAX_CELLS or not _distinct(map(_identity, run.cells)):
        yield "cells"
    for place, cell in enumerate(run.cells):
        yield from (f"cells[{place}].{fault}" for fault in _cell_faults(cell))
    if not _distinct(_identity(finished.cell) for finished in run.results):
        yield "results"
    for place, finished in enumerate(run.results):
        if finished.cell not in run.cells:
            yield f"results[{place}].cell"
        yield from (f"results[{place}].{fault}" for fault in _cell_result_faults(finished))


def _identity(cell: Cell) -> tuple[str, int, str, str]:
    """Return what tells the cells of one run apart, the key of its tables."""
    return cell.workload, cell.size, cell.dtype, cell.device


def _cell_faults(cell: Cell) -> Iterator[str]:
    if not 1 <= cell.size <= MAX_NUMBER:
        yield "size"
    if not 1 <= len(cell.branches) <= MAX_BRANCHES or not _distinct(cell.branches):
        yield "branches"
    if not all(abs(value) <= MAX_NUMBER for value in cell.parameters.values()):
        yield "parameters"
    for name in ("seed", "budget_s"):
        if not _is_amount(getattr(cell, name)):
            yield name


def _cell_result_faults(finished: CellResult) -> Iterator[str]:
    for name in ("duration_s", "warm_up_rounds", "loops", "parameter_bytes", "input_bytes"):
        if not _is_amount(getattr(finished, name)):
            yield name
    if (finished.others_cpu_share or 0.0) > 1.0 or not _is_amount(finished.others_cpu_share):
        yield "others_cpu_share"
    labels = [result.branch for result in finished.results]
    if not _distinct(labels):
        yield "results"
    for place, result in enumerate(finished.results):
        if result.branch not in finished.cell.branches:
            yield f"results[{place}].branch"
        yield from (f"results[{place}].{fault}" for fault in _branch_faults(result))


def _branch_faults(result: BranchResult) -> Iterator[str]:
    if not _distinct((each.phase, each.metric, each.index) for each in result.samples):
        yield "samples"
    for name, places in (
        ("samples", _wrong(map(_is_sample, result.samples))),
        ("reach", _wrong(map(_is_reach, result.reach))),
        ("peak_parts", _wrong(map(_is_part, result.peak_parts))),
        ("scratch", _wrong(_is_amount(part.bytes) for part in result.scratch)),
    ):
        yield from (f"{name}[{place}]" for place in places)
    if len(result.reach) > MAX_GROUPS or not _distinct(each.group for each in result.reach):
        yield "reach"
    if result.trace is not None and len(result.trace) > MAX_TRACE_NAME:
        yield "trace"


def _is_part(part: PeakPart) -> bool:
    """Whether a part of a peak is possible: what a step frees of what was there is negative."""
    return _is_amount(-part.bytes if part.kind == "released" else part.bytes)


def _is_sample(sample: Sample) -> bool:
    if not 0 <= sample.index < MAX_ROUNDS:
        return False
    value = sample.value
    if value is None:
        return True
    if sample.metric in _SIGNED:
        value = abs(value)
    return _is_amount(value) and (sample.metric in _FRACTIONAL or value == int(value))


def _is_reach(reach: Reach) -> bool:
    counted = 0 <= reach.with_gradient <= reach.tensors <= MAX_NUMBER
    return counted and _is_amount(reach.max_difference)


def _is_amount(value: float | None) -> bool:
    """Tell whether a value is missing, or a number from 0 on that is finite and not absurd."""
    return value is None or (math.isfinite(value) and 0 <= value <= MAX_NUMBER)


def _wrong(checks: Iterable[bool]) -> list[int]:
    return [place for place, right in enumerate(checks) if not right]


def _distinct(items: Iterable[object]) -> bool:
    listed: Sequence[object] = list(items)
    return len(set(listed)) == len(listed)
