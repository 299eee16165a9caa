"""The report in a browser: made on the page, opened without a network, saved again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from profiling.analysis.analysis import Analysis
from profiling.model.words import translator
from profiling.output.report import document, run_part
from profiling.output.saved_runs import load_run
from tests.conftest import FinishedRun
from tests.e2e.pages import new_context

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.long)])
def test_it_opens_offline_and_gives_the_run_back(
    browser: Browser,
    finished_run: FinishedRun,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
) -> None:
    run, folder = finished_run
    text = translator("zh")
    file = tmp_path / "report.html"
    file.write_text(document([run_part(Analysis(run, folder), text)], text), "utf-8")
    context = new_context(
        browser, offline=True, color_scheme=scheme, viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda each: problems.append(each.text) if each.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: problems.append(asked.url))
    page.goto(file.as_uri())
    folded = page.locator("details.cell:not([open])")
    expect(folded).to_have_count(len(run.results) - 1)
    folded.first.locator("summary").click()
    chart = page.locator(".chart").first
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.pdf(path=tmp_path / "report.pdf")
    expect(page.locator(".chart:not([data-drawn])")).to_have_count(0)
    drawn = """() => [...document.querySelectorAll(".chart")].map(box => box.data.length)"""
    asked = """() => [...document.querySelectorAll(".chart")].map(
        box => JSON.parse(box.previousElementSibling.textContent).data.length)"""
    assert page.evaluate(drawn) == page.evaluate(asked) != []
    assert all(page.evaluate(drawn))
    with page.expect_download() as saved:
        page.locator("a[download]").click()
    assert saved.value.suggested_filename == f"{run.id}.json.gz"
    assert load_run(saved.value.path()) == run
    context.close()
    assert problems == [file.as_uri()]
