"""Names from a file stay text wherever they are drawn, and could not run if they did not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.launching import App
from tests.profiling.traces.making import events

pytestmark = pytest.mark.browser

_STRANGE = "<img src=x onerror=hit=1><a href='javascript:hit=2'>%{x}%{label}</a>"


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A trace all of whose names are markup, templates and what was there before."""
    made = list(events(200))
    for event in made:
        if event["name"] not in ("[memory]", "thread_name", "process_name"):
            group, _, rest = event["name"].rpartition("::")
            event["name"] = f"{group}::{_STRANGE}{rest}" if group else f"{_STRANGE}{rest}"
        elif event["name"] != "[memory]":
            event["args"]["name"] = _STRANGE
    path = tmp_path / "<img src=x onerror=hit=3>.json"
    path.write_text(json.dumps({"traceEvents": made}), encoding="utf-8")
    return path


def test_a_trace_of_markup_is_drawn_as_text(page: Page, strange: Path) -> None:
    """The page fixture fails for any error on the console, such as a handler that was stopped."""
    page.get_by_role("tab", name="Trace").click()
    _give(page, "trace", strange)
    _drawn(page, "timeline")
    tabs = page.locator("#trace-tabs")
    tabs.get_by_role("tab", name="Memory").click()
    _drawn(page, "memory")
    tabs.get_by_role("tab", name="Operators").click()
    assert "<img src=x" in _drawn(page, "operators").inner_text()
    _drawn(page, "kernels")
    expect(page.locator("#trace-operators")).to_contain_text("<img src=x onerror=hit=1>")
    tabs.get_by_role("tab", name="Phases").click()
    expect(page.locator("#trace-ranges")).to_contain_text("<img src=x onerror=hit=1>")
    tabs.get_by_role("tab", name="Diff").click()
    _give(page, "trace-beside", strange)
    expect(page.locator("#trace-diff-status")).to_contain_text("img src=x onerror=hit=3")
    page.wait_for_timeout(500)
    assert page.locator("img[src=x], a[href^=javascript]").count() == 0
    links = "links => links.map(each => each.href.baseVal ?? each.href)"
    assert not [each for each in page.locator("a").evaluate_all(links) if "javascript" in each]
    assert page.evaluate("window.hit === undefined")


def _give(page: Page, source: str, path: Path) -> None:
    page.locator(f"#{source}-file input[type=file]").set_input_files(path)
    expect(page.locator(f"#{source}-file a[href*='file=']")).to_be_visible()
    page.locator(f"#{source}-open").click()


def _drawn(page: Page, chart: str) -> Locator:
    """Wait for a chart, point at its middle, and return it with what is then told."""
    plot = page.locator(f"#plot-trace-{chart} .js-plotly-plot")
    expect(plot).to_be_visible()
    plot.hover()
    return plot


def test_markup_that_got_in_would_not_run(app: App, browser: Browser) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{app.url}?tab=lessons")
    page.wait_for_selector("#lesson-view h2")
    page.evaluate("""() => {
      const inside = document.querySelector("#lesson-view");
      inside.innerHTML = "<img src=x onerror=hit=1><a id=bad href='javascript:hit=2'>go</a>";
      const script = document.createElement("script");
      script.textContent = "hit=3";
      inside.append(script);
    }""")
    page.locator("#bad").click()
    page.wait_for_timeout(500)
    assert page.evaluate("window.hit === undefined")
    assert sum("Content Security Policy" in each for each in said) >= 3
    context.close()
