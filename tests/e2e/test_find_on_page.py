"""Finding lessons by a pasted error or by words, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from profiling.catalogue import TOPICS
from profiling.catalogue.search import find
from profiling.model.words import table
from tests.e2e.pages import open_tab, visit
from tests.harness.launching import App

pytestmark = pytest.mark.browser

WORDS = table("en")
NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"
PASTED = f'  File "train.py", line 3, in <module>\nRuntimeError: {NO_GRAD_FN}'


def query(page: Page) -> Locator:
    return page.locator("#lesson-query").locator("textarea, input")


def offered(page: Page) -> Locator:
    return page.locator(".lab-list label")


def title(lesson: str) -> str:
    return WORDS[f"lesson.{lesson}.title"].replace("`", "")


def titles(topic: str) -> list[str]:
    return [WORDS[f"lesson.{name}.title"] for name in TOPICS[topic]]


def chosen(page: Page, lesson: str) -> None:
    """Expect a lesson to be the one that is chosen and shown."""
    expect(page.locator("#lesson-view h2")).to_have_text(title(lesson))
    radio = page.get_by_label(WORDS[f"lesson.{lesson}.title"], exact=True)
    expect(radio).to_be_checked()


def test_a_topic_offers_its_lessons_and_an_error_those_that_explain_it(page: Page) -> None:
    expect(offered(page)).to_have_text(titles("article"))
    page.locator("#lesson-topic input").click()
    page.get_by_role("option", name=WORDS["topic.training"]).click()
    expect(offered(page)).to_have_text(titles("training"))
    chosen(page, TOPICS["training"][0])
    found = page.locator("#lesson-found")
    query(page).fill(PASTED)
    expect(found.locator("details").first).to_contain_text(WORDS["find.fit.whole"])
    expect(found.locator("q mark")).to_have_text(NO_GRAD_FN)
    chosen(page, "backward_through_detached")
    hits = [hit.lesson for hit in find(PASTED, "en")]
    expect(offered(page)).to_have_text([WORDS[f"lesson.{name}.title"] for name in hits])
    page.locator("#lesson-run").click()
    expect(page.locator("#lesson-view .lab-error")).to_contain_text(NO_GRAD_FN)
    query(page).fill("hello world")
    expect(found).to_contain_text(WORDS["find.nothing"])
    expect(offered(page)).to_have_text(titles("training"))  # and no answer to what was asked before
    query(page).fill("")
    expect(offered(page)).to_have_text(titles("training"))
    chosen(page, TOPICS["training"][0])
    expect(found).to_have_text("")


def test_what_is_typed_is_shown_and_never_run(page: Page) -> None:
    hostile = "<img src=x onerror=hit=1> <script>hit=2</script> "
    query(page).fill(hostile + NO_GRAD_FN)
    found = page.locator("#lesson-found")
    expect(found.locator("q").first).to_contain_text(hostile + NO_GRAD_FN)
    assert found.locator("img, script").count() == 0
    query(page).fill("a" * 20_001)
    expect(found.get_by_role("alert")).to_contain_text("at most 20,000 characters")
    assert page.evaluate("window.hit === undefined")


def test_an_error_pasted_as_soon_as_there_is_a_field_is_found(
    whole_app: App, browser: Browser
) -> None:
    with visit(whole_app, browser) as page:
        page.goto(f"{whole_app.url}?tab=lessons")
        query(page).wait_for()
        query(page).fill(PASTED)
        expect(page.locator("#lesson-found q mark")).to_have_text(NO_GRAD_FN)
        chosen(page, "backward_through_detached")


def test_a_question_at_the_door_leads_into_its_lesson(page: Page) -> None:
    open_tab(page, WORDS["tab.start"])
    box, answer = page.locator("#door-text textarea"), page.locator("#door-answer")
    box.fill("h = encoder(x).detach()\ntotal = total + h.mean()")
    expect(answer.locator(".lab-door-note")).to_contain_text(WORDS["sign.detach"])
    box.fill("显存一直增长")
    link = answer.get_by_role("link").first
    expect(link).to_have_text(title("total_loss_grows"))
    link.click()
    chosen(page, "total_loss_grows")
