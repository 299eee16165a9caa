"""The playground, where it was asked for; `test_api` looks at an app without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from profiling.model.words import table
from tests.e2e.pages import open_tab, visit, wait_until_complete
from tests.e2e.test_rubbish import trap_code
from tests.harness.launching import App

pytestmark = pytest.mark.browser

WORDS = table("en")
_MARKED = """() => [...document.querySelectorAll('#playground-view .lab-now .linenos')]
  .map(each => Number(each.textContent))"""


@pytest.fixture(scope="module")
def playground(whole_app: App, browser: Browser) -> Iterator[Page]:
    """The opened tab of an app that was started with it; its page must log no error."""
    with visit(whole_app, browser) as page:
        page.goto(whole_app.url)
        wait_until_complete(page)
        open_tab(page, WORDS["tab.playground"])
        # The example comes after the editor, and would be put beside what was typed before it.
        expect(page.locator("#playground-code .cm-content")).not_to_have_text("")
        yield page


def step(page: Page, code: str) -> None:
    """Replace the code by another one and run it."""
    editor = page.locator("#playground-code .cm-content")
    editor.fill(code)
    expect(editor.locator(".cm-line")).to_have_count(code.count("\n") + 1)
    page.locator("#playground-run").click()


def test_code_is_stepped_through(playground: Page) -> None:
    expect(playground.get_by_text("runs on this machine").first).to_be_visible()
    step(playground, "import torch\nx = torch.ones(2, requires_grad=True)\nh = x.exp()\nd = h.data")
    view = playground.locator("#playground-view")
    expect(view.locator(".lab-shown .lab-step-head")).to_contain_text("Step 4 of 4")
    expect(view.locator(".lab-fine")).to_have_text(WORDS["lesson.no_error"])
    expect(view.locator(".lab-shown svg")).to_contain_text("Exp")
    assert playground.evaluate(_MARKED) == [4]
    view.locator("[data-go=back]").click()
    assert playground.evaluate(_MARKED) == [3]
    assert view.locator(".lab-shown tbody tr").count() == 2
    expect(view.locator(".lab-shown .lab-new th code")).to_have_text("h")


def test_code_that_is_pasted_at_the_door_is_run_when_somebody_presses_the_button(
    playground: Page,
) -> None:
    open_tab(playground, WORDS["tab.start"])
    box = playground.locator("#door-text textarea")
    box.fill("where is my gradient")
    expect(playground.locator("#door-answer")).to_contain_text(WORDS["door.found"])
    expect(playground.locator("#door-run")).to_be_hidden()
    box.fill(">>> import torch\n>>> w = torch.ones(3, requires_grad=True)\n>>> cut = w.detach()")
    expect(playground.locator("#door-answer")).to_contain_text("w.detach()")
    playground.locator("#door-run").click()
    view = playground.locator("#playground-view")
    expect(view.locator(".lab-shown .lab-new th code")).to_have_text("cut")
    expect(view.locator(".lab-shown .lab-step-head")).to_contain_text("Step 3 of 3")
    lines = playground.locator("#playground-code .cm-line")
    expect(lines).to_have_text(
        ["import torch", "w = torch.ones(3, requires_grad=True)", "cut = w.detach()"]
    )


def test_a_click_into_the_editor_keeps_the_code(playground: Page) -> None:
    editor = playground.locator("#playground-code .cm-content")
    editor.fill("mine = 1")
    playground.evaluate("window.stayed = true")
    editor.click()
    expect(editor).to_have_text("mine = 1")
    assert playground.evaluate("window.stayed")


def test_a_syntax_error_is_told_with_its_line(playground: Page) -> None:
    step(playground, "x = 1\nif x\n    y = 2")
    error = playground.locator("#playground-view .lab-error")
    expect(error).to_contain_text("SyntaxError at line 2")
    expect(error).to_contain_text("expected ':'")
    marked = playground.locator("#playground-view .code .hll .linenos")
    assert marked.inner_text().strip() == "2"


def test_html_in_names_output_and_errors_is_text(playground: Page) -> None:
    hostile = "<img src=x onerror=hit=1>"
    name = "globals()[text] = 1"
    step(playground, f"text = {hostile!r}\n{name}\nprint(text)\nraise ValueError(text)")
    view = playground.locator("#playground-view")
    expect(view.locator(".lab-shown .lab-error")).to_contain_text("ValueError at line 4")
    expect(view.locator(".lab-shown .lab-error pre")).to_have_text(hostile)
    view.locator("[data-go=back]").click()
    expect(view.locator(".lab-shown .lab-printed")).to_have_text(hostile)
    expect(view.locator(".lab-shown .lab-values")).to_contain_text(f"text = {hostile!r}")
    expect(view.locator(".lab-shown .lab-values")).to_contain_text(f"{hostile} = 1")
    expect(view.locator(".code")).to_contain_text(hostile)
    assert view.locator("img").count() == 0
    assert playground.evaluate("window.hit === undefined")


def test_it_says_why_a_tensor_gets_no_gradient(playground: Page) -> None:
    code = (
        "import torch\n"
        "scale = torch.ones(3, requires_grad=True)\n"
        "shift = torch.zeros(3, requires_grad=True)\n"
        "loss = (scale.detach() * 2 + shift).sum()\n"
        "loss.backward()\n"
    )
    playground.locator("#playground-code .cm-content").fill(code)
    playground.locator("#playground-why").click()
    card = playground.locator("#playground-view .explain-card")
    expect(card).to_contain_text("scale")
    expect(card).to_contain_text("playground.py:4")
    playground.locator("#playground-view [data-finding='0']").click()
    expect(playground.locator(".explain-here")).to_contain_text("scale.detach()")


def test_no_code_gets_a_sentence(playground: Page) -> None:
    step(playground, "  ")
    expect(playground.get_by_role("alert")).to_have_text(WORDS["error.playground_empty"])


def test_the_trap_that_is_laid_for_other_endpoints_works(playground: Page, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    step(playground, trap_code(trap))
    expect(playground.locator("#playground-view .code")).to_contain_text(str(trap))
    assert trap.exists()
