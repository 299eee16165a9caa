"""What a visitor does on the page, whatever it is looked at for."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from profiling.catalogue import TOPICS
from profiling.model.words import table, translator
from tests.harness.launching import App, not_taken

DESK: dict[str, Any] = {"width": 1400, "height": 1000}
# No bound on how fast anything is: a page that does not get there for so long never will.
PATIENCE_MS = 180_000.0
PHONE: dict[str, Any] = {"width": 390, "height": 844}
# Charts that have not taken the width of what they stand in.
_UNFIT = """
() => [...document.querySelectorAll('.js-plotly-plot')]
  .filter(each => each.checkVisibility({visibilityProperty: true}))
  .every(each => Math.abs(each.querySelector('svg.main-svg').clientWidth - each.clientWidth) < 2
    && each.clientWidth <= innerWidth)
"""
# As a page is left, Gradio ends what the page still waits for, and logs that as errors.
_LEAVING = "addEventListener('beforeunload', () => { console.error = console.warn; })"
# What can be pressed, and something else lies over its middle.
_COVERED = """
() => [...document.querySelectorAll('a[href], button, [role=tab]')]
  .filter(each => each.checkVisibility({visibilityProperty: true}))
  .filter(each => !each.closest('[aria-hidden=true]'))
  .flatMap(each => {
    each.scrollIntoView({block: 'center', behavior: 'instant'});
    const box = each.getClientRects()[0];
    if (!box) return [];
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const free = top && (each.contains(top) || top.contains(each));
    return free ? [] : [`${each.textContent.trim()} under ${top && (top.id || top.className)}`];
  })
"""


@contextlib.contextmanager
def visit(app: App, browser: Browser, **options: Any) -> Iterator[Page]:
    """Open an empty page for an app; it must ask for nothing outside and log no error.

    Args:
        app: The app.
        browser: The browser.
        options: Options of the browser's context.
    """
    usual = {"locale": "en-US", "viewport": DESK, "color_scheme": "light"}
    context = new_context(browser, **(usual | options))
    context.add_init_script(_LEAVING)
    problems: list[str] = []
    context.on("console", lambda said: _note_error(said.type, said.text, problems))
    context.on("request", lambda request: _note_outside(request.url, app.url, problems))
    try:
        yield context.new_page()
    finally:
        context.close()
    assert not problems, (problems, not_taken(app))


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Return a context of a browser that waits as long as need be."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    return context


def _note_error(kind: str, text: str, problems: list[str]) -> None:
    if kind == "error":
        problems.append(text)


def _note_outside(url: str, own: str, problems: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:", "file:", own.replace("http", "ws"))):
        problems.append(f"asked for {url}")


def resize(page: Page, size: dict[str, Any]) -> None:
    """Turn the page into one on a screen of another size, charts included."""
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    page.wait_for_function(_UNFIT)


def width(page: Page) -> int:
    """Return how wide all that is on the page is, in pixels."""
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


def covered(page: Page) -> list[str]:
    """Return what can be pressed on the page as it is and lies under something else."""
    found: list[str] = page.evaluate(_COVERED)
    page.evaluate("scrollTo(0, 0)")
    return found


def wait_until_complete(page: Page) -> None:
    """Wait until a page shows what its address asks for, which could undo what is done before."""
    page.wait_for_selector("#copy-link button")  # It comes with the rest.


def open_tab(page: Page, name: str) -> None:
    """Choose a tab by its name, as a visitor does."""
    page.get_by_role("tab", name=name, exact=True).click()


def choose_lesson(page: Page, topic: str, lesson: str, language: str = "en") -> None:
    """Choose a lesson by its topic."""
    say = translator(language)
    page.locator("#lesson-topic input").click()
    page.get_by_role("option", name=say(f"topic.{topic}")).click()
    # The first of them is chosen and shown when they come, whatever was chosen before.
    offered = [say(f"lesson.{name}.title") for name in TOPICS[topic]]
    expect(page.locator(".lab-list label")).to_have_text(offered)
    titles = [title.replace("`", "") for title in offered]
    heading = page.locator("#lesson-view h2")
    expect(heading).to_have_text(re.compile("|".join(map(re.escape, titles))))
    page.get_by_label(say(f"lesson.{lesson}.title"), exact=True).check()
    expect(heading).to_have_text(titles[TOPICS[topic].index(lesson)])


def run_lesson(page: Page) -> None:
    """Run the chosen lesson to its verdicts."""
    page.locator("#lesson-run").click()
    # As it was opened it has its verdicts already.
    page.wait_for_selector("#lesson-view [data-opened=''] .lab-rule")


def open_compare(page: Page, language: str = "en") -> None:
    """Open the tab Compare and have comparisons take no longer than need be."""
    open_tab(page, translator(language)("tab.compare"))
    budget = page.locator("#compare-budget input[type=number]")
    if not budget.is_visible():
        page.locator("#compare-more > button").click()
    budget.fill("0.05")


def choose_workload(page: Page, workload: str, language: str = "en") -> None:
    """Choose a training step in the tab Compare, and a small one of it."""
    say = translator(language)
    page.get_by_label(say("compare.workload")).click()
    page.get_by_role("option", name=say(f"workload.{workload}.title")).click()
    about = page.locator("#compare-about")
    plain = max(say(f"workload.{workload}.about").split("`")[::2], key=len).strip()
    expect(about).to_contain_text(plain)
    for name, value in (("depth", "2"), ("width", "8")):
        page.get_by_label(say(f"parameter.{name}"), exact=True).fill(value)


def start(page: Page, sizes: str, language: str = "en") -> Locator:
    """Start to compare what is chosen in the tab Compare; return what is said of it."""
    page.get_by_label(translator(language)("compare.sizes.batch")).fill(sizes)
    page.locator("#compare-run").click()
    return page.locator("#compare-progress")


def compare(page: Page, sizes: str, language: str = "en") -> None:
    """Compare what is chosen in the tab Compare, at these sizes, to the end."""
    said = translator(language)("progress.done", elapsed="@").partition("@")[0].strip()
    expect(start(page, sizes, language)).to_contain_text(said)


def measures(page: Page) -> None:
    """Expect a comparison to have been begun, which may be over before this is seen."""
    begins = (table("en")[f"progress.{key}"].partition("{")[0] for key in ("running", "done"))
    expect(page.locator("#compare-progress")).to_contain_text(re.compile("|".join(begins)))


def stop(page: Page) -> None:
    """Stop a comparison as soon as something is measured, unless it is over by then."""
    measures(page)
    # A visitor's click would wait for a button that can be pressed.
    page.locator("#compare-stop").evaluate("button => button.click()")
    ends = (table("en")[f"progress.{key}"].partition("{")[0] for key in ("stopped", "done"))
    expect(page.locator("#compare-progress")).to_contain_text(re.compile("|".join(ends)))


def choose_branch(page: Page, source: str, name: str) -> None:
    """Choose a trace by its name in the tab Trace, to look at or to compare with."""
    page.locator(f"#{source}-branch input").click()
    page.get_by_role("option", name=name, exact=True).click()
