"""Traces with a peak that is known, planted or recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from profiling.measure.device import get
from profiling.measure.profiler import record_step
from profiling.measure.step import Step
from profiling.traces.table import load_trace
from tests.profiling.planted import memory_event, write_trace

NODE = "autograd::engine::evaluate_function: "


def memory(address: int, change: int, start_us: float, **values: Any) -> dict[str, Any]:
    made = memory_event(change, start_us, **values.pop("device", {}))
    return made | values | {"args": made["args"] | {"Addr": address}}


def planted(folder: Path, *events: dict[str, Any]) -> pd.DataFrame:
    return load_trace(write_trace(folder / "trace.json", events))


def recorded(folder: Path, step: Step) -> pd.DataFrame:
    step.reset()
    step.backward(step.forward())
    record_step(step, get("cpu"), folder / "trace.json", shapes=False)
    return load_trace(folder / "trace.json")


def rows(parts: pd.DataFrame) -> list[tuple[str, str, int]]:
    assert list(parts.columns) == ["kind", "op", "bytes"]
    assert parts["bytes"].dtype == "int64"
    return list(parts.itertuples(index=False, name=None))
