"""Saved runs on the page: opened, and laid beside the run shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from profiling.model.words import table
from tests.e2e.pages import open_tab

pytestmark = pytest.mark.browser


def test_a_visitor_opens_a_run_and_lays_another_beside_it(page: Page, archive: Path) -> None:
    open_tab(page, table("en")["tab.compare"])
    page.get_by_role("button", name="Saved runs").click()
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
