"""Traces as the page asks for them: opened, laid beside each other, and refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from gradio_client import Client

from tests.e2e.events import lay_trace_beside, open_trace, value
from tests.harness.made_traces import write

_STATUS, _PROBLEM, _GPUS, _ABOUT, _PLOT = range(5)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.json"
    write(path, 100)
    return path


def test_a_trace_is_opened_through_the_api(client: Client, trace: Path) -> None:
    outputs = open_trace(client, trace)
    assert "made.json.gz: " in outputs[_STATUS]
    assert outputs[_PROBLEM] == ""
    figure = json.loads(value(outputs[_PLOT])["plot"])
    names = {each["name"] for each in figure["data"] if "name" in each}
    assert {"elementwise", "copy, memory", "runtime call", "annotation"} <= names
    assert len(json.dumps(value(outputs[_PLOT]))) <= 1_000_000


def test_another_trace_is_laid_beside_it(newcomer: Client, trace: Path, other: Path) -> None:
    outputs = lay_trace_beside(newcomer, other)
    assert "Choose a branch or upload a trace first." in outputs[0]
    open_trace(newcomer, trace)
    outputs = lay_trace_beside(newcomer, other)
    assert outputs[0] == ""
    assert "B: other.json" in value(outputs[1])
    assert "<code>aten::clone</code> 40 → 20" in value(outputs[1])


def nested() -> bytes:
    return b'{"traceEvents": [' + b"[" * 100_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.json", b"", "empty.json is not a Chrome trace"),
        ("other.json", b'{"a": 1}', "other.json is not a Chrome trace"),
        ("picture.json", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is not a Chrome trace"),
        ("deep.json", nested(), ""),
        ("<img src=x onerror=alert(1)>.json", b"{}", "is not a Chrome trace"),
    ],
)
def test_what_is_no_trace_gets_a_sentence_and_the_next_one_works(
    name: str, content: bytes, said: str, client: Client, trace: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    outputs = open_trace(client, path)
    assert said in outputs[_PROBLEM]
    assert 'role="alert"' in outputs[_PROBLEM]
    assert "<img" not in outputs[_PROBLEM]
    assert "made.json.gz: " in open_trace(client, trace)[_STATUS]


@pytest.mark.long
def test_a_bomb_is_refused(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(bytes(2**20)) * 1100)
    assert "bomb.json.gz is too large" in open_trace(client, path)[_PROBLEM]


def test_a_cut_trace_is_shown_as_far_as_it_goes(
    client: Client, other: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.json"
    content = other.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    outputs = open_trace(client, path)
    assert outputs[_PROBLEM] == ""
    assert "This file is truncated or damaged." in outputs[_STATUS]
    assert value(outputs[_PLOT])["type"] == "plotly"


def test_names_are_text_and_times_may_be_far_away(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    hostile = "<img src=x onerror=alert(1)>"
    events = [
        {"ph": "X", "cat": "cpu_op", "name": hostile, "pid": 1, "tid": 1, "ts": ts, "dur": 5}
        for ts in (0, 1e9)
    ]
    path.write_text(json.dumps({"traceEvents": events}), "utf-8")
    outputs = open_trace(client, path)
    assert outputs[_PROBLEM] == ""
    assert "1000 s" in outputs[_STATUS]
    assert "<img" not in json.dumps(value(outputs[_PLOT]))


def test_a_problem_is_said_in_the_visitors_language(chinese: Client, tmp_path: Path) -> None:
    path = tmp_path / "no.json"
    path.write_text("{}", "utf-8")
    assert "no.json 不是" in open_trace(chinese, path)[_PROBLEM]
