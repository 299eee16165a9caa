"""Memory over time, from a trace's allocation events."""

from __future__ import annotations

import pandas as pd


def memory_curve(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return bytes live on a device after each allocation and each free.

    The curve is the running sum of the events' bytes and so starts at 0: the trace's own totals
    carry over from whatever ran before it.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        device: ``"cpu"``, or ``"cuda"`` for all GPUs together.

    Returns:
        Columns ``time_s`` (from the trace's start), ``change_bytes`` and ``live_bytes``.
    """
    devices = trace["memory_device"].cat.categories
    mine = [name for name in devices if name.partition(":")[0] == device]
    events = trace[(trace["name"] == "[memory]") & trace["memory_device"].isin(mine)]
    change = events["bytes"].astype("int64")
    return pd.DataFrame(
        {"time_s": events["start_s"], "change_bytes": change, "live_bytes": change.cumsum()}
    ).reset_index(drop=True)
