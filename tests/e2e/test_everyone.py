"""The page for everyone: two languages, two themes, a keyboard, a screen reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from profiling.model.lesson import LessonTrace
from profiling.model.words import LANGUAGES, table
from tests.e2e.pages import PHONE, new_context, wait_until_complete
from tests.e2e.touring import Problem, Tour, tour
from tests.harness.launching import App
from tests.profiling.charts.test_chart_palette import contrast

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

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
    *("CUDA", "Python"),  # names
    "Reset to default value",
    "Click to upload or drop files",
    "Copy",
    "Download plot as a PNG",
}
_CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
_ENGLISH = re.compile(r"(?:\b[A-Za-z][A-Za-z'-]*[,;:]? ){3,}[A-Za-z]{2,}")


@pytest.fixture(scope="module", params=LANGUAGES)
def toured(
    request: pytest.FixtureRequest,
    whole_app: App,
    browser: Browser,
    trace: Path,
    traces: list[LessonTrace],
) -> Tour:
    """What was seen in a language at every stop."""
    return tour(whole_app, browser, request.param, trace, traces)


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
    return re.compile("|".join(each for each in patterns if len(re.findall(r"\w", each)) > 3))


def test_axe_finds_nothing_of_ours(toured: Tour) -> None:
    problems = [(stop, each) for stop, seen in toured.stops.items() for each in seen.problems]
    assert [each for each in problems if not is_gradios(each[1])] == []


def test_nothing_is_said_in_the_other_language(toured: Tour) -> None:
    strange = _ENGLISH if toured.language == "zh" else _CHINESE
    other = others(toured.language)
    for stop, seen in toured.stops.items():
        assert len(seen.texts) > 30, stop
        for where, text in seen.texts:
            words = " ".join(text.split())
            if words not in _ALWAYS_ENGLISH:
                assert not strange.search(words), (stop, where)
                assert not other.fullmatch(words), (stop, where)


def test_every_tab_speaks_the_visitors_language(toured: Tour) -> None:
    say = table(toured.language)
    for stop, key in (
        ("lesson that raised", "lesson.detach_then_zero.question"),
        ("lesson that raised", "verdict.holds"),
        ("compared", "compare.workload"),
        ("trace opened", "trace.move.whole"),
        ("playground", "playground.steps"),
    ):
        said = {" ".join(text.split()) for _, text in toured.stops[stop].texts}
        assert max(say[key].split("`")[::2], key=len).strip() in said, stop


def test_what_charts_write_is_readable_in_both_themes(toured: Tour) -> None:
    assert len({chart for chart, *_ in toured.stops["compared"].charts["dark"]}) == 8
    for seen in toured.stops.values():
        for theme, written in seen.charts.items():
            for chart, color, below in written:
                assert contrast(as_hex(color), as_hex(below)) >= 4.5, (chart, theme)


def test_every_mark_is_readable_in_both_themes(toured: Tour) -> None:
    for theme, marks in toured.stops["lesson that raised"].marks.items():
        assert len(marks) == 11
        for name, color, below in marks:
            assert contrast(as_hex(color), as_hex(below)) >= 4.5, (name, theme)


def test_nothing_jumps_while_results_come_in(toured: Tour) -> None:
    moved = toured.stops["compared"].moved
    assert sum(each for each, _ in moved) < 0.1, moved  # what web.dev calls good


def test_nothing_lies_over_what_can_be_pressed(toured: Tour) -> None:
    assert {stop: seen.covered for stop, seen in toured.stops.items() if seen.covered} == {}


def test_charts_keep_their_hatching_when_the_address_changes(toured: Tour) -> None:
    assert {stop: seen.by_address for stop, seen in toured.stops.items() if seen.by_address} == {}


def test_a_phone_needs_no_sideways_scrolling(toured: Tour) -> None:
    widths = {stop: seen.phone.width for stop, seen in toured.stops.items()}
    assert widths == dict.fromkeys(toured.stops, PHONE["width"])
    assert toured.wide == []


def test_a_phone_shows_all_that_is_written(toured: Tour) -> None:
    found = {stop: seen.phone.cut_off for stop, seen in toured.stops.items()}
    assert {stop: each for stop, each in found.items() if each} == {}


def test_nothing_lies_over_anything_on_a_phone(toured: Tour) -> None:
    found = {stop: seen.phone.covered for stop, seen in toured.stops.items()}
    assert {stop: each for stop, each in found.items() if each} == {}


def as_hex(color: str) -> str:
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"


def test_the_switch_is_reached_by_keyboard_and_remembered(whole_app: App, browser: Browser) -> None:
    # Not by `visit`: of a page that is left while it still loads, Gradio logs an abort.
    context = new_context(browser, locale="en-US")
    page = context.new_page()
    page.goto(f"{whole_app.url}?tab=lessons&from=a+friend")
    switch = page.locator("[data-language=zh]")
    expect(page.locator("[data-language=en]")).to_have_attribute("aria-current", "true")
    wait_until_complete(page)
    for _ in range(5):
        page.keyboard.press("Tab")
        if switch.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name=table("zh")["tab.lessons"])).to_be_visible()
    assert "from=a+friend" in page.url
    wait_until_complete(page)
    other = page.context.new_page()
    other.goto(whole_app.url)
    expect(other.get_by_role("tab", name=table("zh")["tab.lessons"])).to_be_visible()
    expect(other.locator("[data-language=zh]")).to_have_attribute("aria-current", "true")
    assert other.evaluate("document.documentElement.lang") == "zh-CN"
    wait_until_complete(other)
    context.close()
