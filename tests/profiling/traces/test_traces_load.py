from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.model.errors import InputError
from profiling.traces.table import COLUMNS, load_trace
from tests.conftest import FinishedRun
from tests.profiling.planted import event, memory_event, write_trace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.json"


def test_every_field_has_its_column(path: Path) -> None:
    args = {
        "External id": 7,
        "correlation": 8,
        "stream": 9,
        "Input Dims": [[2, 3], []],
        "bytes": 16,
        "x": "y",
    }
    write_trace(path, [event("op", 1000.5, dur=2.25, args=args), memory_event(-64, 1002.5)])
    operator, memory = load_trace(path).to_dict("records")
    assert operator["name"] == "op"
    assert (operator["category"], operator["phase"]) == ("cpu_op", "X")
    assert (operator["process"], operator["thread"]) == ("1", "1")
    assert operator["start_s"] == 0
    assert operator["duration_s"] == pytest.approx(2.25e-6, rel=1e-12)
    assert (operator["external_id"], operator["correlation"], operator["stream"]) == (7, 8, 9)
    assert json.loads(operator["shapes"]) == [[2, 3], []]
    assert operator["copied_bytes"] == 16
    assert pd.isna(operator["bytes"])
    assert memory["start_s"] == pytest.approx(2e-6, rel=1e-9)
    assert (memory["bytes"], memory["address"], memory["memory_device"]) == (-64, 64, "cpu")
    assert pd.isna(memory["duration_s"])


def test_columns_and_their_types_do_not_depend_on_the_events(path: Path) -> None:
    full = load_trace(write_trace(path, [event("a", 1), memory_event(1, 2)]))
    empty = load_trace(write_trace(path, []))
    assert list(full.columns) == list(empty.columns) == list(COLUMNS)
    for name, dtype in COLUMNS.items():
        assert full[name].dtype.name == empty[name].dtype.name == dtype, name
    assert empty.empty


def test_events_are_put_in_order_of_start(path: Path) -> None:
    events = [event("c", 30), event("a", 10), event("first of two", 20), event("second", 20)]
    trace = load_trace(write_trace(path, events))
    assert trace["name"].to_list() == ["a", "first of two", "second", "c"]
    assert trace["start_s"].to_list() == pytest.approx([0, 10e-6, 10e-6, 20e-6])
    assert trace.index.to_list() == [0, 1, 2, 3]


def test_an_event_may_lack_any_field_but_its_time(path: Path) -> None:
    (row,) = load_trace(write_trace(path, [{"ts": 5}])).to_dict("records")
    assert (row["name"], row["phase"], row["start_s"]) == ("", "", 0)
    others = set(COLUMNS) - {"name", "phase", "start_s"}
    assert {name for name in others if pd.isna(row[name])} == others


def test_metadata_and_events_without_a_time_are_left_out(path: Path) -> None:
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": 1, "ts": 0, "args": {"name": "python"}},
        {"ph": "M", "name": "thread_sort_index", "args": {"sort_index": "x"}},
        {"ph": "X", "name": "no time"},
        event("kept", 7),
    ]
    trace = load_trace(write_trace(path, events))
    assert trace["name"].to_list() == ["kept"]
    assert trace["start_s"].to_list() == [0]


def test_processes_and_threads_may_be_numbers_or_names(path: Path) -> None:
    events = [event("a", 1, pid="Spans", tid="thread 5 (python)"), event("b", 2, pid=3, tid=-1)]
    trace = load_trace(write_trace(path, events))
    assert trace["process"].to_list() == ["Spans", "3"]
    assert trace["thread"].to_list() == ["thread 5 (python)", "-1"]


def test_devices_of_memory_events(path: Path) -> None:
    events = [memory_event(1, 1), memory_event(2, 2, 1, 0), memory_event(3, 3, 1, 1)]
    events += [memory_event(4, 4, 20, 2), memory_event(5, 5, 12, 0), memory_event(6, 6, 13, 0)]
    events += [memory_event(7, 7, 6, 1), event("kernel", 8, args={"Device Type": 1})]
    trace = load_trace(write_trace(path, events))
    named = ["cpu", "cuda:0", "cuda:1", "privateuseone:2", "xpu:0", "mps:0", "cuda:1"]
    assert trace["memory_device"].to_list()[:7] == named
    assert trace["memory_device"].isna().to_list() == [False] * 7 + [True]


def test_addresses_use_all_64_bits(path: Path) -> None:
    high = 2**64 - 8
    trace = load_trace(write_trace(path, [event("a", 1, args={"Addr": high})]))
    assert trace["address"].to_list() == [high]


def test_gzipped_traces_are_known_by_their_content(path: Path, tmp_path: Path) -> None:
    write_trace(path, [event("a", 1), event("b", 3)])
    plain = load_trace(path)
    zipped = tmp_path / "misnamed.json"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_frame_equal(load_trace(zipped), plain)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"traceEvents": 3}',
        b'{"traceEvents": [{"ts": 1}',
        b'{"traceEvents": [{"ts": "soon"}]}',
        b'{"traceEvents": [{"ts": 1, "args": {"Bytes": 1e30}}]}',
        b'{"traceEvents": [{"ts": 1, "name": "\xff"}]}',
        b'{"traceEvents": [{"ts": 1, "args": {"Input Dims": ["\xff"]}}]}',
        b'{"traceEvents": [{"ts": 1, "args": {"Addr": -5}}]}',
        b'{"traceEvents": [{"ts": 1, "args": {"Bytes": 99999999999999999999999}}]}',
    ],
)
def test_what_is_not_a_trace_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_trace(path)
    assert caught.value.key == "error.not_a_trace"
    assert caught.value.values == {"file": "trace.json"}


def zipped_trace() -> bytes:
    names = [str(number * 7919 % 1013) for number in range(500)]
    events = [event(name, start) for start, name in enumerate(names)]
    return gzip.compress(json.dumps({"traceEvents": events}).encode(), mtime=0)


def damaged(start: int, damage: bytes) -> bytes:
    whole = zipped_trace()
    return whole[:start] + damage + whole[start + len(damage) :]


@pytest.mark.parametrize(
    "content",
    [
        zipped_trace()[:-20],
        zipped_trace()[:5],
        b"\x1f\x8b",
        b"\x1f\x8b not gzip after all",
        damaged(len(zipped_trace()) - 8, b"\x00\x00\x00\x00"),
        damaged(40, b"\xff" * 20),
    ],
)
def test_a_cut_or_damaged_gzip_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trace.json.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_trace(path)
    assert caught.value.values == {"file": "trace.json.gz"}


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_trace(tmp_path / "nowhere.json")


def test_a_recorded_trace_has_all_its_events(finished_run: FinishedRun) -> None:
    for path in sorted(finished_run.folder.rglob("*.json.gz"))[:2]:
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
        timed = [each for each in events if "ts" in each and each["ph"] != "M"]
        trace = load_trace(path)
        assert len(trace) == len(timed)
        assert trace["start_s"].is_monotonic_increasing
        durations = sum(each.get("dur", 0) for each in timed)
        assert trace["duration_s"].sum() * 1e6 == pytest.approx(durations)
        changes = [each["args"]["Bytes"] for each in timed if each["name"] == "[memory]"]
        assert trace["bytes"].dropna().sum() == sum(changes)
