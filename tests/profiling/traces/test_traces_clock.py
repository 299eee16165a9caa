"""Times are exact, however many digits they have."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiling.traces.nesting import nanoseconds
from profiling.traces.operators import operator_groups
from profiling.traces.read import PART_BYTES
from profiling.traces.table import load_trace, read_trace

# Microseconds since 1970, of which a float has quarters.
NOW_US = 1_700_000_000_000_000


def spans(path: Path, *times: tuple[str, str], damaged: bool = False) -> list[pd.DataFrame]:
    """Return a trace with events at these times, read in each way."""
    events = [
        f'{{"ph": "X", "cat": "cpu_op", "name": "{place}", "pid": 1, "tid": 1, '
        f'"ts": {ts}, "dur": {dur}}}'
        for place, (ts, dur) in enumerate(times)
    ]
    if damaged:
        events.append('{"ph": "X", "name": "\\c"}')
    path.write_text('{"traceEvents": [' + ",".join(events) + "]}")
    tables = [read_trace(path).events]
    return tables if damaged else [*tables, load_trace(path)]


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("base", [0, 4_602_314_071_271, NOW_US])
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_nanosecond_is_exact(sign: str, base: int, damaged: bool, tmp_path: Path) -> None:
    times = [(f"{sign}{base + 1}.{number:03}", f"7.{number:03}") for number in range(1000)]
    for table in spans(tmp_path / "trace.json", *times, damaged=damaged):
        start = nanoseconds(table["start_s"])
        order = range(1000) if not sign else range(999, -1, -1)
        assert start.tolist() == list(range(1000))
        assert nanoseconds(table["duration_s"]).tolist() == [7000 + number for number in order]


def test_whole_microseconds_since_1970_are_exact_and_touching_ones_do_not_nest(
    tmp_path: Path,
) -> None:
    times = [(NOW_US - 996_089, 7), (NOW_US - 996_082, 3), (NOW_US - 996_079, 4)]
    texts = [(str(ts), str(dur)) for ts, dur in times]
    for table in spans(tmp_path / "trace.json", *texts):
        assert nanoseconds(table["start_s"]).tolist() == [0, 7000, 10_000]
        groups = operator_groups(table).set_index("name")["self_s"] * 1e9
        assert groups.round().to_dict() == {"0": 7000, "1": 3000, "2": 4000}


def test_only_the_part_of_a_file_that_has_decimals_is_read_as_such(tmp_path: Path) -> None:
    whole = [(str(NOW_US + number), "1") for number in range(PART_BYTES // 50)]
    times = [*whole, (f"{NOW_US}.001", "0.001"), (f"{NOW_US}.002", "0.001"), *whole]
    for table in spans(tmp_path / "trace.json", *times):
        start = nanoseconds(table["start_s"])
        assert len(start) == len(times)
        assert start[start % 1000 > 0].tolist() == [1, 2]


def test_what_ends_within_another_event_still_does_when_rounded(tmp_path: Path) -> None:
    times = [("0", "10.0004"), ("0.0006", "9.9998"), ("10.0004", "1")]
    for table in spans(tmp_path / "trace.json", *times):
        start = nanoseconds(table["start_s"])
        end = start + nanoseconds(table["duration_s"])
        assert list(zip(start.tolist(), end.tolist(), strict=True)) == [
            (0, 10_000),
            (1, 10_000),
            (10_000, 11_000),
        ]
