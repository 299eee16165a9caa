"""Traces that come with the project, recorded on known machines by comparisons."""

from __future__ import annotations

from pathlib import Path

import msgspec

from profiling.records import Record
from profiling.storage import RECORDED, find

TRACES = RECORDED / "traces"
INDEX = "index.json"


class RecordedTrace(Record, frozen=True):
    """What a trace is of, and where it was recorded.

    Attributes:
        name: Names it on the command line, and its file without ``.json.gz``.
        device: The maker's name of the device.
        threads: Intra-op threads of torch on the CPU.
        recorded_utc: When, in ISO 8601.
    """

    name: str
    workload: str
    branch: str
    size: int
    device: str
    torch: str
    threads: int
    recorded_utc: str

    @property
    def path(self) -> Path:
        """Where the trace is."""
        return TRACES / f"{self.name}.json.gz"


def recorded_traces() -> dict[str, RecordedTrace]:
    """Return the traces that come with the project, by name, in the order of their index."""
    index = TRACES / INDEX
    if not index.exists():
        return {}
    found = msgspec.json.decode(index.read_bytes(), type=list[RecordedTrace])
    return {trace.name: trace for trace in found}


def find_trace(text: str) -> Path:
    """Return the path of a trace given as a path or as ``recorded:NAME``.

    Raises:
        InputError: There is no recorded trace of that name.
    """
    known = {name: trace.path for name, trace in recorded_traces().items()}
    return find(text, known, "error.unknown_recorded_trace")
