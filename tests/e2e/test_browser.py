"""The page in a real browser: what a visitor sees and does."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from profiling.model.words import table
from profiling.output.saved_runs import load_run
from tests.e2e.pages import (
    choose_branch,
    choose_lesson,
    choose_workload,
    compare,
    new_context,
    open_compare,
    open_tab,
    run_lesson,
    start,
    stop,
    visit,
    wait_until_complete,
)
from tests.harness.launching import App
from tests.harness.scripting import script
from tests.harness.visiting import PATIENCE_S

pytestmark = pytest.mark.browser

WORDS = table("en")


def open_lesson(page: Page, lesson: str) -> None:
    """Open a lesson as it is before anybody runs it or changes its inputs."""
    open_tab(page, WORDS["tab.lessons"])
    choose_lesson(page, "training", "total_loss_grows")
    choose_lesson(page, "article", lesson)


def test_lesson_shows_code_error_tensors_and_verdicts(page: Page) -> None:
    open_lesson(page, "detach_then_zero")
    view = page.locator("#lesson-view")
    # It has run before anybody asks for it, and is shown from its first step on.
    step = view.locator(".lab-shown .lab-step-head")
    expect(view.locator(".lab-rule")).to_be_visible()
    expect(step).to_contain_text("Step 1 of ")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    expect(step).to_contain_text("Step 2 of ")
    run_lesson(page)
    expect(page.locator("#lesson-device")).to_be_hidden()  # There is one device.
    expect(view.locator(".lab-inputs")).not_to_contain_text("device")
    expect(view.locator(".lab-error")).to_contain_text("is at version 1; expected version 0")
    expect(view.locator(".code .hll")).to_contain_text("out.sum().backward()")
    assert view.locator(".lab-chip.holds").count() == 4
    line = view.locator(".code .hll .linenos").inner_text().strip()
    expect(view.locator(".lab-error")).to_contain_text(f"at line {line}")


def test_another_op_changes_the_verdict(page: Page) -> None:
    open_lesson(page, "detach_then_zero")
    page.get_by_label("op", exact=True).click()
    page.get_by_role("option", name="lambda t: t * 2").click()
    run_lesson(page)
    expect(page.locator("#lesson-view .lab-fine")).to_be_visible()
    assert page.locator("#lesson-view .lab-chip.wrong").count() == 2


def test_bad_values_keep_what_was_there(page: Page) -> None:
    open_lesson(page, "baseline")
    run_lesson(page)
    view = page.locator("#lesson-view")
    expect(view).to_contain_text("[0.1966, 0.1050, 0.0452]")
    expect(view.locator(".lab-chip.holds")).to_have_count(2)
    page.get_by_label("Values", exact=True).fill("1, <b>two</b>")
    page.locator("#lesson-run").click()
    expect(page.get_by_role("alert")).to_contain_text("<b>two</b>")
    expect(view.locator(".lab-chip.holds")).to_have_count(2)
    page.get_by_label("Values", exact=True).fill("0.5")
    page.locator("#lesson-run").click()
    expect(view).to_contain_text("[0.6225]")
    expect(page.locator("#lesson-problem")).to_be_empty()


@pytest.fixture(scope="module")
def compared(page: Page) -> Page:
    """The page on which two sizes of a training step have been compared."""
    open_compare(page)
    choose_workload(page, "side_branch")
    compare(page, "8, 16")
    return page


def test_compare_draws_every_chart(compared: Page) -> None:
    open_tab(compared, WORDS["tab.compare"])
    rows = compared.locator("#compare-results tbody tr")
    expect(rows).to_have_count(4)
    expect(compared.locator("#compare-stop")).to_be_disabled()
    expect(rows.first).to_contain_text("attached")
    expect(rows.first).to_contain_text("trunk: different")
    single = ("time", "peak", "memory", "reach", "operators")
    for name in (*single, "time_over_size", "memory_over_size"):
        chart = compared.locator(f"#plot-{name} .js-plotly-plot")
        expect(chart).to_be_visible()
        expect(chart.locator(".gtitle")).to_have_text(re.compile(r"\S"))


def test_another_size_can_be_looked_at(compared: Page) -> None:
    open_tab(compared, WORDS["tab.compare"])
    finding = compared.locator("#compare-results .lab-finding")
    for size in (16, 8):
        compared.get_by_label(str(size), exact=True).check()
        expect(finding).to_contain_text(f"At {size} rows a batch")


def download(page: Page, name: str, folder: Path) -> Path:
    """Press a button that saves a file; return the file."""
    with page.expect_download() as downloading:
        page.get_by_role("button", name=WORDS[f"download.{name}"]).click()
    assert downloading.value.suggested_filename == name
    path = folder / name
    downloading.value.save_as(path)
    return path


def test_compare_gives_files(compared: Page, tmp_path: Path) -> None:
    open_tab(compared, WORDS["tab.compare"])
    summary = pd.read_csv(download(compared, "summary.csv", tmp_path))
    assert list(summary["size"]) == [8] * 4 + [16] * 4
    assert set(summary["status"]) == {"ok"}
    samples = pd.read_csv(download(compared, "samples.csv", tmp_path))
    timed = samples[(samples["metric"] == "time") & (samples["branch"] == "detach")]
    assert (timed["value"] > 0).all()
    run = load_run(download(compared, "detach-lab-run.zip", tmp_path))
    assert run.complete
    assert [cell.size for cell in run.cells] == [8, 16]
    compared.get_by_role("button", name=WORDS["download.traces"]).click()
    expect(compared.locator(".file-preview")).to_contain_text("side_branch-detach-8-float32-cpu")


def test_the_button_on_the_page_saves_the_report(compared: Page) -> None:
    open_tab(compared, WORDS["tab.compare"])
    with compared.expect_download() as saved:
        compared.locator("#compare-save-report").click()
    assert saved.value.suggested_filename == "detach-lab-report.html"
    html = saved.value.path().read_text("utf-8")
    assert f"<h1>{WORDS['workload.side_branch.title']}</h1>" in html


def test_two_branches_of_a_run_are_laid_beside_each_other(compared: Page) -> None:
    open_tab(compared, WORDS["tab.trace"])
    choose_branch(compared, "trace", "detach · 8 · cpu")
    compared.locator("#trace-open").click()
    expect(compared.locator("#trace-status")).to_contain_text("detach · 8 · cpu: ")
    compared.locator("#trace-tabs").get_by_role("tab", name="Diff").click()
    choose_branch(compared, "trace-beside", "attached · 8 · cpu")
    compared.locator("#trace-beside-open").click()
    expect(compared.locator("#trace-diff-status")).to_contain_text("B: attached · 8 · cpu")
    expect(compared.locator("#plot-trace-diff .js-plotly-plot")).to_be_visible()


def outcome(app: App, what: str, before: int) -> str:
    """Wait for an event to be over; return what the app has written down of it."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for line in app.lines[before:]:
            if f'"{what}"' in line:
                found: str = json.loads(line)["outcome"]
                return found
        time.sleep(0.05)
    return "goes on"


