"""Flow events: arrows from one moment of a thread to one of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from profiling.traces.gathering import FLOWS, Array
from profiling.traces.raw_events import Event
from profiling.traces.table import nanoseconds_of

# Arrows between operators, not from a launch to what it launched.
_FORWARD_BACKWARD = "fwdbwd"


def flow_table(events: Sequence[Event], starts: Array) -> pd.DataFrame:
    """Return both ends of the arrows that may stand for launches.

    Args:
        events: Flow events, and others that are left out.
        starts: Of the trace's rows, in nanoseconds; the first is the origin.

    Returns:
        Columns ``flow`` (of both ends the same), ``process``, ``thread``, ``start`` in
        nanoseconds from the origin, and ``is_start``.
    """
    used = [
        event
        for event in events
        if event.ph in FLOWS and event.cat != _FORWARD_BACKWARD and event.id is not None
    ]
    found, is_timed = nanoseconds_of(np.array([event.ts for event in used], dtype="float64"))
    table = pd.DataFrame(
        {
            "flow": pd.Series([str(event.id) for event in used], dtype="str"),
            "process": pd.Series([str(event.pid) for event in used], dtype="str"),
            "thread": pd.Series([str(event.tid) for event in used], dtype="str"),
            "start": found - (starts[0] if len(starts) else 0),
            "is_start": pd.Series([event.ph == FLOWS[0] for event in used], dtype="bool"),
        }
    )
    return table[is_timed]
