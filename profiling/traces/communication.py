"""Communication between devices: collective operations, and how far computing hides them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from profiling.traces.idle import by_device
from profiling.traces.nesting import covered_before
from profiling.traces.operators import device_events

# Kernels of NCCL, RCCL, MSCCL and oneCCL, and the all-reduce kernels of inference servers.
_KERNEL = re.compile(
    r"\b(?:nccl(?:Dev)?Kernel|ncclDevFunc|rcclKernel|msccl\w*Kernel|oneccl)|\bcross_device_reduce_"
    r"|\b(?:multimem|one_shot|two_shot)_\w*(?:all|reduce)\w*|\ballreduce_fusion_kernel|\bnvshmem\w*_kernel"
)
_COLLECTIVE = re.compile(
    r"(AllReduce|AllGather|ReduceScatter|Broadcast|AllToAll\w*|SendRecv|Send|Recv|Reduce)(?=_|\b)"
)
_BYTES = {
    **dict.fromkeys(("Double", "Long", "ComplexFloat", "UInt64"), 8),
    **dict.fromkeys(("Float", "Int", "UInt32"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short", "UInt16"), 2),
    **dict.fromkeys(("Byte", "Char", "Bool", "Float8_e4m3fn", "Float8_e5m2"), 1),
}
# What NCCL's tests call the size of a collective, in messages that one process puts in; and the
# share of it that must cross the bus.
_SCALES = {
    "allreduce": (False, 2),
    "allgather": (True, 1),
    "reducescatter": (False, 1),
    "alltoall": (False, 1),
}


@dataclass(frozen=True)
class Communication:
    """The time a device spent communicating.

    Attributes:
        device: Number of the device; None if unknown.
        process: As in `profiling.traces.idle.DeviceTime`.
        kernels: Number of kernels that communicate.
        total_ns: Time in which any of them ran.
        overlapped_ns: The part of it in which a kernel that computes ran, too.
    """

    device: int | None
    process: str
    kernels: int
    total_ns: int
    overlapped_ns: int


def is_communication(trace: pd.DataFrame) -> pd.Series:
    """Return which events are kernels that communicate: of a collective, or by their name."""
    names = trace["name"].astype("category")
    is_named = np.array([bool(_KERNEL.search(each)) for each in names.cat.categories], dtype="bool")
    is_named = np.append(is_named, False)[names.cat.codes]
    return trace["category"].eq("kernel") & (is_named | trace["collective"].notna())


def communication(trace: pd.DataFrame) -> tuple[Communication, ...]:
    """Return how long each device communicated, of the devices that did.

    Args:
        trace: As from `profiling.traces.table.read_trace`.
    """
    work = device_events(trace)
    work = work[~work["category"].isin(("gpu_memcpy", "gpu_memset"))]
    talks = is_communication(trace).loc[work.index]
    found = []
    for device, mine in by_device(trace, work):
        talking, computing = mine[talks[mine.index]], mine[~talks[mine.index]]
        if len(talking):
            total, other, both = map(_covered, (talking, computing, mine))
            found.append(Communication(*device, len(talking), total, total + other - both))
    return tuple(found)


def collectives(trace: pd.DataFrame) -> pd.DataFrame:
    """Summarize the kernels that communicate, by collective, type, size and group.

    Args:
        trace: As from `profiling.traces.table.read_trace`.

    Returns:
        ``collective`` (as the file names it, else as the kernel does, else the kernel's name),
        ``dtype``, ``message_bytes`` (that a process puts in), ``group``, ``group_size``, ``count``,
        ``total_s``, ``mean_s``, and the bandwidths of NCCL's tests: ``algorithm_bytes_per_s``
        (size of the collective by the mean time) and ``bus_bytes_per_s`` (the part of it that must
        cross the bus). They are of all-reduce, all-gather, reduce-scatter and all-to-all of a known
        size and group. A kernel's time includes waiting for the other processes, so both are at
        least reached. Empty where unknown. Greatest total time first.
    """
    talks = trace[is_communication(trace) & trace["duration_s"].notna()]
    unit = talks["dtype"].astype("object").map(_BYTES).astype("Int64")
    rows = pd.DataFrame(
        {
            "collective": _names(talks),
            "dtype": talks["dtype"].astype("object"),
            "message_bytes": talks["message_elements"] * unit,
            "group": talks["group"].astype("object"),
            "group_size": talks["group_size"].astype("Int64"),
            "duration_s": talks["duration_s"],
        }
    )
    by = ["collective", "dtype", "message_bytes", "group", "group_size"]
    grouped = rows.groupby(by, sort=False, dropna=False)["duration_s"]
    found = grouped.agg(count="size", total_s="sum", mean_s="mean").reset_index()
    found = found.astype({"dtype": "str", "group": "str", "collective": "str"})
    found = found.astype({"message_bytes": "Int64", "group_size": "Int64", "count": "int64"})
    kind = found["collective"].map(_kind)
    size = found["group_size"].astype("Float64")
    whole = kind.map(lambda each: each in _SCALES and _SCALES[each][0])
    crossings = kind.map(lambda each: _SCALES[each][1] if each in _SCALES else np.nan)
    is_known = crossings.notna() & (size > 1).fillna(False) & (found["mean_s"] > 0)
    message = found["message_bytes"] * size.where(whole, 1.0)
    algorithm = (message / found["mean_s"]).where(is_known).astype("Float64")
    found["algorithm_bytes_per_s"] = algorithm
    found["bus_bytes_per_s"] = algorithm * crossings.astype("Float64") * (size - 1) / size
    order = found.sort_values("total_s", ascending=False, kind="stable", ignore_index=True)
    return order[[*by, "count", "total_s", "mean_s", "algorithm_bytes_per_s", "bus_bytes_per_s"]]


def _names(talks: pd.DataFrame) -> pd.Series:
    of_kernels = talks["name"].str.extract(_COLLECTIVE.pattern, expand=False).fillna(talks["name"])
    return talks["collective"].astype("object").fillna(of_kernels)


def _kind(name: str) -> str:
    """Return a collective's name without what differs between the calls for it.

    Example:
        >>> _kind("_allgather_base"), _kind("AllReduce"), _kind("reduce_scatter_tensor_coalesced")
        ('allgather', 'allreduce', 'reducescatter')
        >>> _kind("all_to_all"), _kind("all_to_allv")
        ('alltoall', 'alltoallv')
    """
    return re.sub(r"_coalesced|_base|_into_tensor|_tensor|_single|_", "", name.lower())


def _covered(work: pd.DataFrame) -> int:
    start, end = work["start_ns"].to_numpy("int64"), work["end_ns"].to_numpy("int64")
    return int(covered_before(start, end, end.max(initial=0, keepdims=True))[0])
