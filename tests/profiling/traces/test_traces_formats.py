"""A trace says the same in the format of every profiler, to the nanosecond."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiling.traces.categories import DEVICE_WORK
from profiling.traces.operators import operator_groups
from profiling.traces.table import load_trace, read_trace
from tests.harness.profiler_formats import FORMATS, Counts, count, make


def nanoseconds(seconds: pd.Series) -> dict[str, int]:
    return {str(name): round(value * 1e9) for name, value in seconds.items()}


def counted(trace: pd.DataFrame) -> Counts:
    """Return what the product counts."""
    groups = operator_groups(trace).set_index("name")
    work = trace[trace["category"].isin(DEVICE_WORK)]
    device_s = groups["device_s"].fillna(0.0)
    categories = trace["category"].value_counts()
    return Counts(
        categories={str(name): int(number) for name, number in categories.items() if number},
        self_ns=nanoseconds(groups["self_s"]),
        device_ns=nanoseconds(device_s[device_s > 0]),
        stream_ns=nanoseconds(work.groupby("name")["duration_s"].sum()),
        launched=int(work["launch_index"].notna().sum()),
        memory_bytes=int(trace.loc[trace["name"] == "[memory]", "bytes"].sum()),
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_counted_exactly(name: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    for seed in range(6):
        text = make(name, seed)
        path.write_text(text, "utf-8")
        trace = read_trace(path)
        assert counted(trace.events) == count(text), seed
        assert {key for key, _ in trace.notices} <= {"trace.notice.addresses"}
        strict = load_trace(path)
        strict = strict[~strict["phase"].isin(["s", "f"])].reset_index(drop=True)
        columns = ["name", "start_s", "duration_s", "external_id", "correlation", "bytes"]
        shifted = strict["start_s"] - strict["start_s"].min()
        pd.testing.assert_frame_equal(
            strict.assign(start_s=shifted)[columns], trace.events[columns]
        )
