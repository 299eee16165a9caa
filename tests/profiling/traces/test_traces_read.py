"""Whatever is readable of a file is read, and what is not is told."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from profiling.model.errors import InputError
from profiling.traces import read as reading
from profiling.traces.table import COLUMNS, MORE_COLUMNS, Trace, load_trace, read_trace
from tests.harness.made_traces import write
from tests.profiling.planted import event, memory_event, write_trace

ROOT = Path(__file__).parents[3]
HEAD = b'{"schemaVersion": 1, "traceEvents": ['
EVENT = b'{"ph": "X", "cat": "cpu_op", "name": "op", "pid": 1, "tid": 1, "ts": 1, "dur": 2}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.json"


def read(path: Path, content: bytes) -> Trace:
    path.write_bytes(content)
    return read_trace(path)


def planted(path: Path, *events: dict[str, Any]) -> Trace:
    return read_trace(write_trace(path, events))


def names(trace: Trace) -> list[str]:
    return trace.events["name"].to_list()


def test_columns_and_their_types_do_not_depend_on_the_events(path: Path) -> None:
    for trace in (planted(path), planted(path, event("a", 1), memory_event(1, 2))):
        types = {name: dtype.name for name, dtype in trace.events.dtypes.items()}
        assert types == COLUMNS | MORE_COLUMNS
        assert trace.notices == ()


@pytest.mark.parametrize("gpu", [True, False])
def test_a_whole_trace_is_the_same_table_as_from_load_trace(gpu: bool, path: Path) -> None:
    write(path, 30, gpu=gpu, stacks=True)
    strict, read_too = load_trace(path), read_trace(path)
    strict = strict[~strict["phase"].isin(["s", "f"])].reset_index(drop=True)
    strict["phase"] = strict["phase"].cat.remove_unused_categories()
    strict["category"] = strict["category"].cat.remove_unused_categories()
    pd.testing.assert_frame_equal(read_too.events[[*COLUMNS]], strict)
    assert read_too.notices == ()


def test_pieces_of_a_file_are_read_as_the_whole_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, 200, rank=3)
    whole = read_trace(path)
    monkeypatch.setattr(reading, "PART_BYTES", 5000)
    shares: list[float] = []
    pieces = read_trace(path, shares.append)
    pd.testing.assert_frame_equal(pieces.events, whole.events)
    assert pieces.ranks == (3,)
    assert len(shares) > 20
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


def test_what_looks_like_the_end_of_an_event_but_is_none_does_no_harm(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART_BYTES", 1)
    odd = b'{"ts": 1, "name": "odd", "args": {"list": [\n  {"a": 1\n  },\n  {"a": 2\n  }]}}'
    trace = read(path, HEAD + odd + b", " + EVENT + b"]}")
    assert names(trace) == ["odd", "op"]


def test_what_a_trace_has_is_told(path: Path) -> None:
    write(path, 100, stacks=True, rank=5)
    trace = read_trace(path)
    parts = "cpu_op kernel runtime memory annotation step python stack shapes"
    assert trace.kinds == set(parts.split())
    assert trace.ranks == (5,)
    assert trace.events["rank"].unique().tolist() == [5]
    assert trace.process_names == {"4242": "python"}
    assert trace.thread_names["4242", "4243"] == "thread 4243 (python)"
    assert trace.start_unix_s == pytest.approx(1_790_857_026 + 5172.348122456, abs=1e-6)
    assert planted(path).kinds == frozenset()
    assert planted(path, event("a", 1)).start_unix_s is None


def test_arguments_of_memory_and_devices_have_their_columns(path: Path) -> None:
    args = {"device": 1, "stream": 7, "correlation": 3}
    memory = memory_event(8, 2)
    memory["args"] |= {"Total Allocated": 100, "Total Reserved": 200}
    trace = planted(path, event("k", 1, cat="kernel", args=args), memory).events
    assert trace["device"].to_list() == [1, pd.NA]
    assert trace["allocated_bytes"].to_list() == [pd.NA, 100]
    assert trace["reserved_bytes"].to_list() == [pd.NA, 200]


def test_nulls_are_unknown_values(path: Path) -> None:
    args = dict.fromkeys(["External id", "stream", "Bytes", "Addr", "Device Type"])
    (row,) = planted(path, event("a", 1, dur=None, args=args)).events.to_dict("records")
    unknown = ("duration_s", "external_id", "stream", "bytes", "address", "memory_device")
    assert all(pd.isna(row[name]) for name in unknown)


def test_whole_nanoseconds_are_exact_far_from_the_origin(path: Path) -> None:
    # Of Kineto, whose origin is up to three months before.
    trace = planted(path, event("a", 4602314071271.890), event("b", 4602314071271.891)).events
    assert trace["start_s"].to_list() == [0, 1e-9]


def test_events_up_to_a_cut_are_read(path: Path) -> None:
    whole = HEAD + b", ".join([EVENT] * 3) + b"]}"
    for end in range(len(HEAD) + len(EVENT), len(whole), 3):
        trace = read(path, whole[:end])
        count = (end + 2 - len(HEAD)) // (len(EVENT) + 2)
        assert len(trace.events) == count
        ((key, values),) = trace.notices
        assert key == "trace.notice.cut"
        assert values["count"] == count


UNREADABLE = [
    rb'{"ph": "X", "name": "torch\cuda\__init__.py(9)", "ts": 1}',
    b'{"ph": "X", "name": "say "hi" twice", "ts": 1}',
    b'{"ph": "X", "name": "cut within a text',
    b'{"ph": "X", "name": "op", "ts": 1, "args": {"Bytes": 3',
    b'{"ph": "X", "name": "op", "args": {"stream": }, "ts": 1}',
    b'{"ph": "X", "name": "op", "args": {"list": [{"ts": 1}, {"ts" 2}]}, "ts": 1}',
    b'{"ph": "X", "name": "op", "args": ' + b"[" * 10**5 + b'"ts": 1}',
]


def numbered(number: int) -> bytes:
    return b'{"ph": "X", "name": "%d", "ts": %d, "args": {"stream": 1}}' % (number, number)


@pytest.mark.parametrize("part_bytes", [1, reading.PART_BYTES])
@pytest.mark.parametrize("list_only", [True, False])
@pytest.mark.parametrize("unreadable", UNREADABLE)
def test_reading_goes_on_after_an_unreadable_event(
    unreadable: bytes,
    list_only: bool,
    part_bytes: int,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "PART_BYTES", part_bytes)
    before, after = (b"[", b"]") if list_only else (b'{"traceEvents": [', b'], "baseTime": 1}')
    for place in range(4):
        events = [*map(numbered, range(3))]
        events.insert(place, unreadable)
        trace = read(path, before + b",\n".join(events) + after)
        assert names(trace) == ["0", "1", "2"]
        assert trace.notices == (("trace.notice.damaged", {"count": 1}),)


def test_each_unreadable_event_is_counted_and_a_cut_told_besides(path: Path) -> None:
    events = [numbered(0), UNREADABLE[0], UNREADABLE[1], numbered(1), UNREADABLE[0], numbered(2)]
    content = HEAD + b", ".join(events) + b', {"ph": "X", "na'
    trace = read(path, content)
    assert names(trace) == ["0", "1", "2"]
    assert dict(trace.notices) == {
        "trace.notice.cut": {"count": 3, "share": 100 * (len(content) - 15) // len(content)},
        "trace.notice.damaged": {"count": 3},
    }


def test_what_stands_after_the_events_is_read_in_spite_of_an_unreadable_one(path: Path) -> None:
    after = b'], "distributedInfo": {"rank": 3}, "baseTimeNanoseconds": 2000000000}'
    for events in ([UNREADABLE[0], numbered(5)], [numbered(5), UNREADABLE[0]]):
        trace = read(path, b'{"traceEvents": [' + b", ".join(events) + after)
        assert trace.ranks == (3,)
        assert trace.start_unix_s == 2 + 5e-6


def test_looking_for_the_next_event_ends_somewhere(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MAX_TRIES", 3)
    trace = read(path, HEAD + numbered(0) + b", {]" + b", {}" * 4 + b", " + numbered(1) + b"]}")
    assert names(trace) == ["0"]


def test_all_that_is_lost_is_counted_where_looking_for_events_ends(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [numbered(0), *[UNREADABLE[0]] * 5, numbered(1)]
    content = HEAD + b", ".join(events) + b"]}"
    assert names(read(path, content)) == ["0", "1"]
    monkeypatch.setattr(reading, "_MAX_ALL_TRIES", 3)
    trace = read(path, content)
    assert names(trace) == ["0"]
    assert dict(trace.notices)["trace.notice.damaged"]["count"] >= 3


def test_what_a_cut_gzip_still_has_is_read(path: Path) -> None:
    write(path, 50)
    whole = len(read_trace(path).events)
    packed = gzip.compress(path.read_bytes())
    trace = read(path, packed[: len(packed) // 2])
    assert 0 < len(trace.events) < whole
    assert {key for key, _ in trace.notices} == {"trace.notice.packed", "trace.notice.cut"}
    damaged = packed[:-8] + b"\0" * 8
    trace = read(path, damaged)
    assert len(trace.events) == whole
    assert [key for key, _ in trace.notices] == ["trace.notice.packed"]


def test_several_gzip_members_are_one_file(path: Path) -> None:
    parts = [gzip.compress(HEAD + EVENT), gzip.compress(b"]}")]
    trace = read(path, b"".join(parts) + b"\0\0")
    assert names(trace) == ["op"]
    assert trace.notices == ()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (HEAD + EVENT + b', {"ts": 3, "args": {"x": nan}}]}', "not_a_number"),
        (HEAD + EVENT + b', {"ts": 3, "args": {"x": -inf}}]}', "not_a_number"),
        (HEAD + EVENT + b', {"ts": 3, "args": {"stream": "seven"}}]}', "values"),
        (HEAD + EVENT + b', {"ts": 3, "pid": 1.5}]}', "values"),
        (HEAD + EVENT + b', {"ts": 3, "args": {"Addr": -1}}]}', "values"),
        (HEAD + EVENT + b', {"ts": 3, "args": {"Bytes": 1' + b"0" * 5000 + b"}}]}", "values"),
        (HEAD + EVENT + b', {"ts": 3, "args": [1]}]}', "values"),
        (HEAD + EVENT + b', {"ts": 3, "dur": -1}]}', "durations"),
        (HEAD + EVENT + b', {"ts": 3, "dur": 1e30}]}', "durations"),
        (HEAD + EVENT + b', {"ts": 3, "name": "\xff"}]}', "text"),
    ],
)
def test_an_odd_value_costs_no_event(content: bytes, key: str, path: Path) -> None:
    trace = read(path, content)
    assert len(trace.events) == 2
    assert trace.events["start_s"].to_list() == [0, 2e-6]
    assert [key for key, _ in trace.notices] == [f"trace.notice.{key}"]


@pytest.mark.parametrize(
    ("lost", "key"),
    [
        (b'{"name": "no time"}', "no_time"),
        (b'{"ts": 1e30}', "no_time"),
        (b'{"ts": null}', "no_time"),
        (b"17", "no_events"),
        (b'{"ts": "soon"}', "values"),
    ],
)
def test_what_is_no_event_is_counted(lost: bytes, key: str, path: Path) -> None:
    trace = read(path, HEAD + lost + b", " + EVENT + b", " + lost + b"]}")
    assert names(trace) == ["op"]
    assert (f"trace.notice.{key}", {"count": 2}) in trace.notices


def test_numbers_as_texts_are_numbers(path: Path) -> None:
    trace = read(path, HEAD + b'{"ts": "5", "dur": "2", "args": {"stream": "7"}}, ' + EVENT + b"]}")
    assert trace.events["start_s"].to_list() == [0, 4e-6]
    assert trace.events["stream"].to_list() == [pd.NA, 7]
    assert trace.notices == ()


def test_numbers_as_texts_need_no_slow_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_EVENTS", 0)  # None is read by itself.
    args = b'{"stream": "0x1f", "bytes": "616", "kind": "1", "correlation": "12", "device": 2}'
    trace = read(path, HEAD + b'{"ts": 1, "args": ' + args + b"}, " + EVENT + b"]}")
    (row, _) = trace.events.to_dict("records")
    assert (row["stream"], row["copied_bytes"], row["correlation"]) == (31, 616, 12)
    assert row["device"] == 2
    assert trace.notices == ()
    assert load_trace(path)["copied_bytes"].to_list() == [616, pd.NA]


def test_a_bare_list_of_events_is_a_trace(path: Path) -> None:
    assert names(read(path, b" [" + EVENT + b"]")) == ["op"]
    assert len(read(path, b"[" + EVENT + b",\n" + EVENT).events) == 2


def test_events_may_come_after_anything(path: Path) -> None:
    others = {"a": {"traceEvents": [{"ts": 1}]}, "distributedInfo": {"rank": 2}}
    text = json.dumps(others)[:-1] + ', "traceEvents": [' + EVENT.decode() + "]}"
    trace = read(path, text.encode())
    assert names(trace) == ["op"]
    assert trace.ranks == (2,)


def test_names_are_kept_as_they_are_and_can_be_written(path: Path) -> None:
    odd = "<script>alert(1)</script> \u0000 é"
    assert names(planted(path, event(odd, 1))) == [odd]
    trace = read(path, HEAD + EVENT.replace(b'"op"', b'"\\ud800"') + b"]}")
    assert names(trace)[0].encode() == b"?"


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"no JSON", b"[]x", b"{}", b"3", b'{"traceEvents": 3}', b"\x89PNG\r\n", b"\x1f\x8b"),
        *(b"[" * 10**5, b'{"a":' * 10**5, b"[1, 2]", b'[{"a": 1}]', HEAD, HEAD + b'{"ts": 1'),
    ],
)
def test_where_nothing_is_readable_that_is_said(content: bytes, path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(path, content)
    assert caught.value.key == "error.not_a_trace"
    assert caught.value.values == {"file": "trace.json"}


def test_a_gzip_bomb_and_a_flood_of_objects_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_UNPACKED_BYTES", 2**20)
    monkeypatch.setattr(reading, "MAX_OBJECTS", 1000)
    bomb = gzip.compress(b" " * (2**20 + 1))
    for content in (bomb, b" " * (2**20 + 1), HEAD + b"{}," * 1000 + b"{}]}"):
        with pytest.raises(InputError) as caught:
            read(path, content)
        assert caught.value.key == "error.trace_too_large"
        assert caught.value.values == {"file": "trace.json", "high": 1}


def test_reading_event_by_event_ends_somewhere(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_EVENTS", 3)
    path.write_bytes(HEAD + b"7, " + b", ".join([EVENT] * 5) + b"]}")
    shares: list[float] = []
    trace = read_trace(path, shares.append)
    assert shares == sorted(shares)
    assert dict(trace.notices) == {
        "trace.notice.too_many": {"count": 2},
        "trace.notice.no_events": {"count": 1},
    }


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_trace(tmp_path / "nowhere.json")


def test_every_column_and_limit_is_documented() -> None:
    text = (ROOT / "docs" / "trace.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .+\. \|$", text, flags=re.MULTILINE)
    assert rows == [*COLUMNS, *MORE_COLUMNS]
    assert f"{reading.MAX_UNPACKED_BYTES // 2**20} MiB" in text
    assert f"{reading.MAX_OBJECTS:,} JSON objects" in text
