"""Reads the traces that were recorded of a cell; no device is needed for it any more."""

from __future__ import annotations

import contextlib
import gzip
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec.structs import replace

from profiling.measure.failure import Failure, attempt
from profiling.measure.memory import parts_of, scratch_of
from profiling.model.recording import Recording, Unread, no_trace
from profiling.model.run import BranchResult, CellResult, Sample
from profiling.traces.operators import clone_bandwidth, device_work, operator_count
from profiling.traces.table import load_trace


def read_cell(
    recording: Recording,
    folder: Path,
    running: Callable[[str], AbstractContextManager[object]] = contextlib.nullcontext,
) -> CellResult:
    """Read and compress a cell's traces, one after the other, and return the whole result.

    Args:
        recording: The cell as it was recorded.
        folder: The folder that it was recorded in.
        running: Is entered with a branch's label while its trace is read.
    """
    start = time.perf_counter()
    result = recording.result
    found = {each.branch: each for each in result.results}
    for unread in recording.unread:
        with running(unread.branch):
            found[unread.branch] = _with_trace(found[unread.branch], unread, folder)
    duration_s = (result.duration_s or 0.0) + time.perf_counter() - start
    return replace(result, results=tuple(found.values()), duration_s=duration_s)


def _with_trace(result: BranchResult, unread: Unread, folder: Path) -> BranchResult:
    path = folder / unread.path
    try:
        read = attempt(lambda: _read(result, unread, path))
    finally:
        path.unlink(missing_ok=True)
    if not isinstance(read, Failure):
        return read
    notice = no_trace(unread.branch, read.message or read.reason)
    return replace(result, notices=(*result.notices, notice))


def _read(result: BranchResult, unread: Unread, path: Path) -> BranchResult:
    if unread.has_counts:
        trace = load_trace(path)
        counts = {"ops": operator_count(trace), **device_work(trace)}
        samples = [Sample("step", name, "count", 0, value) for name, value in counts.items()]
        copied = Sample("step", "clone_bandwidth", "bytes_per_s", 0, clone_bandwidth(trace))
        result = replace(result, samples=(*result.samples, *samples, copied))
        if unread.memory_of:
            names = unread.predicted
            unseen = () if names is None else scratch_of(trace, unread.memory_of, names)
            result = replace(result, peak_parts=parts_of(trace, unread.memory_of), scratch=unseen)
    _compress(path, path.with_name(f"{path.name}.gz"))
    return replace(result, trace=f"{unread.path}.gz")


def _compress(plain: Path, path: Path) -> None:
    try:
        # The profiler would compress line by line, which takes much longer.
        path.write_bytes(gzip.compress(plain.read_bytes(), 6, mtime=0))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
