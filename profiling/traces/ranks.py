"""Tells which rank the events of a file belong to where several ranks were merged into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.clock import ABSENT

Places = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

# Such as "[TP00] 100": tools that merge traces put a rank before the number of a process.
_PREFIX = r"^(\[[^\]]+\])"
# Most pairs of a piece of work and a call that are looked at to tell a device's rank.
_MOST_PAIRS = 1_000_000
_UNKNOWN = -1


@dataclass(frozen=True)
class Ranks:
    """The rank of each event: a number from 0 for each host process, whatever its true rank.

    Attributes:
        of_rows: The number for each row, -1 if unknown; of calls, operators and work alone.
        count: How many ranks there are.
    """

    of_rows: Places
    count: int

    def apart(self, numbers: Array) -> Array:
        """Return numbers so that equal ones of different ranks differ; they keep their order."""
        if self.count < 2:
            return numbers
        codes, _ = pd.factorize(numbers)
        is_known = (numbers != ABSENT) & (self.of_rows != _UNKNOWN)
        return np.where(is_known, codes * self.count + self.of_rows, ABSENT)


def ranks_of(trace: pd.DataFrame, calls: Places, ops: Places, work: Places) -> Ranks:
    """Return the rank of each call, operator and piece of work.

    Runtime calls and operators are their process's. A process of a device belongs to the rank with
    the same prefix, else to the one whose calls launched most of its work. If that are several,
    devices and ranks are paired in order. Work that may be of several ranks is of none.

    Args:
        trace: In order of start.
        calls: Rows of runtime calls.
        ops: Rows of operators.
        work: Rows of device work.
    """
    of_rows = np.zeros(len(trace), dtype="int64")
    host = np.concatenate([calls, ops])
    places = np.arange(len(host))
    codes, processes = pd.factorize(trace["process"].array[host], use_na_sentinel=False)
    labels, ranks = pd.factorize(_labels(processes), use_na_sentinel=False)
    # Some devices have calls of their own, and some processes operators alone.
    of_calls, of_ops = (np.unique(labels[codes[each]]) for each in np.split(places, [len(calls)]))
    if len(np.intersect1d(of_calls, of_ops) if len(ops) and len(calls) else ranks) < 2:
        return Ranks(of_rows, 1)
    of_rows = np.full(len(trace), _UNKNOWN)
    of_rows[host] = labels[codes]
    devices, device_names = pd.factorize(trace["process"].array[work], use_na_sentinel=False)
    by_label = {label: number for number, label in enumerate(ranks)}
    of_label = np.array([by_label.get(each, _UNKNOWN) for each in _labels(device_names)], "int64")
    # The number of a device may be that of a process by chance.
    has_prefix = pd.Series(device_names, dtype="str").str.match(_PREFIX, na=False).to_numpy("bool")
    found = np.where(has_prefix, of_label, _UNKNOWN)
    unknown = np.flatnonzero(found == _UNKNOWN)
    if len(unknown):
        scores = _scores(trace, calls, of_rows[calls], work, devices, len(ranks))
        _assign(found, unknown[_in_order(device_names[unknown])], scores)
    found = np.where(found == _UNKNOWN, of_label, found)
    of_rows[work] = np.where(
        ~has_prefix[devices] & _are_shared(trace, calls, of_rows[calls], work, devices),
        _UNKNOWN,
        found[devices],
    )
    return Ranks(of_rows, len(ranks))


def _labels(processes: Any) -> Array:
    """Return the part of processes' names that is their rank's."""
    names = pd.Series(processes, dtype="str")
    return names.str.extract(_PREFIX)[0].fillna(names).to_numpy("object")


def _in_order(names: Any) -> Array:
    """Return the order of devices: numbers first, by value."""
    texts = pd.Series(names, dtype="str").fillna("")
    numbers = pd.to_numeric(texts, errors="coerce").fillna(np.inf).to_numpy()
    return np.lexsort((texts.to_numpy("object").astype("U"), numbers))


def _are_shared(
    trace: pd.DataFrame, calls: Places, ranks: Places, work: Places, devices: Places
) -> Array:
    """Return which work may be of any of several ranks, as these use one device.

    Only the launch of a graph starts several pieces of work under one number.
    """
    numbers = trace["correlation"].to_numpy("int64", na_value=ABSENT)
    launches = pd.DataFrame({"number": numbers[calls], "rank": ranks}).drop_duplicates()
    claims = launches.groupby("number").size()
    is_graph = trace["name"].iloc[calls].str.contains("Graph").to_numpy("bool")
    claimed = np.append(claims.index[claims > 1], [])
    of_graphs = numbers[calls[is_graph]]
    mine = numbers[work]
    started = pd.DataFrame({"device": devices, "number": mine})
    is_repeated = started.duplicated(keep=False).to_numpy()
    found: Array = is_repeated & np.isin(mine, claimed) & ~np.isin(mine, of_graphs)
    found &= mine != ABSENT
    return found


def _scores(
    trace: pd.DataFrame,
    calls: Places,
    ranks: Places,
    work: Places,
    devices: Places,
    count: int,
) -> pd.Series:
    """Return, by device and rank, how much work the rank has an earlier call for."""
    each = max(1, _MOST_PAIRS // (count * (int(devices.max(initial=0)) + 1)))
    numbers = trace["correlation"].to_numpy("int64", na_value=ABSENT)
    start = trace["start_s"].to_numpy()
    launches = pd.DataFrame({"number": numbers[calls], "rank": ranks, "called": start[calls]})
    launches = launches[launches["number"] != ABSENT].drop_duplicates(["number", "rank"])
    done = pd.DataFrame({"number": numbers[work], "device": devices, "start": start[work]})
    done = done[done["number"] != ABSENT].groupby("device").head(each)
    pairs = done.merge(launches, on="number")
    pairs = pairs[pairs["called"] <= pairs["start"]]
    found: pd.Series = pairs.groupby(["device", "rank"]).size()
    return found


def _assign(found: Array, devices: Array, scores: pd.Series) -> None:
    """Give each device a rank, from those with the best score one that has none yet."""
    best: dict[int, list[int]] = {}
    highest = scores.groupby(level="device").transform("max")
    for device, rank in scores.index[scores == highest].tolist():
        best.setdefault(device, []).append(rank)
    taken = set(found.tolist())
    for device in devices.tolist():
        candidates = best.get(device, [])
        free = [rank for rank in candidates if rank not in taken]
        if candidates:
            found[device] = (free or candidates)[0]
            taken.add(found[device])
