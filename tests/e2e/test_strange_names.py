"""Names from a file stay text wherever they are drawn, and could not run if they did not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.pages import new_context, wait_until_complete
from tests.harness.launching import App
from tests.harness.made_traces import events

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
    expect(_drawn(page, "operators")).to_contain_text("<img src=x")
    tabs.get_by_role("tab", name="GPU").click()
    _drawn(page, "kernels")
    expect(page.locator("#trace-operators")).to_contain_text("<img src=x onerror=hit=1>")
    tabs.get_by_role("tab", name="Phases").click()
    expect(page.locator("#trace-ranges")).to_contain_text("<img src=x onerror=hit=1>")
    tabs.get_by_role("tab", name="Diff").click()
    _give(page, "trace-beside", strange)
    expect(page.locator("#trace-diff-status")).to_contain_text("img src=x onerror=hit=3")
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


def test_markup_that_got_in_would_not_run(whole_app: App, browser: Browser) -> None:
    # Not by `visit`: the browser logs each refusal as an error.
    page = new_context(browser, locale="en-US").new_page()
    page.goto(f"{whole_app.url}?tab=lessons")
    wait_until_complete(page)
    for put_in in (
        """() => document.querySelector("#lesson-view").innerHTML =
          "<img src=x onerror=hit=1><a id=bad href='javascript:hit=2'>go</a>" """,
        """() => {
          const script = document.createElement("script");
          script.textContent = "hit=3";
          document.querySelector("#lesson-view").append(script);
        }""",
        """() => document.querySelector("#bad").click()""",
    ):
        with page.expect_console_message(lambda each: "Content Security Policy" in each.text):
            page.evaluate(put_in)
    assert page.evaluate("window.hit === undefined")
    page.context.close()
