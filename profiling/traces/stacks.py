"""The Python stack of each operator, from the Python functions that a trace has as events."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from profiling.traces.nesting import (
    Nesting,
    lane_numbers,
    last_begun,
    nanoseconds,
    nest,
    nesting_order,
)


def stacks(trace: pd.DataFrame) -> pd.Series:
    """Return the Python stack of each operator.

    Args:
        trace: Columns ``category``, ``name``, ``process``, ``thread``, ``start_s``, ``duration_s``.

    Returns:
        The Python functions around the operator on its thread, innermost first, joined by ``;``;
        empty if there are none, and for other rows.
    """
    is_timed = trace["duration_s"].notna()
    functions = trace[(trace["category"] == "python_function") & is_timed]
    operators = trace[(trace["category"] == "cpu_op") & is_timed]
    lanes = lane_numbers(
        pd.concat([each[["process", "thread"]] for each in (functions, operators)])
    )
    lane, lane_of_operators = np.split(lanes, [len(functions)])
    start, end = _spans(functions)
    order = nesting_order(lane, start, end)
    lane, start, end = lane[order], start[order], end[order]
    nesting = nest(lane, start, end)
    names, unique = pd.factorize(functions["name"])
    numbers, texts = _texts(nesting, names[order], unique.tolist())

    begin, until = _spans(operators)
    around_it = last_begun(lane, start, begin, lane_of_operators)
    # If two start together, the longer one is outside; if both are equal, the function is.
    tied = np.flatnonzero(around_it >= 0)
    while len(tied):
        place = around_it[tied]
        inside = (start[place] == begin[tied]) & (end[place] < until[tied])
        tied, place = tied[inside], place[inside] - 1
        is_same = (place >= 0) & (lane[place] == lane_of_operators[tied])
        around_it[tied] = np.where(is_same, place, -1)
        tied = tied[is_same]
    over = np.flatnonzero(around_it >= 0)
    while len(over := over[end[around_it[over]] <= begin[over]]):
        around_it[over] = nesting.parent[around_it[over]]
        over = over[around_it[over] >= 0]

    found = pd.Series(None, trace.index, dtype="object")
    # The last one stands for no function at all.
    found[operators.index] = texts[np.append(numbers, 0)[around_it]]
    return found.astype("str")


def _spans(events: pd.DataFrame) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    start = nanoseconds(events["start_s"])
    return start, start + nanoseconds(events["duration_s"])


def _texts(
    nesting: Nesting, names: npt.NDArray[Any], unique: list[str]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the number of the stack that each function is on top of, and the stacks' texts.

    Args:
        nesting: Of the functions.
        names: Place of each function's name among the unique ones.
        unique: The names.
    """
    numbers = np.zeros(len(names), dtype="int64")
    texts: list[str | None] = [None]
    by_depth = np.argsort(nesting.depth, kind="stable")
    for mine in np.split(by_depth, np.flatnonzero(np.diff(nesting.depth[by_depth])) + 1):
        parent = nesting.parent[mine]
        outer = np.where(parent < 0, 0, numbers[parent])
        codes, chains = pd.factorize(outer * len(unique) + names[mine])
        numbers[mine] = codes + len(texts)
        for chain in chains.tolist():
            around_it, name = divmod(chain, len(unique))
            text = texts[around_it]
            texts.append(unique[name] if text is None else f"{unique[name]};{text}")
    return numbers, np.array(texts, dtype="object")
