"""Links in a real browser: opened, followed, kept up to date, copied, and made of rubbish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from profiling.model.words import table
from tests.e2e.pages import choose_lesson, measures, stop, visit, wait_until_complete
from tests.e2e.test_stepper import at_last, go
from tests.harness.launching import App

pytestmark = pytest.mark.browser

WORDS = table("en")
STEP = "tab=lessons&lesson=data_or_detach&part=wrong&step=3"
COMPARISON = (
    "tab=compare&workload=side_branch&branches=attached,detach&sizes=8,16&modes=eager&dtype=float64"
    "&device=cpu&budget=0.4&twice=1&p.depth=2&p.width=16"
)


_NOTE_STATUS = """
() => {
  window.told = [];
  const status = document.querySelector('#copy-link [role=status]');
  new MutationObserver(() => told.push(status.textContent)).observe(status, {childList: true});
}
"""


@pytest.fixture
def opened(whole_app: App, browser: Browser) -> Iterator[Page]:
    """What a visitor opens a page in; the page must log no error."""
    with visit(whole_app, browser) as page:
        yield page


def said(page: Page) -> dict[str, str]:
    """Return what the address says."""
    return dict(parse_qsl(urlsplit(page.url).query))


def says(page: Page, query: str) -> None:
    """Expect the address to come to say what a query says."""
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?{query}")


def tab_is(page: Page, name: str) -> None:
    tab = page.locator("#lab-tabs").get_by_role("tab", name=WORDS[f"tab.{name}"], exact=True)
    expect(tab).to_have_attribute("aria-selected", "true")


def step_is(page: Page, step: str) -> None:
    """Expect the first stepper to come to a step."""
    shown = page.locator(".lab-stepper").first.locator(".lab-shown .lab-step-head")
    expect(shown).to_contain_text(step)


def test_a_link_to_a_step_runs_the_lesson_and_goes_there(opened: Page, whole_app: App) -> None:
    opened.goto(f"{whole_app.url}?{STEP}")
    opened.wait_for_selector("#lesson-view .lab-rule")
    tab_is(opened, "lessons")
    step_is(opened, "Step 3 of 5")
    says(opened, STEP)
    go(opened.locator(".lab-stepper").first, "back")
    says(opened, STEP.replace("step=3", "step=2"))
    at_last(opened.locator(".lab-stepper").last)
    says(opened, STEP.replace("part=wrong&step=3", "part=right&step=12"))
    choose_lesson(opened, "article", "detach_then_zero")
    says(opened, "tab=lessons&lesson=detach_then_zero&values=1,2,3&op=sigmoid")
    opened.get_by_label("Values", exact=True).fill("0.5, 2")
    says(opened, "tab=lessons&lesson=detach_then_zero&values=0.5,2&op=sigmoid")
    opened.locator("#lesson-run").click()
    says(opened, "tab=lessons&lesson=detach_then_zero&values=0.5,2&op=sigmoid&part=lesson&step=5")
    # Not by a reload: of a page that is left while it still loads, Gradio logs an abort.
    again = opened.context.new_page()
    again.goto(opened.url)
    expect(again.locator("#lesson-view")).to_contain_text("[0.5000, 2.0000]")
    step_is(again, "Step 5 of 5")


def test_a_link_to_a_comparison_sets_the_form_and_measures_nothing(
    opened: Page, whole_app: App
) -> None:
    opened.goto(f"{whole_app.url}?{COMPARISON}&lang=en")
    tab_is(opened, "compare")
    expect(opened.get_by_label("Batch sizes, comma-separated")).to_have_value("8, 16")
    expect(opened.locator("#compare-about")).to_contain_text("Freezing the trunk would stop")
    ways = opened.locator("fieldset", has_text=WORDS["compare.branches"])
    chosen = ways.locator("input:checked")
    expect(chosen).to_have_count(2)
    opened.locator("#compare-more > button").click()
    expect(opened.get_by_label("depth")).to_have_value("2")
    expect(opened.get_by_label("chunk")).to_have_count(0)
    says(opened, f"{COMPARISON}&lang=en")
    expect(opened.locator("#compare-progress")).to_contain_text("press Run")
    opened.get_by_label("width").fill("32")
    says(opened, f"{COMPARISON}&lang=en".replace("width=16", "width=32"))
    opened.get_by_label("Training step").click()
    opened.get_by_role("option", name=WORDS["workload.elementwise.title"]).click()
    expect(opened).to_have_url(re.compile(r"workload=elementwise(?!.*p\.)"))
    assert said(opened)["sizes"] == "1000,100000,1000000"
    opened.locator("#lab-tabs").get_by_role("tab", name="Trace").click()
    says(opened, "tab=trace&lang=en")


def test_the_link_is_copied_as_it_is_or_offered_to_be(opened: Page, whole_app: App) -> None:
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.goto(f"{whole_app.url}?{COMPARISON}")
    says(opened, COMPARISON)
    wait_until_complete(opened)
    box = opened.locator("#copy-link")
    # That goes again after a while.
    opened.evaluate(_NOTE_STATUS)
    box.get_by_role("button").click()
    opened.wait_for_function("told.includes('Copied')")
    assert opened.evaluate("navigator.clipboard.readText()") == opened.url
    opened.evaluate(
        """() => { navigator.clipboard.writeText = () => Promise.reject(new Error("no"));
                   document.execCommand = () => false; }"""
    )
    box.get_by_role("button").click()
    expect(box.get_by_role("status")).to_have_text("Copy it from here:")
    field = box.locator("input")
    expect(field).to_have_value(opened.url)
    assert opened.evaluate("getSelection().toString()") == opened.url


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("tab=lessons&lesson=<script>window.hit=1</script>&step=1", "There is no lesson"),
        ("tab=compare&workload=side_branch&branches=frozen&sizes=-1&p.depth=%00", "-1"),
    ],
)
def test_rubbish_gives_a_sentence_and_a_page_that_works(
    opened: Page, whole_app: App, query: str, sentence: str
) -> None:
    opened.goto(f"{whole_app.url}?{query}")
    expect(opened.locator("#link-faults").get_by_role("alert")).to_contain_text(sentence)
    assert opened.evaluate("window.hit === undefined")
    assert opened.locator("#link-faults script").count() == 0
    opened.locator("#lab-tabs").get_by_role("tab", name="Lessons").click()
    opened.locator("#lesson-run").click()
    opened.wait_for_selector("#lesson-view .lab-rule")


def test_a_step_that_is_not_there_is_the_last_one(opened: Page, whole_app: App) -> None:
    opened.goto(f"{whole_app.url}?tab=lessons&lesson=baseline&step=999999")
    expect(opened.locator("#lesson-problem")).to_contain_text("the last one is shown")
    opened.wait_for_selector("#lesson-view .lab-rule")


def test_the_start_answers_leads_on_and_measures_here(opened: Page, whole_app: App) -> None:
    opened.goto(whole_app.url)
    wait_until_complete(opened)
    assert urlsplit(opened.url).query == ""
    rows = opened.locator(".lab-start tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("✗ encoder: unwanted")
    expect(opened.locator(".lab-start .lab-hint")).to_contain_text("Recorded on")
    opened.get_by_label(WORDS["advisor.gradient.through"]).check()
    advice = opened.locator(".lab-advice")
    expect(advice.locator("h3").first).to_have_text(WORDS["advisor.do.through"])
    says(opened, "tab=start&gradient=through&only_here=1&frozen=0&in_place=0")
    advice.get_by_role("link", name="Lesson:").click()
    expect(opened.locator("#lesson-view h2")).to_have_text(WORDS["lesson.gan_generator_step.title"])
    says(opened, "tab=lessons&lesson=gan_generator_step")
    opened.go_back()
    tab_is(opened, "start")
    expect(opened.get_by_label(WORDS["advisor.gradient.through"])).to_be_checked()
    opened.locator("#start-measure").click()
    tab_is(opened, "compare")
    measures(opened)
    expect(opened).to_have_url(re.compile("[?&]workload="))
    assert said(opened)["workload"] == "frozen_backbone"
    assert said(opened)["sizes"] == "1024"
    branches = opened.locator("fieldset", has_text=WORDS["compare.branches"])
    expect(branches.locator("input:checked")).to_have_count(5)
    stop(opened)


def test_a_lesson_leads_to_its_measurement_here(opened: Page, whole_app: App) -> None:
    opened.goto(f"{whole_app.url}?tab=lessons&lesson=side_branch&lang=en")
    wait_until_complete(opened)
    measured = opened.locator("#lesson-view .lab-measurement")
    expect(measured.locator(".lab-costs tbody tr")).to_have_count(4)
    measured.get_by_role("link", name=WORDS["measured.charts"]).click()
    tab_is(opened, "compare")
    heading = opened.locator("#compare-results .lab-measured")
    expect(heading).to_contain_text(WORDS["compare.recorded"])
    expect(heading).to_contain_text(WORDS["workload.side_branch.title"])
    opened.locator("#lab-tabs").get_by_role("tab", name="Lessons").click()
    measured.get_by_role("link", name=WORDS["measured.here"]).click()
    tab_is(opened, "compare")
    stop(opened)
