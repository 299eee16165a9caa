"""Makes opened traces."""

from __future__ import annotations

import pandas as pd

from demos.page.trace.opened import OpenTrace
from profiling.traces.table import Trace


def opened(events: int) -> OpenTrace:
    table = pd.DataFrame(
        {"start_s": [0.0] * events, "duration_s": [1.0] * events, "bytes": [None] * events}
    )
    return OpenTrace("made", Trace(table, (), frozenset(), (), None, {}, {}))