def health(app: App) -> dict[str, Any]:
    """Return what an app says of itself."""
    found: dict[str, Any] = httpx.get(f"{app.url}healthz").json()
    return found


# Of so many a comparison cannot be over before somebody who is slow has stopped it.
MANY = range(4096, 4108)


def test_a_recorded_run_is_shown_until_there_is_ones_own(browser: Browser, whole_app: App) -> None:
    with visit(whole_app, browser) as page:
        page.goto(f"{whole_app.url}?workload=side_branch&tab=compare")
        wait_until_complete(page)
        mark = page.locator("#compare-results .lab-measured .lab-chip")
        heading = page.locator("#compare-results .lab-measured")
        expect(mark).to_have_text(WORDS["compare.recorded"])
        expect(heading).to_contain_text(WORDS["workload.side_branch.title"])
        expect(page.locator("#compare-results .lab-recommended")).to_contain_text("Use detach")
        expect(page.locator("#plot-time .js-plotly-plot")).to_be_visible()
        # Its files are nobody's to take along.
        expect(page.locator(".lab-downloads")).to_be_hidden()
        page.get_by_role("radio", name="256").check()
        expect(heading).to_contain_text("256 rows")
        expect(mark).to_be_visible()
        open_compare(page)
        choose_workload(page, "frozen_middle")
        expect(heading).to_contain_text(WORDS["workload.frozen_middle.title"])
        # Of a workload of one's own there is none.
        page.get_by_label(WORDS["compare.workload"]).click()
        page.get_by_role("option", name="Mine.").click()
        expect(heading).to_be_hidden()
        expect(page.locator("#plot-time")).to_be_hidden()
        choose_workload(page, "frozen_middle")
        expect(heading).to_contain_text(WORDS["workload.frozen_middle.title"])
        compare(page, "8")
        expect(mark).to_have_count(0)
        expect(page.locator("#compare-save-summary")).to_be_visible()
        # One's own stays, whatever is chosen next.
        choose_workload(page, "side_branch")
        expect(heading).to_contain_text(WORDS["workload.frozen_middle.title"])


