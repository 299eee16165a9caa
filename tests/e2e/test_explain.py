"""The tab My step in a browser: examples, findings, marks, ways, links, languages, bad files."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, Page, expect

from profiling.model.watch import load_watch
from profiling.model.words import table, translator
from profiling.output import explanation
from profiling.watch.record import encode
from tests.e2e.pages import PHONE, new_context, open_tab, visit, wait_until_complete, width
from tests.harness.launching import App

pytestmark = pytest.mark.browser

WORDS = table("en")
ATTACK = "<img src=x onerror=window.hit=1>"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A record whose names are HTML, of what an example shows."""
    watch = load_watch(explanation.examples()["detached_features"])
    names = (f"{ATTACK}.weight",)
    watch = dataclasses.replace(
        watch,
        script=(ATTACK,),
        parameters=tuple(dataclasses.replace(each, names=names) for each in watch.parameters),
    )
    path = tmp_path / "hostile.json"
    path.write_text(encode(watch), encoding="utf-8")
    return path


def finding_is(page: Page, number: str) -> None:
    expect(page.locator(".explain-now")).to_have_attribute("data-card", number)


def test_findings_lines_marks_and_ways_lead_to_each_other(whole_app: App, browser: Browser) -> None:
    with visit(whole_app, browser) as page:
        page.goto(whole_app.url)
        wait_until_complete(page)
        open_tab(page, WORDS["tab.explain"])
        expect(page.locator(".explain-command")).to_have_text("weights_from_numbers.py")
        page.locator("#explain-example input").click()
        page.get_by_role("option", name=WORDS["example.no_grad_embedding"]).click()
        expect(page.locator(".explain-command")).to_have_text("no_grad_embedding.py")
        expect(page).to_have_url(re.compile(r"\?tab=explain&example=no_grad_embedding$"))
        card = page.locator("[data-card='0']")
        card.get_by_role("button", name="no_grad_embedding.py:16").click()
        here = page.locator(".explain-here")
        expect(here).to_contain_text("return self.embedding(tokens)")
        expect(here).to_be_in_viewport()
        card.locator("[data-finding]").press("Enter")
        expect(here).to_contain_text("@torch.no_grad()")
        figure = page.locator("figure:visible")
        expect(figure).to_contain_text("F.embedding")
        page.locator("[data-parameter]", has_text="weight_ih_l0").click()
        expect(figure.locator("figcaption")).to_contain_text("✓ model.rnn.weight_ih_l0")
        expect(figure.locator(".scissors")).to_have_count(0)
        figure.locator("[data-goto]").last.press("Enter")
        expect(here).to_contain_text("criterion(scores")
        page.locator("[data-mark='0']").first.click()
        finding_is(page, "0")
        expect(card).to_be_focused()
        expect(figure.locator(".scissors")).to_have_count(1)
        page.locator(".explain").get_by_role("link", name="frozen middle").click()
        expect(page.locator("#lesson-view h2")).to_contain_text("frozen middle")
        page.go_back()
        expect(page.locator(".explain-command")).to_have_text("no_grad_embedding.py")


def test_a_link_on_a_phone_in_both_languages(whole_app: App, browser: Browser) -> None:
    say = translator("zh")
    # Not by `visit`: of a page that is left while it still loads, Gradio logs an abort.
    context = new_context(browser, viewport=PHONE, locale="en-US")
    page = context.new_page()
    page.goto(f"{whole_app.url}?tab=explain&example=running_loss")
    expect(page.locator(".explain-card")).to_contain_text("a graph grows")
    wait_until_complete(page)
    assert width(page) <= PHONE["width"]
    page.locator("[data-language=zh]").click()
    expect(page.locator(".explain-card")).to_contain_text(say("explain.heading.memory"))
    expect(page.locator(".explain-command")).to_have_text("running_loss.py")
    expect(page).to_have_url(re.compile("example=running_loss"))
    wait_until_complete(page)
    assert width(page) <= PHONE["width"]
    context.close()


def test_bad_files_get_a_sentence_and_a_hostile_one_stays_text(
    whole_app: App, browser: Browser, hostile: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"format": "detach-lab', encoding="utf-8")
    with visit(whole_app, browser) as page:
        page.goto(f"{whole_app.url}?tab=explain&example=<b>")
        expect(page.locator("#link-faults").get_by_role("alert")).to_contain_text("example")
        expect(page.locator(".explain-command")).to_have_text("weights_from_numbers.py")
        wait_until_complete(page)
        file = page.locator("#explain-file input[type=file]")
        file.set_input_files(bad)
        problem = page.locator("#explain-problem")
        expect(problem.get_by_role("alert")).to_contain_text("bad.json is not JSON")
        expect(page.locator(".explain-command")).to_have_text("weights_from_numbers.py")
        page.locator("#explain-file").get_by_role("button", name="Clear").click()
        file.set_input_files(hostile)
        expect(page.locator(".explain-command")).to_have_text(ATTACK)
        expect(problem.get_by_role("alert")).to_have_count(0)
        assert page.locator(".explain img").count() == 0
        assert page.evaluate("window.hit === undefined")


def test_a_lessons_wrong_code_says_what_is_wrong(whole_app: App, browser: Browser) -> None:
    with visit(whole_app, browser) as page:
        page.goto(f"{whole_app.url}?tab=lessons&lesson=no_grad_kills_the_stem&part=wrong&step=1")
        card = page.locator("#lesson-view .explain-card")
        expect(card).to_contain_text("stem.{weight, bias}, middle.{weight, bias}")
        expect(card).to_contain_text("no_grad_kills_the_stem.py:11")
        wait_until_complete(page)


def test_a_file_of_it_opens_offline(browser: Browser, tmp_path: Path) -> None:
    from profiling.analysis.diagnosis import diagnose

    found = diagnose(load_watch(explanation.examples()["gan_step_order"]))
    path = tmp_path / "explained.html"
    path.write_text(explanation.file(found, translator("zh")), encoding="utf-8")
    context = new_context(browser, offline=True, color_scheme="dark", viewport=PHONE)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda each: problems.append(each.text) if each.type == "error" else None)
    page.goto(path.as_uri())
    page.locator("[data-finding='0']").click()
    expect(page.locator(".explain-here")).to_contain_text("optD.step()")
    assert width(page) <= PHONE["width"]
    context.close()
    assert problems == []


def test_a_record_is_explained_through_the_events_of_the_page(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"format": "other", "version": 1, "watch": {}}', encoding="utf-8")
    problem, *_ = client.predict(handle_file(path), api_name="/open_record")
    assert "other.json is not a watch record" in problem
    good = explanation.examples()["hard_choice"]
    problem, view, _ = client.predict(handle_file(good), api_name="/open_record")
    assert problem == ""
    assert "hard_choice.py:15" in view
