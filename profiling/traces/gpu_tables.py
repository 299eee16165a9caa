"""The tables of a trace, each of which answers a question."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from profiling.traces.communication import collectives, communication
from profiling.traces.idle import CAUSES, device_times, idle_gaps
from profiling.traces.kernel_names import short_names
from profiling.traces.kernel_table import kernel_table
from profiling.traces.pairs import forward_backward
from profiling.traces.ranges import range_times

# Columns of time by cause of waiting; another table has a ``launch_s`` with another meaning.
_COLUMNS = {cause: f"{cause}_wait_s" for cause in CAUSES}


def device_table(trace: pd.DataFrame) -> pd.DataFrame:
    """Return how each device spent its time.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        ``device`` (Int64), ``process`` and, as in `profiling.traces.idle.DeviceTime`, ``window_s``,
        ``kernel_s``, ``copy_s``, ``idle_s``, ``synchronize_wait_s``, ``host_wait_s``,
        ``launch_wait_s``, ``queue_wait_s`` and ``unknown_wait_s``; ``communication_s`` and
        ``overlapped_s``, as in `profiling.traces.communication.Communication`; empty for devices
        that did not communicate.
    """
    times = device_times(trace)
    talks = {(each.device, each.process): each for each in communication(trace)}
    found = {
        "device": pd.array([each.device for each in times], dtype="Int64"),
        "process": pd.Series([each.process for each in times], dtype="str"),
    }
    names = {name: f"{name}_s" for name in ("window", "kernel", "copy", "idle")} | _COLUMNS
    seconds = {
        column: [getattr(each, f"{name}_ns") / 1e9 for each in times]
        for name, column in names.items()
    }
    talking = [talks.get((each.device, each.process)) for each in times]
    seconds |= {
        "communication_s": [each and each.total_ns / 1e9 for each in talking],
        "overlapped_s": [each and each.overlapped_ns / 1e9 for each in talking],
    }
    return pd.DataFrame(found | seconds).astype(dict.fromkeys(seconds, "float64"))


def gap_table(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the times in which a device ran nothing, the longest first.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        ``device`` (Int64), ``process``, ``start_s``, ``length_s``, the causes as in `device_table`,
        ``next_work`` (short name of the work that ended the gap), ``launched_by`` (operator that
        launched this), ``waited_in`` (the synchronizing call) and ``event`` (row of that work);
        empty where there is none.
    """
    gaps = idle_gaps(trace)
    short = short_names(trace.loc[gaps["event"].dropna(), "name"].unique())
    operator = gaps["event"].map(trace["op_index"])
    found = pd.DataFrame(
        {
            "device": gaps["device"],
            "process": gaps["process"],
            "start_s": gaps["start_ns"] / 1e9,
            "length_s": (gaps["end_ns"] - gaps["start_ns"]) / 1e9,
            **{column: gaps[f"{cause}_ns"] / 1e9 for cause, column in _COLUMNS.items()},
            "next_work": gaps["event"].map(trace["name"]).map(short).astype("str"),
            "launched_by": operator.map(trace["name"]).astype("str"),
            "waited_in": gaps["sync_event"].map(trace["name"]).astype("str"),
            "event": gaps["event"],
        }
    )
    return found.sort_values("length_s", ascending=False, kind="stable", ignore_index=True)


# By name, in the order in which they are shown. `trace.question.NAME` is the question.
GPU_TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "gpus": device_table,
    "gaps": gap_table,
    "kernels": kernel_table,
    "ranges": range_times,
    "collectives": collectives,
    "forward_backward": forward_backward,
}
# The columns to show where there is little room; files have all of them.
SHOWN = {
    "gpus": [
        *("device", "window_s", "kernel_s", "copy_s", "communication_s", "overlapped_s"),
        *("idle_s", *_COLUMNS.values()),
    ],
    "gaps": ["device", "start_s", "length_s", *_COLUMNS.values(), "launched_by", "waited_in"],
    "kernels": [
        *("short", "count", "total_s", "mean_s", "share", "launch_s", "queue_s"),
        *("grid", "block", "registers", "shared_bytes", "occupancy_pct", "kernel_file"),
    ],
    "ranges": ["name", "count", "total_s", "share", "mean_s", "kernels"],
    "collectives": [
        *("collective", "dtype", "message_bytes", "group", "group_size", "count", "total_s"),
        *("mean_s", "algorithm_bytes_per_s", "bus_bytes_per_s"),
    ],
    "forward_backward": [
        *("forward", "backward", "count", "forward_device_s", "backward_device_s"),
        *("forward_s", "backward_s"),
    ],
}
