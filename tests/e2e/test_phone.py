"""The page on a phone: nothing that is written is cut off."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from demos.locales import translator
from tests.e2e.launching import App

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


def _compare_on_a_phone(page: Page, url: str, language: str, done: str) -> None:
    say = translator(language)
    page.goto(f"{url}?lang={language}")
    page.get_by_role("tab", name=say("tab.compare")).click()
    page.get_by_label(say("compare.workload")).click()
    page.get_by_role("option", name=say("workload.frozen_middle.title")).click()
    expect(page.locator("#compare-about")).to_contain_text("stem")
    page.get_by_label(say("compare.sizes.batch")).fill("8, 16")
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
