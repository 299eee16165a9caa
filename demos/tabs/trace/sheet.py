"""Tables of a trace as a person reads them: chosen rows, words as heads."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pandas as pd

from demos.locales import Text
from profiling.traces.choosing import MOST_ROWS as MOST_ROWS
from profiling.traces.choosing import chosen as chosen
from profiling.units import Unit

_TEXT_LIMIT = 300
# The same in every table: the profiler's own, whose clock has steps of a nanosecond.
_UNITS = {"_s": Unit("µs", 1e-6), "_bytes": Unit("KiB", 2**10), "_share": Unit("%", 0.01)}


def sheet(name: str, *, visible: bool = True) -> gr.Dataframe:
    """Place an empty table; a wide one scrolls by itself.

    Args:
        name: Its id on the page.
        visible: Whether it is there before it is filled.
    """
    return gr.Dataframe(
        interactive=False, elem_id=name, elem_classes="lab-sheet", max_height=420, visible=visible
    )


def headed(table: pd.DataFrame, text: Text) -> pd.DataFrame:
    """Return a table with heads that say the unit: seconds in µs, bytes in KiB, shares in %.

    Args:
        table: Columns whose name ends in ``_s`` are seconds, in ``_bytes`` bytes.
        text: Says a locale key.
    """
    shown: dict[str, Any] = {}
    for column in table:
        values = table[column]
        kind = str(column).removesuffix("_a").removesuffix("_b")
        unit = next((unit for end, unit in _UNITS.items() if kind.endswith(end)), None)
        name = text(f"trace.column.{column}")
        if unit is not None:
            shown[f"{name} ({unit.symbol})"] = [_scaled(value, unit) for value in values]
        elif _is_number(values):
            shown[name] = [None if pd.isna(value) else value for value in values]
        else:
            shown[name] = ["" if pd.isna(value) else str(value)[:_TEXT_LIMIT] for value in values]
    return pd.DataFrame(shown)


def update(table: pd.DataFrame, text: Text, *, visible: bool = True) -> Any:
    """Return the update of a `gradio.Dataframe` that shows a table."""
    frame = headed(table, text)
    kinds = ["number" if _is_number(table[name]) else "str" for name in table]
    rows = frame.astype("object").where(frame.notna(), None).to_numpy().tolist()
    value = {"headers": frame.columns.tolist(), "data": rows}
    return gr.update(value=value, datatype=kinds, visible=visible)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _scaled(value: Any, unit: Unit) -> float | None:
    return None if pd.isna(value) else round(float(value) / unit.factor, 3)
