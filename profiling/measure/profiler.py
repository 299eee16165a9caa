"""Records traces: the only module that starts a torch profiler session."""

from __future__ import annotations

import contextlib
import errno
import functools
import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from profiling.measure.device import Device
from profiling.measure.step import Step


def record_step(step: Step, device: Device, path: Path, *, shapes: bool) -> None:
    """Profile one step and write its Chrome trace; forward and backward are marked as ranges.

    Args:
        step: The step; it is reset first.
        device: Where it runs.
        path: Where the trace goes; gzipped if it ends in ``.gz``.
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
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    try:
        session.export_chrome_trace(str(plain))
        # The session does not raise if it could not write all, or anything.
        data = plain.read_bytes() if plain.exists() else b""
        if not data.rstrip().endswith(b"}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(plain))
        if plain != path:
            # The session would compress line by line, which takes much longer.
            plain.write_bytes(gzip.compress(data, 6, mtime=0))
            plain.replace(path)
    except BaseException:
        plain.unlink(missing_ok=True)
        raise


def warm_up() -> None:
    """Run one short session in this thread.

    The first session of a process does one-time work, and later sessions in another thread make the
    profiler complain.
    """
    with _quiet(), profile(activities=[ProfilerActivity.CPU]):
        torch.ones(1).add_(1)


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
