"""Which rows of a trace's table are shown, and in which order."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

# What a page or an answer gets of a table; the files have all of it.
MOST_ROWS = 300


class Sheet(NamedTuple):
    """Rows to show, and how many there would be."""

    table: pd.DataFrame
    found: int


def chosen(table: pd.DataFrame, words: str, sort: str | None) -> Sheet:
    """Keep the rows in which every word occurs in some text, those with most of a column first.

    Args:
        table: Any table.
        words: Separated by spaces; upper and lower case are alike.
        sort: A column of numbers; the table's own order unless it has it.
    """
    texts = table.select_dtypes(include=["object", "string", "category"]).astype("str")
    joined = texts.agg(" ".join, axis=1).str.casefold() if len(table) else pd.Series(dtype="str")
    found = table
    for word in words.casefold().split():
        found = found[joined.loc[found.index].str.contains(word, regex=False)]
    if sort is not None and sort in found:
        found = found.sort_values(sort, ascending=False, kind="stable")
    return Sheet(found.head(MOST_ROWS), len(found))
