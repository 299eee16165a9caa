"""A tour of every tab in one language, and what was seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from markupsafe import Markup
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from demos.page import common
from demos.page.frameworks import elsewhere
from demos.page.recorded import measurement
from demos.page.stepper import part_view
from profiling import catalogue
from profiling.model.lesson import LessonTrace
from profiling.model.words import DEFAULT, Text, translator
from tests.e2e.pages import (
    DESK,
    PHONE,
    choose_workload,
    compare,
    covered,
    open_compare,
    open_tab,
    resize,
    run_lesson,
    visit,
    width,
)
from tests.harness.launching import App

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
# A chart's drawing is a picture: what it writes is judged by `_CHARTS`. axe would take most of its
# time to go through the drawings, even if they are excluded.
_TAKE_OUT = """
() => {
  window.drawings = [...document.querySelectorAll('.js-plotly-plot')].map(
    plot => [plot, [...plot.childNodes]]);
  for (const [plot] of drawings) plot.replaceChildren();
}
"""
_PUT_BACK = "() => { for (const [plot, parts] of drawings) plot.replaceChildren(...parts); }"
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
# Each text of a chart that sticks out of the chart's drawing, and names of branches that run into
# the next cell of a table.
_CUT_OFF = """
() => [...[...document.querySelectorAll('.js-plotly-plot')]
  .filter(plot => plot.checkVisibility({visibilityProperty: true}))
  .flatMap(plot => {
    const box = plot.querySelector('svg.main-svg').getBoundingClientRect();
    return [...plot.querySelectorAll('text')].filter(each => {
      const mine = each.getBoundingClientRect();
      return mine.width && Math.max(mine.right - box.right, box.left - mine.left,
                                    mine.bottom - box.bottom, box.top - mine.top) > 0.5;
    }).map(each => `${plot.closest('[id^=plot-]').id}: ${each.textContent}`);
  }), ...[...document.querySelectorAll('.lab-costs tbody th')]
  .filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)]
