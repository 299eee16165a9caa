"""Traces on the page: looked at part by part, and laid beside each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_whoever_comes_first_has_two_recorded_traces_to_look_at(page: Page) -> None:
    page.get_by_role("tab", name="Trace").click()
    expect(page.locator("#trace-status")).to_contain_text("side_branch · detach · 256")
    expect(page.locator("#plot-trace-timeline .js-plotly-plot")).to_be_visible()
    page.locator("#trace-tabs").get_by_role("tab", name="Diff").click()
    expect(page.locator("#trace-beside-branch input")).to_have_value(re.compile("clone_detach"))
    page.locator("#trace-beside-open").click()
    expect(page.locator("#trace-diff-status")).to_contain_text("Only in B: aten::clone ×1.")


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
