"""Memory over time, from a trace's allocation events."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tsdownsample import M4Downsampler

_MOST_POINTS = 4000


def memory_curve(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return bytes live on a device after each allocation and each free.

    The curve is the running sum of the events' bytes and so starts at 0: the trace's own totals
    carry over from whatever ran before it.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        device: ``"cpu"``, ``"cuda:0"`` and so on, or ``"cuda"`` for all GPUs together.

    Returns:
        Columns ``time_s`` (from the trace's start), ``change_bytes`` and ``live_bytes``.
    """
    events = memory_events(trace, device)
    change = events["bytes"].astype("int64")
    return pd.DataFrame(
        {"time_s": events["start_s"], "change_bytes": change, "live_bytes": change.cumsum()}
    ).reset_index(drop=True)


def memory_devices(trace: pd.DataFrame) -> list[str]:
    """Return the devices of which a trace has memory events, the CPU first."""
    found = trace["memory_device"].dropna().unique().tolist()
    return sorted(found, key=lambda name: (name != "cpu", len(name), name))


def memory_events(trace: pd.DataFrame, device: str) -> pd.DataFrame:
    """Return the rows of a trace that are allocations and frees on a device.

    Args:
        trace: As from `profiling.traces.load.load_trace`.
        device: As for `memory_curve`.
    """
    devices = trace["memory_device"].cat.categories
    mine = [name for name in devices if device in (name, name.partition(":")[0])]
    is_memory = (trace["name"] == "[memory]") & trace["bytes"].notna()
    return trace[is_memory & trace["memory_device"].isin(mine)]


def reduced(curve: pd.DataFrame, most: int = _MOST_POINTS) -> pd.DataFrame:
    """Take rows of a curve so that its step line is drawn alike with fewer of them.

    Of each short run of rows the first, the last, the lowest and the highest stay; and so do the
    curve's first row, its last one and the first of its highest.

    Args:
        curve: As from `memory_curve`.
        most: How many rows are left at the most, three more at the very most.
    """
    if len(curve) <= most:
        return curve
    live = curve["live_bytes"].to_numpy()
    # Without times, because runs of equal length in time may all fall into one.
    chosen = M4Downsampler().downsample(live, n_out=most // 4 * 4)
    ends = [0, int(live.argmax()), len(curve) - 1]
    return curve.iloc[np.union1d(chosen.astype("int64"), ends)].reset_index(drop=True)
