"""The page on a phone: nothing that is written is cut off."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from demos.page import common
from demos.page.stepper import part_view
from profiling import catalogue
from profiling.graphs import svg
from profiling.model.lesson import LessonTrace
from profiling.model.words import LANGUAGES, Text, translator
from tests.e2e.launching import App
from tests.e2e.test_stepper import OUTSIDE
from tests.e2e.touring import covered, hasten

pytestmark = pytest.mark.browser

# Each text of a chart, and the pixels by which it sticks out of the chart's drawing.
_TEXTS = """
() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => {
  const box = plot.querySelector('svg.main-svg').getBoundingClientRect();
  return [...plot.querySelectorAll('text')].map(each => {
    const mine = each.getBoundingClientRect();
    const out = Math.max(mine.right - box.right, box.left - mine.left,
                         mine.bottom - box.bottom, box.top - mine.top);
    return {chart: plot.closest('[id^=plot-]').id, text: each.textContent,
            out: mine.width ? out : -1};
  });
})
"""
# Names of branches that run into the next cell of the first tables.
_RUN_OUT = """
() => [...document.querySelectorAll('.lab-costs tbody th')]
  .filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)
"""
# Puts lessons in the place of the one on the page and tells what is too wide of them.
_PUT_IN = """
views => {
  document.querySelector('#lesson-view .lab-lesson').outerHTML = views;
  const right = document.documentElement.clientWidth;
  return [...document.querySelectorAll('#lesson-view :is(p, li, h2, h3, h4, code, button)')]
    .filter(each => !each.closest('.lab-scroll'))
    .filter(each => each.getBoundingClientRect().right > right)
    .map(each => each.textContent);
}
"""


def _compare_on_a_phone(page: Page, url: str, language: str, done: str) -> None:
    say = translator(language)
    page.goto(f"{url}?lang={language}")
    page.get_by_role("tab", name=say("tab.compare")).click()
    page.get_by_label(say("compare.workload")).click()
    page.get_by_role("option", name=say("workload.frozen_middle.title")).click()
    expect(page.locator("#compare-about")).to_contain_text("stem")
    page.get_by_label(say("compare.sizes.batch")).fill("8, 16")
    hasten(page)
    page.locator("#compare-run").click()
    expect(page.locator("#compare-progress")).to_contain_text(done, timeout=60_000)
    expect(page.locator(".js-plotly-plot .gtitle")).to_have_count(8)


@pytest.mark.parametrize(("language", "done"), [("en", "Done in"), ("zh", "完成，用时")])
def test_every_chart_shows_all_that_it_writes(
    app: App, browser: Browser, language: str, done: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    _compare_on_a_phone(page, app.url, language, done)
    texts: list[dict[str, Any]] = page.evaluate(_TEXTS)
    assert len({each["chart"] for each in texts}) == 8
    assert [each for each in texts if each["out"] > 0.5] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


@pytest.mark.parametrize(("language", "width"), [("zh", 390), ("en", 390), ("en", 1280)])
def test_nothing_lies_over_anything_on_the_first_screen(
    app: App, browser: Browser, language: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(f"{app.url}?lang={language}")
    page.wait_for_selector("#advisor-advice .lab-costs")
    page.wait_for_selector("#copy-link button")
    expect(page.locator(".lab-costs tbody th").first).to_be_visible()
    assert covered(page) == []
    assert page.evaluate(_RUN_OUT) == []
    box = page.locator(".lab-languages").bounding_box()
    assert box is not None
    assert box["height"] < 35  # a line
    page.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_lesson_is_wider_than_a_phone(
    app: App, browser: Browser, traces: list[LessonTrace], language: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{app.url}?lang={language}&tab=lessons")
    page.wait_for_selector("#lesson-view h2")
    shown = "".join(_shown(trace, translator(language)) for trace in traces)
    assert page.evaluate(_PUT_IN, shown) == []
    assert page.locator("#lesson-view .lab-rule").count() == len(traces)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_any_lessons_graph_sticks_out(
    browser: Browser, traces: list[LessonTrace], language: str
) -> None:
    steps = [step for trace in traces for part in trace.parts for step in part.steps]
    drawings = [svg.svg(step.graph, translator(language)) for step in steps]
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(f"<style>{svg.styles()}</style>{''.join(drawings)}")
    assert page.locator("svg.graph").count() == len(drawings) > len(traces)
    assert page.evaluate(OUTSIDE) == []
    page.close()


def _shown(trace: LessonTrace, text: Text) -> str:
    name = trace.request.name
    sources = catalogue.lesson(name).parts
    ends = [replace(part, steps=part.steps[-1:]) for part in trace.parts]
    parts = [part_view(part, sources[part.name], text) for part in ends]
    key = f"lesson.{name}"
    return common.render(
        "lesson.html", text, key=key, name=name, inputs={}, parts=parts, trace=trace
    )
