"""Traces on the page: looked at part by part, and laid beside each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

BUSY = "GPU 0 was busy 31.3% of 7.99 ms: kernels 2.50 ms (31.3%)."
QUESTIONS = [
    "What was each GPU doing, and what was it waiting for?",
    "Where was a GPU idle for longest, and why?",
    "Which kernels take the GPU's time, and how were they launched?",
    "How much GPU time does each named range cost? Ranges may contain each other.",
    "How busy was each stream?",
]


def test_whoever_comes_first_has_two_recorded_traces_to_look_at(page: Page) -> None:
    page.get_by_role("tab", name="Trace").click()
    expect(page.locator("#trace-status")).to_contain_text("side_branch · detach · 256")
    expect(page.locator("#plot-trace-timeline .js-plotly-plot")).to_be_visible()
    tabs = page.locator("#trace-tabs")
    # A trace of a CPU alone.
    expect(tabs.get_by_role("tab", name="GPU", exact=True)).to_have_count(0)
    expect(page.locator("#trace-gpus")).to_be_hidden()
    tabs.get_by_role("tab", name="Diff").click()
    expect(page.locator("#trace-beside-branch input")).to_have_value(re.compile("clone_detach"))
    page.locator("#trace-beside-open").click()
    said = page.locator("#trace-diff-status")
    expect(said).to_contain_text("Only in B: aten::clone ×1.")
    expect(said.locator(".lab-cut li")).to_contain_text(
        ["Backward nodes: the same", "Calls of aten::clone: 0 in A (0 B), 1 in B"]
    )


def test_a_visitor_looks_at_every_part_of_a_trace(page: Page, trace: Path) -> None:
    _open(page, trace)
    whole = _window(page)
    page.locator("#trace-in").click()
    expect(_ends(page)[0]).not_to_have_attribute("aria-valuetext", "0 ms")
    choose_on_the_overview(page, whole[1])
    with page.expect_download() as download:
        page.locator("#plot-trace-timeline [data-title='Download plot as a PNG']").click()
    assert download.value.suggested_filename == "detach-lab-timeline.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    tabs = page.locator("#trace-tabs")
    tabs.get_by_role("tab", name="Memory").click()
    expect(page.locator("#plot-trace-memory .js-plotly-plot")).to_be_visible()
    expect(page.locator("#trace-memory")).to_contain_text("Live at the peak of")
    tabs.get_by_role("tab", name="Phases").click()
    expect(page.locator("#trace-steps")).to_contain_text("wall time (ms)")
    tabs.get_by_role("tab", name="Operators").click()
    expect(page.locator("#plot-trace-operators .js-plotly-plot")).to_be_visible()
    sort_by_a_column(page)
    page.locator("#trace-operators").get_by_role("button", name="aten::clone", exact=True).click()
    expect(page.locator("#plot-trace-timeline")).to_be_visible()
    page.wait_for_function(
        "most => { const drawn = document.querySelector('#trace-window [data-start]').dataset;"
        " return drawn.end - drawn.start < most; }",
        arg=whole[1] / 1e3 / 20,
    )


def test_what_gpus_did_is_said_above_and_told_table_by_table(page: Page, trace: Path) -> None:
    _open(page, trace)
    summary = page.locator("#trace-gpus section")
    expect(summary.get_by_role("heading")).to_have_text(["GPU 0", "GPU 1", "All GPUs"])
    expect(summary.first.get_by_role("listitem").first).to_have_text(BUSY)
    tabs = page.locator("#trace-tabs")
    tabs.get_by_role("tab", name="GPU", exact=True).click()
    tables = page.locator("#trace-gpu section")
    expect(tables.get_by_role("heading")).to_have_text(QUESTIONS)
    kernels = page.locator("#trace-gpu-kernels tbody tr")
    expect(kernels.locator("td:nth-child(2)")).to_have_text(["100", "100"])
    expect(kernels.locator("th")).to_have_text(
        ["vectorized_elementwise_kernel<AddFunctor<float>>", "ampere_sgemm_128x64_tn"]
    )
    expect(kernels.locator("th").first).to_have_attribute("title", re.compile("^void at::native"))
    page.locator("#trace-gpu-filter textarea, #trace-gpu-filter input").fill("addfunctor")
    page.keyboard.press("Enter")
    expect(kernels).to_have_count(1)
    # What ended the longest gap is shown where it ran.
    page.locator("#trace-gpu-gaps .lab-row").first.click()
    expect(page.locator("#plot-trace-timeline")).to_be_visible()
    expect(_ends(page)[0]).not_to_have_attribute("aria-valuetext", "0 ms")


def test_an_event_tells_all_and_leads_to_its_launch(page: Page, trace: Path) -> None:
    _open(page, trace)
    page.locator("#trace-tabs").get_by_role("tab", name="GPU", exact=True).click()
    page.locator("#trace-gpu-kernels .lab-row").first.click()
    expect(page.locator("#plot-trace-timeline .js-plotly-plot")).to_be_visible()
    name = page.evaluate(
        """() => {
          const plot = document.querySelector("#plot-trace-timeline .js-plotly-plot");
          const points = plot.data.flatMap((trace, curve) => (trace.customdata || [])
            .map((event, place) => ({ customdata: event, text: trace.hovertext[place] })));
          const kernel = points.find((point) => /<br>kernel: /.test(point.text));
          plot.emit("plotly_click", { points: [kernel] });
          return kernel.text.split("<br>")[0];
        }"""
    )
    details = page.locator("#trace-details")
    expect(details.locator(".lab-details-name")).to_contain_text(name[:20])
    expect(details).to_contain_text(re.compile(r"GPU \d · stream"))
    launch = details.locator("div", has=page.get_by_text("launched by", exact=True))
    launch.get_by_role("button").last.click()
    expect(details).to_contain_text("CUDA runtime · runtime call")
    expect(details).to_contain_text("launched")


def test_the_timeline_is_steered_by_wheel_and_keys_once_it_is_meant(
    page: Page, trace: Path
) -> None:
    _open(page, trace)
    whole = _window(page)
    plot = page.locator("#plot-trace-timeline")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.wheel(0, -10)
    assert _window(page) == whole
    plot.focus()
    page.keyboard.press("w")
    first, last = _ends(page)
    zoomed = whole[1] / 1.5
    expect(first).to_have_attribute("aria-valuetext", _ms(whole[1] / 2 - zoomed / 2))
    page.keyboard.press("d")
    expect(last).to_have_attribute("aria-valuetext", _ms(whole[1] * (5 / 6 + 2 / 15)))
    page.keyboard.press("s")
    page.keyboard.press("s")
    expect(first).to_have_attribute("aria-valuetext", "0 ms")
    page.mouse.wheel(0, -100)
    expect(last).not_to_have_attribute("aria-valuetext", _ms(whole[1]))
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") != "plot-trace-timeline"
    # What was chosen last is what is drawn in the end.
    page.wait_for_function(
        "() => { const drawn = document.querySelector('#trace-window [data-start]').dataset;"
        " const ends = [...document.querySelectorAll('.lab-overview input')];"
        " return Number(ends[0].value) === Number(drawn.start)"
        " && Number(ends[1].value) === Number(drawn.end); }"
    )


def sort_by_a_column(page: Page) -> None:
    """Sort by numbers, the largest first and then the smallest."""
    table = page.locator("#trace-operators")
    heading = table.get_by_role("columnheader", name="calls")
    for order in ("descending", "ascending"):
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", order)
        counts = [
            int(each.replace(",", ""))
            for each in table.locator("td:nth-child(2)").all_inner_texts()
        ]
        assert counts == sorted(counts, reverse=order == "descending")
    assert counts[-1] >= 10


def _open(page: Page, trace: Path) -> None:
    """Show the whole of a trace, which an earlier test of this file may have opened."""
    page.get_by_role("tab", name="Trace").click()
    upload = page.locator("#trace-file input[type=file]")
    if upload.count():
        upload.set_input_files(trace)
    expect(page.locator("#trace-status")).to_contain_text("made.json.gz: ")
    page.locator("#trace-tabs").get_by_role("tab", name="Timeline").click()
    expect(page.locator("#plot-trace-timeline .js-plotly-plot")).to_be_visible()
    page.locator("#trace-whole").click()
    page.wait_for_function(
        "() => { const whole = Number(document.querySelector('.lab-overview').dataset.end);"
        " const drawn = document.querySelector('#trace-window [data-start]').dataset;"
        " return Number(drawn.start) === 0 && Math.abs(drawn.end - whole) < 1e-9; }"
    )


def _ends(page: Page) -> tuple[Locator, Locator]:
    first, last = page.get_by_role("slider").all()
    return first, last


def _window(page: Page) -> tuple[float, float]:
    """Return the window that is chosen, in milliseconds."""
    start, end = (float(each.input_value()) * 1e3 for each in _ends(page))
    return start, end


def _ms(value: float) -> str:
    return f"{float(f'{value:.6g}'):g} ms"


def choose_on_the_overview(page: Page, whole: float) -> None:
    """Choose windows by key and by mouse; the drawing follows."""
    first, last = _ends(page)
    first.press("Home")
    expect(first).to_have_attribute("aria-valuetext", "0 ms")
    last.press("End")
    expect(last).to_have_attribute("aria-valuetext", _ms(whole))
    last.press("ArrowLeft")
    expect(last).to_have_attribute("aria-valuetext", _ms(whole * 0.9))
    box = page.locator(".lab-overview svg").bounding_box()
    assert box is not None
    # What is dragged is the window; it stops at the end of the trace.
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=4)
    page.mouse.up()
    expect(first).to_have_attribute("aria-valuetext", _ms(whole * 0.1))
    page.wait_for_function(
        "start => Math.abs(document.querySelector('#trace-window [data-start]').dataset.start"
        " - start) < 1e-9",
        arg=whole * 0.1 / 1e3,
    )
