"""Opens the engine for one command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from profiling.engine.engine import Engine


@contextlib.contextmanager
def open_engine(preferred: str, time_limit_s: float | None = None) -> Iterator[Engine]:
    """Start an engine and end its worker and files with the command.

    Args:
        preferred: The device to prefer.
        time_limit_s: Seconds that a cell may take; the engine's own limit unless given.
    """
    limited = Engine if time_limit_s is None else partial(Engine, time_limit_s=time_limit_s)
    engine = limited(preferred)
    try:
        yield engine
    finally:
        engine.close()
