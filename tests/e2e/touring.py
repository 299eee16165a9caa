"""A tour of every tab in one language, and what was seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from profiling.model.words import Text, translator
from tests.e2e.launching import App

# Every text that a visitor sees or is read out: of nodes, and of attributes.
_SEEN = """
() => {
  // Code, and what a visitor wrote.
  const code = 'code, pre, q, mark, script, style, .code, .cm-editor';
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
# A chart's drawing is a picture: what it writes is judged by `_CHARTS`.
_LOOKED_AT = {"exclude": [[".js-plotly-plot"]]}
# Of a theme's own is the contrast alone.
_RULES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
_SET_THEME = "dark => document.body.classList.toggle('dark', dark)"
# A colour on its way from one theme to the other is of neither.
_STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


# What charts write beside their drawing: the colour of each, and that of what it stands on.
_CHARTS = """
() => [...document.querySelectorAll('[id^=plot-]')].filter(each => each.checkVisibility())
  .flatMap(plot => [...plot.querySelectorAll(
      '.gtitle, .xtitle, .ytitle, .xtick text, .ytick text, .legendtext')]
    .map(each => [plot.id, getComputedStyle(each).fill, getComputedStyle(plot).backgroundColor]))
"""
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
# How far what is on the page has moved by itself, by the measure of "cumulative layout shift".
_WATCH = """
window.moved = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.moved += each.value;
}).observe({type: 'layout-shift'});
"""


class Problem(NamedTuple):
    """What axe found in a theme: its rule, and the element by its selector and its HTML."""

    theme: str
    rule: str
    selector: str
    html: str


class Seen(NamedTuple):
    """What was on the page at one stop.

    Attributes:
        texts: Where each text stood, and the text.
        problems: What axe found.
        charts: Of each theme, what charts write: the chart, its colour, the colour below.
        moved: How far things had moved by themselves since the stop before.
        covered: What can be pressed and lies under something else.
    """

    texts: list[tuple[str, str]]
    problems: list[Problem]
    charts: dict[str, list[tuple[str, str, str]]]
    moved: float
    covered: list[str]


def tour(app: App, browser: Browser, language: str, trace: Path) -> dict[str, Seen]:
    """Walk through all tabs of an app with a playground; return what was seen at each stop."""
    context = _visitor(browser)
    page = context.new_page()
    say = translator(language)
    page.goto(f"{app.url}?tab=lessons&lang={language}")
    page.wait_for_selector("#lesson-view h2")
    page.add_style_tag(content=_STILL)
    page.evaluate(_WATCH)
    stops: dict[str, Callable[[], None]] = {
        "lesson that raised": lambda: _raise(page, say),
        "lessons found": lambda: _find(page, say),
        "compared": lambda: _compare(page, say),
        "graph of a branch": lambda: _draw_graph(page, say),
        "trace opened": lambda: _open_trace(page, say, trace),
        **{f"trace {name}": _sub_tab(page, say, name) for name in _SUB_TABS},
        "playground": lambda: _play(page, say),
    }
    # Colours are the same in every language.
    judged = ("dark", "light") if language == "en" else ("light",)
    seen = dict(_walk(page, stops, judged))
    context.close()
    return seen


_SUB_TABS = ("memory", "operators", "phases", "diff", "files")


def _visitor(browser: Browser) -> BrowserContext:
    return browser.new_context(
        locale="en-US", viewport={"width": 1400, "height": 1000}, color_scheme="light"
    )


def _walk(
    page: Page, stops: dict[str, Callable[[], None]], judged: tuple[str, ...]
) -> Iterator[tuple[str, Seen]]:
    for name, go in stops.items():
        page.evaluate("window.moved = 0")
        go()
        moved = page.evaluate("window.moved")
        texts = [(where, text) for where, text in page.evaluate(_SEEN)]
        problems: list[Problem] = []
        charts = {}
        for theme in ("dark", "light"):
            page.evaluate(_SET_THEME, theme == "dark")
            charts[theme] = page.evaluate(_CHARTS)
            # The stop after these shows the same and more.
            if theme in judged and name not in ("lesson that raised", "compared"):
                problems += _problems(page, theme)
        yield name, Seen(texts, problems, charts, moved, covered(page))


def _problems(page: Page, theme: str) -> Iterator[Problem]:
    """Yield what axe finds wrong with the page as it is."""
    options = {"resultTypes": ["violations"], "preload": False} | _RULES[theme]
    found: dict[str, Any] = Axe().run(page, _LOOKED_AT, options).response
    for violation in found["violations"]:
        for node in violation["nodes"]:
            selector = " ".join(map(str, node["target"]))
            yield Problem(theme, violation["id"], selector, node["html"])


def open_tab(page: Page, name: str) -> None:
    """Choose a tab by its name, as a visitor does."""
    page.get_by_role("tab", name=name, exact=True).click()


def covered(page: Page) -> list[str]:
    """Return what can be pressed on the page as it is and lies under something else."""
    found: list[str] = page.evaluate(_COVERED)
    page.evaluate("scrollTo(0, 0)")
    return found


def hasten(page: Page) -> None:
    """Have a comparison take no longer than need be."""
    page.locator("#compare-budget input[type=number]").fill("0.2")


def _raise(page: Page, say: Text) -> None:
    page.get_by_label(say("lesson.detach_then_zero.title"), exact=True).check()
    expect(page.locator("#lesson-view h2")).to_contain_text("1.3")
    page.locator("#lesson-run").click()
    page.wait_for_selector("#lesson-view .lab-rule")


def _find(page: Page, say: Text) -> None:
    page.get_by_label(say("find.query")).fill("a leaf Variable that requires grad is being used")
    page.wait_for_selector("#lesson-found details")


def _compare(page: Page, say: Text) -> None:
    open_tab(page, say("tab.compare"))
    page.get_by_label(say("compare.sizes.batch")).fill("8, 16")
    hasten(page)
    page.locator("#compare-run").click()
    expect(page.locator(".js-plotly-plot .gtitle")).to_have_count(8, timeout=60_000)
    said = say("progress.done", elapsed="@").partition("@")[0].strip()
    expect(page.locator("#compare-progress")).to_contain_text(said, timeout=60_000)


def _draw_graph(page: Page, say: Text) -> None:
    page.get_by_role("button", name=say("compare.graph")).click()
    page.get_by_role("button", name=say("compare.graph_draw"), exact=True).click()
    page.wait_for_selector("#compare-graph svg.graph")


def _open_trace(page: Page, say: Text, trace: Path) -> None:
    open_tab(page, say("tab.trace"))
    page.locator("#trace-file input[type=file]").set_input_files(trace)
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
