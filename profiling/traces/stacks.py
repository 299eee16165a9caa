"""The Python stack around each operator, from the functions that a trace recorded."""

from __future__ import annotations

import numpy as np
import pandas as pd

from profiling.traces.nesting import nanoseconds

_FUNCTION = "python_function"
_OPERATOR = "cpu_op"
_NONE = -1


def stacks(trace: pd.DataFrame) -> pd.Series:
    """Return the stack of each operator.

    Args:
        trace: In order of start, as from `profiling.traces.load.read_trace`.

    Returns:
        The Python functions around the operator on its thread, the innermost first, joined by
        ``;``; empty where there is none, and for rows that are no operators.
    """
    category = trace["category"]
    ours = trace[category.isin([_FUNCTION, _OPERATOR]) & trace["duration_s"].notna()]
    start = nanoseconds(ours["start_s"])
    end = start + nanoseconds(ours["duration_s"])
    is_function = (ours["category"] == _FUNCTION).to_numpy()
    names, unique = pd.factorize(ours["name"])
    lane = ours.groupby(["process", "thread"], sort=False, dropna=False).ngroup().to_numpy()
    # Of two that start together the longer one is around the other; of the same, the function.
    order = np.lexsort((~is_function, -end, start))
    frames = [each[order].tolist() for each in (lane, start, end, names, is_function)]
    chains, of_operators = _chains(*frames)
    texts = np.array(_texts(chains, unique.tolist()), dtype="object")
    found = pd.Series(None, trace.index, dtype="object")
    found[ours.index[order[~is_function[order]]]] = texts[of_operators]
    return found.astype("str")


def _chains(
    lanes: list[int],
    starts: list[int],
    ends: list[int],
    names: list[int],
    is_function: list[bool],
) -> tuple[list[tuple[int, int]], list[int]]:
    """Number the different stacks.

    Returns:
        The name and the number of the stack around it, of each stack; and the number of the
        stack of each operator. Number 0 is no stack.
    """
    numbers = {(_NONE, _NONE): 0}
    opened: dict[int, list[tuple[int, int]]] = {}
    of_operators = []
    for lane, start, end, name, opens in zip(lanes, starts, ends, names, is_function, strict=True):
        stack = opened.setdefault(lane, [])
        while stack and stack[-1][0] <= start:
            stack.pop()
        around = stack[-1][1] if stack else 0
        if opens:
            stack.append((end, numbers.setdefault((name, around), len(numbers))))
        else:
            of_operators.append(around)
    return list(numbers), of_operators


def _texts(chains: list[tuple[int, int]], names: list[str]) -> list[str | None]:
    """Write each stack, of which those around it come before it."""
    texts: list[str | None] = [None]
    for name, around in chains[1:]:
        outer = texts[around]
        texts.append(names[name] if outer is None else f"{names[name]};{outer}")
    return texts