def test_a_link_asks_for_modes_which_are_measured_and_laid_side_by_side(
    browser: Browser, whole_app: App
) -> None:
    asked = "tab=compare&workload=side_branch&branches=attached,detach&sizes=8&modes=eager,autocast"
    with visit(whole_app, browser) as page:
        page.goto(f"{whole_app.url}?{asked}&budget=0.2")
        wait_until_complete(page)
        for name in ("eager", "autocast"):
            expect(page.get_by_role("checkbox", name=name)).to_be_checked()
        page.locator("#compare-run").click()
        title = page.get_by_role("heading", name="Autocast beside eager, 8 rows a batch")
        expect(title).to_be_visible()
        finding = page.locator("#compare-results .lab-finding")
        expect(finding).to_contain_text("At 8 rows a batch (float32, cpu)")
        expect(page.locator("#plot-modes .js-plotly-plot")).to_be_visible()
        page.get_by_role("radio", name="autocast").check()
        expect(finding).to_contain_text("At 8 rows a batch (float32 autocast, cpu)")
        expect(title).to_be_visible()


def test_another_language_keeps_the_run(compared: Page) -> None:
    heading = compared.locator("#compare-results .lab-measured")
    # A page that loads at another tab is still busy with that when it is left.
    open_tab(compared, WORDS["tab.compare"])
    expect(compared).to_have_url(re.compile("tab=compare"))
    measured = heading.inner_text().rpartition(" · ")[2]
    for language, name in (("zh", "中文"), ("en", "English")):
        compared.locator("#lab-header").get_by_role("link", name=name).click()
        wait_until_complete(compared)
        open_tab(compared, table(language)["tab.compare"])
        expect(heading).to_contain_text(table(language)["workload.side_branch.title"])
        expect(heading).to_contain_text(measured)
        expect(compared.locator("#plot-time .js-plotly-plot")).to_be_visible()


def test_stop_ends_at_once_and_the_next_run_works(page: Page, whole_app: App) -> None:
    before = len(whole_app.lines)
    open_compare(page)
    choose_workload(page, "frozen_backbone")
    page.locator("#compare-budget input[type=number]").fill("8")
    stopping = page.locator("#compare-stop")
    expect(stopping).to_be_disabled()
    progress = start(page, ", ".join(map(str, MANY)))
    expect(progress).to_contain_text(re.compile(rf"\b[1-9]\d* of {len(MANY)} done"))
    # A lesson does not wait for the comparison.
    open_lesson(page, "baseline")
    run_lesson(page)
    assert health(whole_app)["running"]
    open_tab(page, WORDS["tab.compare"])
    stopping.click()
    expect(stopping).to_be_disabled()
    expect(progress).to_contain_text(WORDS["progress.stopped"])
    assert outcome(whole_app, "event show_compare", before) == "cut off"
    shown = page.locator("#compare-results .lab-finding").inner_text()
    assert any(f"At {size:,} rows a batch" in shown for size in MANY[:-1])
    open_lesson(page, "baseline")
    run_lesson(page)
    # Nothing has come in any more.
    open_tab(page, WORDS["tab.compare"])
    expect(progress).to_contain_text(WORDS["progress.stopped"])
    assert page.locator("#compare-results .lab-finding").inner_text() == shown