"""
# What charts draw with something that they name by the address, which changes.
_BY_ADDRESS = r"""
() => [...document.querySelectorAll('.js-plotly-plot [style*="url("], .js-plotly-plot [clip-path]')]
  .map(each => `${each.getAttribute('style')} ${each.getAttribute('clip-path')}`)
  .filter(text => /url\(.?http/.test(text))
"""
# The colour of every mark on what it stands on, and of a tensor's name that is new.
_MARKS = """
names => {
  const chip = document.querySelector('#lesson-view .lab-chip'), was = chip.className;
  const ground = document.createElement('i');
  ground.style.background = 'var(--body-background-fill)';
  chip.append(ground);
  const below = getComputedStyle(ground).backgroundColor;
  ground.remove();
  const marks = names.map(name => {
    chip.className = `lab-chip ${name}`;
    return [name, getComputedStyle(chip).color, below];
  });
  chip.className = was;
  const fresh = getComputedStyle(document.querySelector('.lab-new th'));
  return [...marks, ['new', fresh.color, fresh.backgroundColor]];
}
"""
_CHIPS = ["holds", "holds_partly", "wrong", "ok", "expected_error", "unsupported", "out_of_memory"]
_CHIPS += ["error", "faster", "slower"]
# Puts lessons in the place of the one on the page and tells what is too wide of them.
_PUT_IN = """
views => {
  document.querySelector('#lesson-view .lab-lesson').outerHTML = views;
  const right = document.documentElement.clientWidth;
  return [...document.querySelectorAll('#lesson-view :is(p, li, h2, h3, h4, code, button)')]
    .filter(each => !each.closest('.lab-scroll'))
    .filter(each => each.getBoundingClientRect().right > right)
    .map(each => each.textContent);
}
"""
# How far what is on the page has moved by itself, by the measure of "cumulative layout shift".
_WATCH = """
let moved = [];
// Words and numbers of the next size may be longer, and move each other within their place.
const isWithin = source => source.node?.parentElement?.closest('#compare-results');
const place = rect => `${rect.x},${rect.y} ${rect.width}x${rect.height}`;
const name = node => node?.id || node?.className || node?.nodeName;
const told = entry => entry.sources.map(({node, previousRect, currentRect}) =>
  `${name(node)}: ${place(previousRect)} → ${place(currentRect)}`);
const add = entries => {
  for (const each of entries)
    if (!each.hadRecentInput && !each.sources.every(isWithin)) moved.push([each.value, told(each)]);
};
const watch = new PerformanceObserver(list => add(list.getEntries()));
watch.observe({type: 'layout-shift'});
// What has moved since this was asked last; what is drawn next is waited for.
window.moved = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  add(watch.takeRecords());
  done(moved);
  moved = [];
})));
"""


class Problem(NamedTuple):
    """What axe found in a theme: its rule, and the element by its selector and its HTML."""

    theme: str
    rule: str
    selector: str
    html: str


class Phone(NamedTuple):
    """What was on the page at one stop on a phone.

    Attributes:
        width: How wide all of it was, in pixels.
        cut_off: Texts of charts and names in tables that stick out of their place.
        covered: What can be pressed and lies under something else.
    """

    width: int
    cut_off: list[str]
    covered: list[str]


class Seen(NamedTuple):
    """What was on the page at one stop.

    Attributes:
        texts: Where each text stood, and the text.
        problems: What axe found.
        charts: Of each theme, what charts write: the chart, its colour, the colour below.
        marks: Of each theme, where a lesson has run: the mark, its colour, the colour below.
        moved: What had moved by itself since the stop before: how far, and what.
        covered: What can be pressed and lies under something else.
        by_address: What charts draw with something that they name by the page's address.
        phone: The same on a phone.
    """

    texts: list[tuple[str, str]]
    problems: list[Problem]
    charts: dict[str, list[tuple[str, str, str]]]
    marks: dict[str, list[tuple[str, str, str]]]
    moved: list[tuple[float, list[str]]]
    covered: list[str]
    by_address: list[str]
    phone: Phone


class Tour(NamedTuple):
    """What was seen in one language.

    Attributes:
        stops: By name, what was there.
        wide: Texts of any lesson that are wider than a phone.
    """

    language: str
    stops: dict[str, Seen]
    wide: list[str]


def tour(app: App, browser: Browser, language: str, trace: Path, traces: list[LessonTrace]) -> Tour:
    """Walk through all tabs of an app with a playground; return what was seen at each stop.

    Args:
        app: The app.
        browser: The browser.
        language: The visitor's.
        trace: A trace to open.
        traces: Every lesson, run as it is.
    """
    say = translator(language)
    stops: dict[str, Callable[[Page], None]] = {
        "start": _start,
        "lesson that raised": lambda page: _raise(page, say),
        "lessons found": lambda page: _find(page, say),
        "compared": lambda page: _compare(page, language),
        "graph of a branch": lambda page: _draw_graph(page, say),
        "step explained": lambda page: _explain(page, say),
        "trace opened": lambda page: _open_trace(page, say, trace),
        **{f"trace {name}": _sub_tab(say, name) for name in _SUB_TABS},
        "playground": lambda page: _play(page, say),
        "about": lambda page: _about(page, say),
    }
    # Colours and roles are the same in every language, so that each is judged in one theme.
    judged = "light" if language == DEFAULT else "dark"
    with visit(app, browser) as page:
        page.goto(f"{app.url}?lang={language}")
        page.wait_for_selector("#lab-header h1")
        page.add_style_tag(content=_STILL)
        page.evaluate(_WATCH)
        seen = {name: _seen(page, name, go, judged) for name, go in stops.items()}
        open_tab(page, say("tab.lessons"))
        resize(page, PHONE)
        wide = page.evaluate(_PUT_IN, "".join(_shown(each, say) for each in traces))
        assert page.locator("#lesson-view .lab-rule").count() == len(traces)
        assert width(page) == PHONE["width"]
    return Tour(language, seen, wide)


# What there is in each part of the tab Trace once it is drawn.
_SUB_TABS = {
    "gpu": ("#trace-gpu-kernels", "ampere_sgemm_128x64_tn"),
    "memory": ("#plot-trace-memory", ""),
    "operators": ("#plot-trace-operators", ""),
    "phases": ("#trace-ranges", "ProfilerStep#0"),
    "diff": ("#trace-beside-open", ""),
    "files": ("#trace-file-make", ""),
}


def _seen(page: Page, name: str, go: Callable[[Page], None], judged: str) -> Seen:
    page.evaluate("moved()")
    go(page)
    moved = [(far, what) for far, what in page.evaluate("moved()")]
    texts = [(where, text) for where, text in page.evaluate(_SEEN)]
    problems: list[Problem] = []
    charts, marks = {}, {}
    for theme in ("dark", "light"):
        page.evaluate(_SET_THEME, theme == "dark")
        charts[theme] = page.evaluate(_CHARTS)
        if name == "lesson that raised":
            marks[theme] = page.evaluate(_MARKS, _CHIPS)
        # The stop after these shows the same and more.
        if theme == judged and name not in ("lesson that raised", "compared"):
            problems += _problems(page, theme)
    under, by_address = covered(page), page.evaluate(_BY_ADDRESS)
    resize(page, PHONE)
    phone = Phone(width(page), page.evaluate(_CUT_OFF), covered(page))
    resize(page, DESK)
    return Seen(texts, problems, charts, marks, moved, under, by_address, phone)


def _problems(page: Page, theme: str) -> Iterator[Problem]:
    """Yield what axe finds wrong with the page as it is."""
    options = {"resultTypes": ["violations"], "preload": False} | _RULES[theme]
    page.evaluate(_TAKE_OUT)
    found: dict[str, Any] = Axe().run(page, options=options).response
    page.evaluate(_PUT_BACK)
    for violation in found["violations"]:
        for node in violation["nodes"]:
            selector = " ".join(map(str, node["target"]))
            yield Problem(theme, violation["id"], selector, node["html"])


def _start(page: Page) -> None:
    page.wait_for_selector("#advisor-advice .lab-costs")
    page.wait_for_selector("#copy-link button")
    expect(page.locator(".lab-costs tbody th").first).to_be_visible()


def _raise(page: Page, say: Text) -> None:
    open_tab(page, say("tab.lessons"))
    page.get_by_label(say("lesson.detach_then_zero.title"), exact=True).check()
    expect(page.locator("#lesson-view h2")).to_contain_text("1.3")
    run_lesson(page)


def _find(page: Page, say: Text) -> None:
    page.get_by_label(say("find.query")).fill("a leaf Variable that requires grad is being used")
    page.wait_for_selector("#lesson-found details")


def _compare(page: Page, language: str) -> None:
    open_compare(page, language)
    choose_workload(page, "frozen_middle", language)  # which has most to write
    compare(page, "8, 16", language)
    expect(page.locator(".js-plotly-plot .gtitle")).to_have_count(8)


def _draw_graph(page: Page, say: Text) -> None:
    page.get_by_role("button", name=say("compare.graph")).click()
    page.get_by_role("button", name=say("compare.graph_draw"), exact=True).click()
    page.wait_for_selector("#compare-graph svg.graph")


def _open_trace(page: Page, say: Text, trace: Path) -> None:
    open_tab(page, say("tab.trace"))
    page.locator("#trace-file input[type=file]").set_input_files(trace)
    expect(page.locator("#trace-status")).to_contain_text(trace.name)
    page.wait_for_selector("#plot-trace-timeline .js-plotly-plot")


def _explain(page: Page, say: Text) -> None:
    open_tab(page, say("tab.explain"))
    expect(page.locator(".explain-card")).to_contain_text(say("explain.role.rebuilt"))


def _sub_tab(say: Text, name: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        open_tab(page, say(f"trace.tab.{name}"))
        selector, text = _SUB_TABS[name]
        expect(page.locator(selector)).to_be_visible()
        expect(page.locator(selector)).to_contain_text(text)

    return go


def _play(page: Page, say: Text) -> None:
    open_tab(page, say("tab.playground"))
    page.locator("#playground-code .cm-content").fill("import torch\nx = torch.ones(2)\nprint(x)")
    page.locator("#playground-run").click()
    page.wait_for_selector("#playground-view .lab-steps")


def _about(page: Page, say: Text) -> None:
    open_tab(page, say("tab.about"))
    expect(page.locator(".lab-about")).to_contain_text(say("about.device"))


def _shown(trace: LessonTrace, text: Text) -> str:
    name = trace.request.name
    entry = catalogue.lesson(name)
    ends = [replace(part, steps=part.steps[-1:]) for part in trace.parts]
    parts = [part_view(part, entry.parts[part.name], text) for part in ends]
    key = f"lesson.{name}"
    return common.render(
        "lesson.html",
        text,
        key=key,
        name=name,
        inputs={},
        device_reason=entry.device_reason if entry.device else "",
        parts=parts,
        trace=trace,
        entry=entry,
        reasons="",
        measured=Markup(measurement(entry.measured, None, text)),
        elsewhere=elsewhere(name, text),
    )
