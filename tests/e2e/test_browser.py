"""The page in a real browser: what a visitor sees and does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, Route, expect

from profiling.model.words import table
from tests.e2e.launching import App
from tests.e2e.touring import hasten

pytestmark = pytest.mark.browser


def _open_compare(page: Page, tab: str = "Compare") -> None:
    page.get_by_role("tab", name=tab).click()
    page.get_by_label("Batch sizes, comma-separated").wait_for()
    hasten(page)


def _compare_small(page: Page, sizes: str = "8, 16") -> None:
    _open_compare(page)
    page.get_by_label("Training step").click()
    page.get_by_role("option", name="Side branch: a second head must not train the trunk").click()
    expect(page.locator("#compare-about")).to_contain_text("Freezing the trunk would stop")
    page.get_by_label("Batch sizes, comma-separated").fill(sizes)
    page.locator("#compare-run").click()
    expect(page.locator("#compare-progress")).to_contain_text("Done in", timeout=60_000)


def _outcome(app: App, what: str, before: int) -> str:
    """Wait for an event to be over; return what the app has written down of it."""
    for _ in range(300):
        for line in app.lines[before:]:
            if f'"{what}"' in line:
                outcome: str = json.loads(line)["outcome"]
                return outcome
        time.sleep(0.1)
    return "goes on"


def test_lesson_shows_code_error_tensors_and_verdicts(page: Page) -> None:
    page.get_by_label("1.3 detach(), then zero_()").check()
    view = page.locator("#lesson-view")
    expect(view.locator("h2")).to_contain_text("1.3")
    expect(view.locator(".lab-chip").first).to_have_text("not run")
    page.locator("#lesson-run").click()
    expect(view.locator(".lab-error")).to_contain_text("is at version 1; expected version 0")
    expect(view.locator(".code .hll")).to_contain_text("out.sum().backward()")
    assert view.locator(".lab-chip.holds").count() == 4
    line = view.locator(".code .hll .linenos").inner_text().strip()
    expect(view.locator(".lab-error")).to_contain_text(f"at line {line}")


def test_another_op_changes_the_verdict(page: Page) -> None:
    page.get_by_label("1.3 detach(), then zero_()").check()
    expect(page.locator("#lesson-view h2")).to_contain_text("1.3")
    page.get_by_label("op", exact=True).click()
    page.get_by_role("option", name="lambda t: t * 2").click()
    page.locator("#lesson-run").click()
    expect(page.locator("#lesson-view .lab-fine")).to_be_visible()
    assert page.locator("#lesson-view .lab-chip.wrong").count() == 2


def test_bad_values_keep_what_was_there(page: Page) -> None:
    page.locator("#lesson-run").click()
    expect(page.locator("#lesson-view .lab-chip.holds").first).to_be_visible()
    page.get_by_label("Values").fill("1, <b>two</b>")
    page.locator("#lesson-run").click()
    expect(page.get_by_role("alert")).to_contain_text("<b>two</b>")
    expect(page.locator("#lesson-view .lab-chip.holds").first).to_be_visible()
    page.get_by_label("Values").fill("0.5")
    page.locator("#lesson-run").click()
    expect(page.locator("#lesson-view")).to_contain_text("[0.6225]")
    expect(page.locator("#lesson-problem")).to_be_empty()


def test_compare_draws_every_chart_and_gives_files(page: Page, tmp_path: Path) -> None:
    _compare_small(page)
    rows = page.locator("#compare-results tbody tr")
    assert rows.count() == 4
    expect(rows.first).to_contain_text("attached")
    expect(rows.first).to_contain_text("trunk: different")
    single = ("time", "peak", "memory", "reach", "operators")
    for name in (*single, "time_over_size", "memory_over_size"):
        chart = page.locator(f"#plot-{name} .js-plotly-plot")
        expect(chart).to_be_visible(timeout=20_000)
        assert (chart.locator(".gtitle").text_content() or "").strip()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="summary.csv").click()
    target = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(target)
    assert target.name == "summary.csv"
    assert set(pd.read_csv(target)["size"]) == {8, 16}
    page.get_by_role("button", name="Chrome traces").click()
    expect(page.locator(".file-preview")).to_contain_text("side_branch-detach-8-float32-cpu")


def test_a_training_step_that_is_chosen_before_the_page_is_complete_stays_chosen(
    app: App, browser: Browser
) -> None:
    page = browser.new_page(locale="en-US")
    held: list[Route] = []
    page.route("**/gradio_api/queue/join*", lambda route: held.append(route))
    page.goto(app.url)
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("Training step").click()
    page.get_by_role("option", name=table("en")["workload.frozen_middle.title"]).click()
    expect(page.locator("#compare-about")).to_contain_text("stem")
    for each in held:
        each.continue_()
    page.unroute("**/gradio_api/queue/join*")
    page.wait_for_selector("#copy-link button")  # It comes with the rest.
    expect(page.locator("#compare-about")).to_contain_text("stem")
    page.get_by_label("Batch sizes, comma-separated").fill("8")
    hasten(page)
    page.locator("#compare-run").click()
    expect(page.locator("#compare-progress")).to_contain_text("Done in", timeout=60_000)
    expect(page.locator("#compare-results tbody tr").first).to_contain_text("stem")
    page.close()


def test_another_size_can_be_looked_at(page: Page) -> None:
    _compare_small(page)
    finding = page.locator(".lab-finding")
    expect(finding).to_contain_text("At 16 rows a batch")
    page.get_by_label("8", exact=True).check()
    expect(finding).to_contain_text("At 8 rows a batch")


def test_stop_ends_at_once_and_the_next_run_works(page: Page, app: App) -> None:
    before = len(app.lines)
    _open_compare(page)
    page.get_by_label("Batch sizes, comma-separated").fill("8, 4096, 2048")
    page.locator("#compare-budget input[type=number]").fill("2")
    page.locator("#compare-run").click()
    expect(page.locator("#compare-progress")).to_contain_text("1 of 3 sizes", timeout=60_000)
    page.locator("#compare-stop").click()
    expect(page.locator("#compare-progress")).to_contain_text("Stopped.", timeout=20_000)
    assert _outcome(app, "event show_compare", before) == "cut off"
    # Nothing comes in any more.
    expect(page.locator("#compare-progress")).to_contain_text("Stopped.")
    expect(page.locator(".lab-finding")).to_contain_text("At 8 rows a batch")
    page.get_by_role("tab", name="Lessons").click()
    page.locator("#lesson-run").click()
    expect(page.locator("#lesson-view .lab-chip.holds").first).to_be_visible(timeout=30_000)


def test_a_visitor_who_has_to_wait_is_told_so(page: Page, client: Client) -> None:
    job = client.submit(
        "frozen_backbone",
        ["attached", "detach"],
        [65536],
        budget_s=20.0,
        api_name="/compare",
    )
    while not job.outputs():
        time.sleep(0.1)
    _open_compare(page)
    page.get_by_label("Batch sizes, comma-separated").fill("8")
    page.locator("#compare-run").click()
    progress = page.locator("#compare-progress")
    expect(progress).to_contain_text("Waiting for the worker process")
    job.cancel()
    expect(progress).to_contain_text("Done in", timeout=60_000)


def test_the_page_speaks_chinese_and_remembers_it(app: App, browser: Browser) -> None:
    # Each page is opened in its own tab: leaving one that still loads makes Gradio log an abort.
    context = browser.new_context(locale="en-US")
    asked = context.new_page()
    asked.goto(f"{app.url}?lang=zh")
    expect(asked.get_by_role("tab", name="课程")).to_be_visible()
    page = context.new_page()
    page.goto(f"{app.url}?tab=lessons")
    expect(page.get_by_role("tab", name="课程")).to_be_visible()
    page.wait_for_selector("#lesson-view h2")
    page.locator("#lesson-run").click()
    expect(page.locator("#lesson-view .lab-chip.holds").first).to_have_text("成立")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    context.close()


@pytest.mark.parametrize("locale", ["zh", "zh-CN", "zh-HK", "zh-TW"])
def test_a_chinese_browser_gets_chinese(app: App, browser: Browser, locale: str) -> None:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(app.url)
    expect(page.get_by_role("tab", name="课程")).to_be_visible()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(app: App, browser: Browser, theme: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"{app.url}?tab=lessons")
    page.wait_for_selector("#lesson-view h2")
    page.locator("#lesson-run").click()
    page.wait_for_selector("#lesson-view .lab-rule")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    _compare_small(page, "8")
    expect(page.locator("#plot-operators .js-plotly-plot")).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_who_comes_to_a_full_queue_is_told_so(app: App, browser: Browser) -> None:
    # In a tab of its own: the browser logs the answer as an error.
    page = browser.new_page(locale="en-US")
    page.goto(app.url)
    _open_compare(page)
    full = {"detail": "Queue is full! Please try again."}
    page.route("**/gradio_api/queue/join*", lambda route: route.fulfill(status=503, json=full))
    page.locator("#compare-run").click()
    progress = page.locator("#compare-progress")
    expect(progress).to_contain_text(table("en")["error.busy"])
    page.unroute("**/gradio_api/queue/join*")
    page.get_by_label("Batch sizes, comma-separated").fill("8")
    page.locator("#compare-run").click()
    expect(progress).to_contain_text("Done in", timeout=60_000)
    page.close()
