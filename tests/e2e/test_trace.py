"""Traces on the page: opened, looked at part by part, laid beside each other, and refused."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Page, expect

from tests.e2e.events import lay_trace_beside, open_trace, value
from tests.harness.made_traces import write

_STATUS, _PROBLEM, _START, _WIDTH, _ABOUT, _PLOT = 0, 1, 2, 3, 4, 5


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
    assert {"operator", "kernel", "CUDA runtime"} <= names
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


@pytest.mark.browser
def test_whoever_comes_first_has_two_recorded_traces_to_look_at(page: Page) -> None:
    page.get_by_role("tab", name="Trace").click()
    expect(page.locator("#trace-status")).to_contain_text("side_branch · detach · 256")
    expect(page.locator("#plot-trace-timeline .js-plotly-plot")).to_be_visible()
    page.locator("#trace-tabs").get_by_role("tab", name="Diff").click()
    expect(page.locator("#trace-beside-branch input")).to_have_value(re.compile("clone_detach"))
    page.locator("#trace-beside-open").click()
    expect(page.locator("#trace-diff-status")).to_contain_text("Only in B: aten::clone ×1.")


@pytest.mark.browser
def test_a_visitor_looks_at_every_part_of_a_trace(page: Page, trace: Path) -> None:
    page.get_by_role("tab", name="Trace").click()
    page.locator("#trace-file input[type=file]").set_input_files(trace)
    expect(page.locator("#trace-status")).to_contain_text("made.json.gz: ")
    expect(page.locator("#plot-trace-timeline .js-plotly-plot")).to_be_visible()
    whole = float(page.locator("#trace-width input").input_value())
    page.locator("#trace-in").click()
    expect(page.locator("#trace-width input")).not_to_have_value(str(whole))
    expect(page.locator("#trace-start input")).not_to_have_value("0")
    choose_on_the_overview(page, whole)
    with page.expect_download() as download:
        page.locator("#plot-trace-timeline [data-title='Download plot as a PNG']").click()
    assert download.value.suggested_filename == "detach-lab-timeline.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    tabs = page.locator("#trace-tabs")
    tabs.get_by_role("tab", name="Memory").click()
    expect(page.locator("#plot-trace-memory .js-plotly-plot")).to_be_visible()
    expect(page.locator("#trace-memory")).to_contain_text("Live at the peak of")
    tabs.get_by_role("tab", name="Phases").click()
    expect(page.locator("#trace-steps")).to_contain_text("wall time (µs)")
    tabs.get_by_role("tab", name="Operators").click()
    expect(page.locator("#plot-trace-operators .js-plotly-plot")).to_be_visible()
    page.locator("#trace-operators").get_by_text("aten::clone", exact=True).first.click()
    expect(page.locator("#plot-trace-timeline")).to_be_visible()
    width = page.locator("#trace-width input")
    page.wait_for_function(
        "([field, most]) => Number(document.querySelector(field).value) < most",
        arg=["#trace-width input", whole / 20],
    )
    assert float(width.input_value()) > 0


def choose_on_the_overview(page: Page, whole: float) -> None:
    """Choose windows by key and by mouse; the fields and the drawing follow."""
    start, width = page.locator("#trace-start input"), page.locator("#trace-width input")
    first, last = page.get_by_role("slider").all()
    first.press("Home")
    expect(start).to_have_value("0")
    last.press("End")
    expect(width).to_have_value(str(whole))
    last.press("ArrowLeft")
    expect(width).to_have_value(str(round(whole * 0.9, 6)))
    expect(last).to_have_attribute("aria-valuetext", f"{whole * 0.9:.6g} ms")
    box = page.locator(".lab-overview svg").bounding_box()
    assert box is not None
    # What is dragged is the window; it stops at the end of the trace.
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
    page.mouse.up()
    expect(start).to_have_value(str(round(whole * 0.1, 6)))


def test_a_problem_is_said_in_the_visitors_language(chinese: Client, tmp_path: Path) -> None:
    path = tmp_path / "no.json"
    path.write_text("{}", "utf-8")
    assert "no.json 不是" in open_trace(chinese, path)[_PROBLEM]
