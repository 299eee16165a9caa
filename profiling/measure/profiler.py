"""Records traces: the only module that starts a torch profiler session."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from profiling.measure.device import Device
from profiling.measure.step import Step
from profiling.traces.categories import DEVICE_WORK
from profiling.traces.table import load_trace

# A whole trace ends in a brace, with little space after it.
_END_BYTES = 64


def record_step(step: Step, device: Device, path: Path, *, shapes: bool) -> None:
    """Profile one step and write its Chrome trace; forward and backward are marked as ranges.

    Args:
        step: The step; it is reset first.
        device: Where it runs.
        path: Where the trace goes, which is not compressed: that needs no device.
        shapes: Whether to record the shapes of inputs, which makes the step slower.
    """
    session = profile(
        activities=device.activities(),
        record_shapes=shapes,
        profile_memory=True,
        experimental_config=_only_exported(),
    )
    step.reset()
    device.synchronize()
    # Else memory that is held from an earlier step, and not split, would count as the step's.
    device.empty_cache()
    with _quiet():
        session.start()
    try:
        with record_function("forward"):
            result = step.forward()
        with record_function("backward"):
            step.backward(result)
        device.synchronize()
    finally:
        with _quiet():
            session.stop()
    _export(session, path)


@functools.cache
def _only_exported() -> Any:
    """Return a setting that makes no Python objects of events, which takes most of a session's end.

    None for a torch that has no such setting.
    """
    try:
        from torch._C._profiler import _ExperimentalConfig

        return _ExperimentalConfig(trace_only=True)
    except (ImportError, TypeError):
        return None


def _export(session: profile, path: Path) -> None:
    try:
        session.export_chrome_trace(str(path))
        # The session does not raise if it could not write all, or anything.
        if not _end(path).rstrip().endswith(b"}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _end(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END_BYTES))
            return file.read()
    except FileNotFoundError:
        return b""


def warm_up() -> None:
    """Run one short session in this thread.

    The first session of a process does one-time work, and later sessions in another thread make the
    profiler complain.
    """
    with _quiet(), profile(activities=[ProfilerActivity.CPU]):
        torch.ones(1).add_(1)


def sees_kernels(device: Device) -> bool:
    """Run one short session on a device and return whether it has recorded what the device did.

    A device's first session does one-time work, and none records a kernel where the driver's
    library for it (CUPTI) is missing or this process may not use it.
    """
    session = profile(activities=device.activities())
    device.synchronize()
    with _quiet():
        session.start()
    try:
        torch.ones(1, device=device.spec).add_(1)
        device.synchronize()
    finally:
        with _quiet():
            session.stop()
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        path = Path(folder) / "trace.json"
        _export(session, path)
        return bool(load_trace(path)["category"].isin(DEVICE_WORK).any())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence stderr below Python: the profiler's C++ code logs two lines for every session."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