def test_a_visitor_who_has_to_wait_is_told_so(page: Page, whole_app: App) -> None:
    branches = ["attached", "detach"]
    client = script(whole_app)
    job = client.submit("frozen_backbone", branches, [*MANY], budget_s=20.0, api_name="/compare")
    while not job.outputs():
        assert not job.done()
        time.sleep(0.05)
    open_compare(page)
    expect(start(page, "65536")).to_contain_text(WORDS["progress.waiting"])
    job.cancel()
    stop(page)
    client.close()


def test_a_training_step_that_is_chosen_before_the_page_is_complete_stays_chosen(
    whole_app: App, browser: Browser
) -> None:
    with visit(whole_app, browser) as page:
        held: list[Route] = []
        page.route("**/gradio_api/queue/join*", lambda route: held.append(route))
        page.goto(whole_app.url)
        open_tab(page, WORDS["tab.compare"])
        page.get_by_label(WORDS["compare.workload"]).click()
        page.get_by_role("option", name=WORDS["workload.frozen_middle.title"]).click()
        about = page.locator("#compare-about")
        expect(about).to_contain_text("stem")
        for each in held:
            each.continue_()
        page.unroute("**/gradio_api/queue/join*")
        wait_until_complete(page)
        expect(about).to_contain_text("stem")
        # What the server takes the form for.
        expect(page).to_have_url(re.compile("workload=frozen_middle"))


def test_a_comparison_ends_when_its_page_is_left(page: Page, whole_app: App) -> None:
    before = len(whole_app.lines)
    open_compare(page)
    choose_workload(page, "frozen_backbone")
    page.locator("#compare-budget input[type=number]").fill("20")
    progress = start(page, ", ".join(map(str, MANY)))
    expect(progress).to_contain_text(re.compile(rf"\b[1-9]\d* of {len(MANY)} done"))
    page.locator("#lab-header").get_by_role("link", name="中文").click()
    wait_until_complete(page)
    assert outcome(whole_app, "event show_compare", before) == "cut off"
    page.locator("#lab-header").get_by_role("link", name="English").click()
    wait_until_complete(page)


def test_who_comes_to_a_full_queue_is_told_so(whole_app: App, browser: Browser) -> None:
    # Not by `visit`: the browser logs the answer as an error.
    page = new_context(browser, locale="en-US").new_page()
    page.goto(whole_app.url)
    wait_until_complete(page)
    open_compare(page)
    full = {"detail": "Queue is full! Please try again."}
    page.route("**/gradio_api/queue/join*", lambda route: route.fulfill(status=503, json=full))
    expect(start(page, "65536")).to_contain_text(WORDS["error.busy"])
    page.unroute("**/gradio_api/queue/join*")
    page.locator("#compare-run").click()
    stop(page)
    page.context.close()


@pytest.mark.parametrize(
    "locale", ["zh-TW", *(pytest.param(each, marks=pytest.mark.long) for each in ("zh", "zh-CN"))]
)
def test_a_chinese_browser_gets_chinese(whole_app: App, browser: Browser, locale: str) -> None:
    with visit(whole_app, browser, locale=locale) as page:
        page.goto(whole_app.url)
        tab = page.get_by_role("tab", name=table("zh")["tab.lessons"])
        expect(tab).to_be_visible()
        wait_until_complete(page)
