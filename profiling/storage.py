"""Saves runs to disk and loads them without loss."""

from __future__ import annotations

from pathlib import Path

import msgspec

from profiling.records import Run


def save_run(run: Run, path: Path) -> None:
    """Write a run as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1))


def load_run(path: Path) -> Run:
    """Read what `save_run` wrote.

    Raises:
        msgspec.DecodeError: The file is not JSON, or not a run.
    """
    return msgspec.json.decode(path.read_bytes(), type=Run)
