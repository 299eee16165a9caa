"""A tour of every tab in one language, and what was seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from demos.locales import Text, translator
from tests.e2e.launching import App

# Every text that a visitor sees or is read out: of nodes, and of attributes.
_SEEN = """
() => {
  const code = 'code, pre, script, style, .code, .cm-editor';
  const foreign = (each) => {
    const named = each.closest('[lang]');
    return named && named.lang !== document.documentElement.lang;
  };
  const found = [['title', document.title]];
  for (const each of document.body.querySelectorAll('*')) {
    if (!each.checkVisibility({visibilityProperty: true}) || each.closest(code) || foreign(each))
      continue;
    const where = each.closest('[id]')?.id || each.className;
    for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
      if (each.getAttribute(name)) found.push([`${where} ${name}`, each.getAttribute(name)]);
    const own = [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    for (const node of own) if (node.textContent.trim()) found.push([where, node.textContent]);
  }
  return found;
}
"""
_SET_THEME = "dark => document.body.classList.toggle('dark', dark)"
# A colour on its way from one theme to the other is of neither.
_STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


class Seen(NamedTuple):
    """What was on the page at one stop.

    Attributes:
        texts: Where each text stood, and the text.
        problems: Of each theme, what axe found: the rule and the element.
    """

    texts: list[tuple[str, str]]
    problems: list[tuple[str, str, str]]


def tour(app: App, browser: Browser, language: str, trace: Path) -> dict[str, Seen]:
    """Walk through all tabs of an app with a playground; return what was seen at each stop."""
    context = _visitor(browser)
    page = context.new_page()
    say = translator(language)
    page.goto(f"{app.url}?lang={language}")
    page.wait_for_selector("#lesson-view h2")
    page.add_style_tag(content=_STILL)
    stops: dict[str, Callable[[], None]] = {
        "lessons": lambda: None,
        "lesson that raised": lambda: _raise(page, say),
        "found": lambda: _find(page, say),
        "compare": lambda: open_tab(page, say("tab.compare")),
        "compared": lambda: _compare(page, say),
        "graph of a branch": lambda: _draw_graph(page, say),
        "trace": lambda: open_tab(page, say("tab.trace")),
        "trace opened": lambda: _open_trace(page, trace),
        **{f"trace {name}": _sub_tab(page, say, name) for name in _SUB_TABS},
        "playground": lambda: _play(page, say),
    }
    seen = dict(_walk(page, stops))
    context.close()
    return seen


_SUB_TABS = ("memory", "operators", "phases", "diff", "files")


def _visitor(browser: Browser) -> BrowserContext:
    return browser.new_context(
        locale="en-US", viewport={"width": 1400, "height": 1000}, color_scheme="light"
    )


def _walk(page: Page, stops: dict[str, Callable[[], None]]) -> Iterator[tuple[str, Seen]]:
    for name, go in stops.items():
        go()
        texts = [(where, text) for where, text in page.evaluate(_SEEN)]
        problems = [problem for dark in (False, True) for problem in _look(page, dark)]
        yield name, Seen(texts, problems)


def _look(page: Page, dark: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what axe finds wrong with the page in one theme."""
    page.evaluate(_SET_THEME, dark)
    found: dict[str, Any] = Axe().run(page).response
    for violation in found["violations"]:
        for node in violation["nodes"]:
            theme = "dark" if dark else "light"
            yield theme, violation["id"], f"{' '.join(map(str, node['target']))}: {node['html']}"
    page.evaluate(_SET_THEME, False)


def open_tab(page: Page, name: str) -> None:
    """Choose a tab by its name, as a visitor does."""
    page.get_by_role("tab", name=name, exact=True).click()


def _raise(page: Page, say: Text) -> None:
    page.get_by_label(say("lesson.detach_then_zero.title"), exact=True).check()
    expect(page.locator("#lesson-view h2")).to_contain_text("1.3")
    page.locator("#lesson-run").click()
    page.wait_for_selector("#lesson-view .lab-rule")


def _find(page: Page, say: Text) -> None:
    page.get_by_label(say("find.query")).fill("a leaf Variable that requires grad is being used")
    page.wait_for_selector("#lesson-found details")


def _compare(page: Page, say: Text) -> None:
    page.get_by_label(say("compare.sizes.batch")).fill("8, 16")
    page.locator("#compare-run").click()
    expect(page.locator(".js-plotly-plot .gtitle")).to_have_count(8, timeout=60_000)
    said = say("progress.done", elapsed="@").partition("@")[0].strip()
    expect(page.locator("#compare-progress")).to_contain_text(said, timeout=60_000)


def _draw_graph(page: Page, say: Text) -> None:
    page.get_by_role("button", name=say("compare.graph")).click()
    page.get_by_role("button", name=say("compare.graph_draw"), exact=True).click()
    page.wait_for_selector("#compare-graph svg.graph")


def _open_trace(page: Page, trace: Path) -> None:
    page.locator("#trace-file input[type=file]").set_input_files(trace)
    expect(page.locator("#trace-file")).to_contain_text(trace.name.split(".")[0])
    page.locator("#trace-open").click()
    page.wait_for_selector("#plot-trace-timeline .js-plotly-plot", timeout=60_000)


def _sub_tab(page: Page, say: Text, name: str) -> Callable[[], None]:
    def go() -> None:
        open_tab(page, say(f"trace.tab.{name}"))
        page.wait_for_timeout(500)

    return go


def _play(page: Page, say: Text) -> None:
    open_tab(page, say("tab.playground"))
    page.locator("#playground-code .cm-content").fill("import torch\nx = torch.ones(2)\nprint(x)")
    page.locator("#playground-run").click()
    page.wait_for_selector("#playground-view .lab-steps")
