"""Opens the engine for one command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from profiling.engine.engine import Engine


@contextlib.contextmanager
def open_engine(preferred: str) -> Iterator[Engine]:
    """Start an engine and end its worker and files with the command."""
    engine = Engine(preferred)
    try:
        yield engine
    finally:
        engine.close()
