"""The page for everyone: two languages, two themes, a keyboard, a screen reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from profiling.model.words import LANGUAGES, table
from tests.e2e.launching import App, running_app
from tests.e2e.touring import Problem, Seen, tour
from tests.profiling.charts.test_chart_palette import contrast
from tests.profiling.traces.making import write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

Stops = dict[str, Seen]

# What Gradio gets wrong by itself: the rule, and what the element is known by.
_GRADIOS = (
    ("image-redundant-alt", r"img\[alt="),
    ("nested-interactive", r"toast"),
    # The editor's colours, which axe reads without the filter that darkens them.
    ("color-contrast", r"\u037c"),
)
# What Gradio and plotly say in English to everyone.
_ALWAYS_ENGLISH = {
    "Trace",  # torch names a category so, in every trace of its profiler
    "Reset to default value",
    "Click to upload or drop files",
    "Copy",
    "Download plot as a PNG",
}
_CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
_ENGLISH = re.compile(r"(?:\b[A-Za-z][A-Za-z'-]*[,;:]? ){3,}[A-Za-z]{2,}")


@pytest.fixture(scope="module")
def playground_app() -> Iterator[App]:
    """The app with every tab that there is."""
    with running_app("--device", "cpu", "--playground") as started:
        yield started


@pytest.fixture(scope="module", params=LANGUAGES)
def toured(
    request: pytest.FixtureRequest,
    playground_app: App,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Stops]:
    """A language, and what was seen in it at every stop."""
    trace = tmp_path_factory.mktemp("traces") / "made.json.gz"
    write(trace, 200)
    return request.param, tour(playground_app, browser, request.param, trace)


def is_gradios(problem: Problem) -> bool:
    return any(
        problem.rule == rule and re.search(known, problem.selector) for rule, known in _GRADIOS
    )


def others(language: str) -> re.Pattern[str]:
    """Return what matches a whole text of the other language, unless it is said in both alike."""
    mine, other = (table(each) for each in (language, *{*LANGUAGES} - {language}))
    different = {other[key] for key in mine if mine[key] != other[key]}
    telling = {each for each in different if not re.fullmatch(r"[a-z_.` {}]+", each)}
    patterns = (re.sub(r"\\\{.*?\\\}", ".+", re.escape(each.replace("`", ""))) for each in telling)
    # Of some there is little but placeholders.
    return re.compile("|".join(each for each in patterns if len(re.findall(r"\w", each)) > 2))


def test_axe_finds_nothing_of_ours(toured: tuple[str, Stops]) -> None:
    _, stops = toured
    problems = [(stop, each) for stop, seen in stops.items() for each in seen.problems]
    assert [each for each in problems if not is_gradios(each[1])] == []


def test_nothing_is_said_in_the_other_language(toured: tuple[str, Stops]) -> None:
    language, stops = toured
    strange = _ENGLISH if language == "zh" else _CHINESE
    other = others(language)
    for stop, seen in stops.items():
        assert len(seen.texts) > 30, stop
        for where, text in seen.texts:
            words = " ".join(text.split())
            if words not in _ALWAYS_ENGLISH:
                assert not strange.search(words), (stop, where)
                assert not other.fullmatch(words), (stop, where)


def test_every_tab_speaks_the_visitors_language(toured: tuple[str, Stops]) -> None:
    language, stops = toured
    say = table(language)
    for stop, key in (
        ("lesson that raised", "lesson.detach_then_zero.question"),
        ("compared", "compare.workload"),
        ("trace opened", "trace.field.start"),
        ("playground", "playground.steps"),
    ):
        said = {" ".join(text.split()) for _, text in stops[stop].texts}
        assert max(say[key].split("`")[::2], key=len).strip() in said, stop


def test_what_charts_write_is_readable_in_both_themes(toured: tuple[str, Stops]) -> None:
    _, stops = toured
    assert len({chart for chart, *_ in stops["compared"].charts["dark"]}) == 8
    for seen in stops.values():
        for theme, written in seen.charts.items():
            for chart, color, below in written:
                assert contrast(as_hex(color), as_hex(below)) >= 4.5, (chart, theme)


def test_nothing_jumps_while_results_come_in(toured: tuple[str, Stops]) -> None:
    _, stops = toured
    assert stops["compared"].moved < 0.1  # what web.dev calls good


def test_nothing_lies_over_what_can_be_pressed(toured: tuple[str, Stops]) -> None:
    _, stops = toured
    assert {stop: seen.covered for stop, seen in stops.items() if seen.covered} == {}


# The colour of every mark on what it stands on, and of a tensor's name that is new.
_MARKS = """
names => {
  const chip = document.querySelector('#lesson-view .lab-chip');
  const marks = names.map(name => {
    chip.className = `lab-chip ${name}`;
    return [name, getComputedStyle(chip).color, getComputedStyle(document.body).backgroundColor];
  });
  const fresh = getComputedStyle(document.querySelector('.lab-new th'));
  return [...marks, ['new', fresh.color, fresh.backgroundColor]];
}
"""
_CHIPS = ["holds", "holds_partly", "wrong", "ok", "expected_error", "unsupported", "out_of_memory"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_mark_is_readable_in_both_themes(
    playground_app: App, browser: Browser, theme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(locale="en-US", color_scheme=theme)
    page.goto(f"{playground_app.url}?tab=lessons&lesson=baseline&step=2")
    page.wait_for_selector("#lesson-view .lab-rule")
    marks = page.evaluate(_MARKS, [*_CHIPS, "error", "faster", "slower"])
    assert len(marks) == 11
    for name, color, below in marks:
        assert contrast(as_hex(color), as_hex(below)) >= 4.5, name
    page.close()


def as_hex(color: str) -> str:
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"


def test_the_switch_is_reached_by_keyboard_and_remembered(
    playground_app: App, browser: Browser
) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{playground_app.url}?tab=lessons&from=a+friend")
    switch = page.locator("[data-language=zh]")
    expect(page.locator("[data-language=en]")).to_have_attribute("aria-current", "true")
    for _ in range(5):
        page.keyboard.press("Tab")
        if switch.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name=table("zh")["tab.lessons"])).to_be_visible()
    assert "from=a+friend" in page.url
    page.wait_for_selector("#lesson-view h2")
    page.reload()
    expect(switch).to_have_attribute("aria-current", "true")
    page.wait_for_selector("#lesson-view h2")
    other = context.new_page()
    other.goto(playground_app.url)
    expect(other.get_by_role("tab", name=table("zh")["tab.lessons"])).to_be_visible()
    assert other.evaluate("document.documentElement.lang") == "zh-CN"
    context.close()
