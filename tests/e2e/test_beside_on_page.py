"""Other runs on the page: opened, laid beside the run shown, and deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from profiling.model.words import table
from tests.e2e.pages import (
    choose_workload,
    compare,
    open_compare,
    open_tab,
    visit,
    wait_until_complete,
)
from tests.harness.launching import App

pytestmark = pytest.mark.browser


def test_a_visitor_opens_a_run_and_lays_another_beside_it(page: Page, archive: Path) -> None:
    open_tab(page, table("en")["tab.compare"])
    page.get_by_role("button", name="Other runs").click()
    page.locator("#beside-file input[type=file]").set_input_files(archive)
    expect(page.locator("#beside-file a[href*='file=']")).to_be_visible()
    page.locator("#beside-lay").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no run on the page yet")
    page.locator("#beside-open").click()
    expect(page.locator("#compare-progress")).to_contain_text("Opened run.zip")
    expect(page.locator("#compare-results .lab-finding")).to_be_visible()
    expect(page.locator("#plot-memory .js-plotly-plot")).to_be_visible()
    page.locator("#beside-lay").click()
    expect(page.locator("#beside-table .lab-finding")).to_contain_text("no different in 12")
    expect(page.locator("#plot-beside .js-plotly-plot")).to_be_visible()
    page.get_by_label("4", exact=True).check()
    expect(page.locator("#compare-results .lab-finding")).to_contain_text("At 4 rows")
    page.locator("#beside-open").click()
    expect(page.locator("#beside-table .lab-finding")).to_be_hidden()


def test_the_runs_of_a_session_are_kept_and_can_be_switched_compared_and_deleted(
    browser: Browser, whole_app: App
) -> None:
    words = table("en")
    with visit(whole_app, browser) as page:
        page.goto(whole_app.url)
        open_compare(page)
        choose_workload(page, "side_branch")
        heading = page.locator("#compare-results .lab-measured")
        for sizes in ("8", "16"):
            compare(page, sizes)
        expect(heading).to_contain_text("16 rows")
        page.get_by_role("button", name="Other runs").click()
        session = page.get_by_label(words["diff.known"])
        session.click()
        offered = page.locator("#beside-known").get_by_role("option")
        expect(offered.nth(0)).to_contain_text("· 16 ·")
        expect(offered.nth(1)).to_contain_text("· 8 ·")
        offered.nth(1).click()
        page.locator("#beside-lay").click()
        expect(page.locator("#beside-table")).to_contain_text("nothing in common")
        page.locator("#beside-open").click()
        expect(heading).to_contain_text("8 rows")
        # In another language, which loads the page anew, both are still there.
        page.locator("#lab-header").get_by_role("link", name="中文").click()
        wait_until_complete(page)
        open_tab(page, table("zh")["tab.compare"])
        page.locator("#beside > button").click()
        session = page.get_by_label(table("zh")["diff.known"])
        session.click()
        expect(offered.nth(0)).to_contain_text("· 8 ·")
        expect(offered.nth(1)).to_contain_text("· 16 ·")
        offered.nth(0).click()
        page.locator("#beside-delete").click()
        expect(page.locator("#compare-results")).to_be_hidden()
        session.click()
        expect(offered.nth(0)).to_contain_text("· 16 ·")
