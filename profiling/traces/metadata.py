"""Names that a trace gives to its processes and threads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from profiling.traces.raw_events import Event

_PROCESS = "process_name"
_THREAD = "thread_name"


def names(events: Iterable[Event]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Return the names of processes, and of threads by process and thread."""
    processes: dict[str, str] = {}
    threads: dict[tuple[str, str], str] = {}
    for event in events:
        name = _label(event) if event.name in (_PROCESS, _THREAD) else None
        if name is None or event.pid is None:
            continue
        if event.name == _PROCESS:
            processes[str(event.pid)] = name
        elif event.tid is not None:
            threads[str(event.pid), str(event.tid)] = name
    return processes, threads


def _label(event: Event) -> str | None:
    try:
        label: Any = msgspec.json.decode(event.args.label) if event.args else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return label if isinstance(label, str) else None
