"""Makes begin and end events one row with a duration."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_BEGIN = "B"
_END = "E"


def paired(
    table: pd.DataFrame, starts: npt.NDArray[Any], notices: dict[str, dict[str, int]]
) -> pd.DataFrame:
    """Give each begin event the time until its end event, and leave the latter out.

    An end belongs to the last begin of its thread that is still open. A begin without an end
    keeps no duration; both are told in the notices.

    Args:
        table: In order of start.
        starts: Of each row, in nanoseconds.
        notices: Is added to.
    """
    is_end = table["phase"] == _END
    ours = table[is_end | (table["phase"] == _BEGIN)]
    if ours.empty:
        return table
    opened: dict[tuple[str, str], list[int]] = {}
    lone = 0
    duration_s = table["duration_s"].to_numpy(copy=True)
    keys = zip(ours["process"], ours["thread"], is_end[ours.index], ours.index, strict=True)
    for process, thread, ends, row in keys:
        begins = opened.setdefault((process, thread), [])
        if not ends:
            begins.append(row)
        elif begins:
            begin = begins.pop()
            duration_s[begin] = (starts[row] - starts[begin]) / 1e9
        else:
            lone += 1
    lone += sum(map(len, opened.values()))
    if lone:
        notices["trace.notice.pairs"] = {"count": lone}
    return table.assign(duration_s=duration_s)[np.asarray(~is_end)].reset_index(drop=True)
