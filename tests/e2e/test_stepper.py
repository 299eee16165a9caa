"""Stepping through a lesson in a real browser."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from profiling import catalogue
from profiling.graphs import svg as drawing
from profiling.model.lesson import LessonTrace
from profiling.model.words import LANGUAGES, table, translator
from tests.e2e.pages import PHONE, choose_lesson, new_context, run_lesson

pytestmark = pytest.mark.browser

LESSON = "data_or_detach"
WORDS = table("en")
# What a stepper shows: by its slider, its steps and its marked lines.
_SHOWN = """stepper => ({
  slider: Number(stepper.querySelector('input[type=range]').value),
  steps: [...stepper.querySelectorAll('.lab-step')]
    .filter(step => getComputedStyle(step).visibility === 'visible')
    .map(step => Number(step.dataset.step)),
  lines: [...stepper.querySelectorAll('.lab-now')]
    .map(line => Number(line.querySelector('.linenos').textContent)),
})"""
_TEXTS = "svg => [...svg.querySelectorAll('text')].map(each => each.textContent)"
# Each text of a graph that sticks out of its drawing by more than half a pixel.
_OUTSIDE = """
() => [...document.querySelectorAll('svg.graph')].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(each => {
    const mine = each.getBoundingClientRect();
    return Math.max(mine.right - box.right, box.left - mine.left,
                    mine.bottom - box.bottom, box.top - mine.top) > 0.5;
  }).map(each => each.textContent);
})
"""


@pytest.fixture(scope="module")
def shared(page: Page) -> Page:
    """The page on which a lesson with a wrong and a right part has run."""
    choose_lesson(page, "in_place", LESSON)
    run_lesson(page)
    return page


@pytest.fixture
def wrong(shared: Page) -> Locator:
    """The stepper of the wrong part, at its last step."""
    return at_last(shared.locator(".lab-stepper").first)


@pytest.fixture
def right(shared: Page) -> Locator:
    """The stepper of the right part, at its last step."""
    return at_last(shared.locator(".lab-stepper").last)


def at_last(stepper: Locator) -> Locator:
    go(stepper, "last")
    return stepper


def go(stepper: Locator, where: str) -> None:
    stepper.locator(f"[data-go={where}]").click()


def line(part: str, statement: int) -> int:
    """Return the line of a part's statement, all of which are one line long."""
    return catalogue.lesson(LESSON).parts[part].first_line + 1 + statement


def at(stepper: Locator, number: int, part: str = "wrong") -> None:
    """Assert that a step is shown, and that alone: slider, code, graph and tables."""
    found = stepper.evaluate(_SHOWN)
    assert found == {"slider": number, "steps": [number, number], "lines": [line(part, number)]}
    head = stepper.locator(".lab-step.lab-shown .lab-step-head")
    assert f"Step {number + 1} of " in head.inner_text()
    assert f"after line {line(part, number)}" in head.inner_text()


def nodes(stepper: Locator) -> int:
    return stepper.locator(".lab-shown svg [data-node]").count()


def test_buttons_move_code_graph_and_table_together(wrong: Locator) -> None:
    at(wrong, 4)
    go(wrong, "first")
    at(wrong, 0)
    assert nodes(wrong) == wrong.locator(".lab-shown tbody tr").count() == 1
    go(wrong, "back")
    at(wrong, 0)
    go(wrong, "next")
    at(wrong, 1)
    assert nodes(wrong) == wrong.locator(".lab-shown tbody tr").count() == 2
    expect(wrong.locator(".lab-shown svg")).to_contain_text("Sigmoid")
    go(wrong, "back")
    at(wrong, 0)
    go(wrong, "last")
    at(wrong, 4)
    go(wrong, "next")
    at(wrong, 4)


def test_slider_and_keys_move_it_too(wrong: Locator, shared: Page) -> None:
    slider = wrong.locator("input[type=range]")
    slider.fill("2")
    at(wrong, 2)
    slider.press("ArrowRight")
    at(wrong, 3)
    slider.press("Home")
    at(wrong, 0)
    wrong.focus()
    for key, number in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 4)):
        shared.keyboard.press(key)
        at(wrong, number)
    wrong.locator("[data-go=next]").press("Home")
    at(wrong, 0)
    shared.keyboard.press("a")
    at(wrong, 0)


def test_wrong_and_right_are_stepped_through_together(wrong: Locator, shared: Page) -> None:
    right = shared.locator(".lab-stepper").last
    go(wrong, "first")
    at(right, 0, "right")
    matching = [int(each) for each in (wrong.get_attribute("data-matching") or "").split()]
    for number in range(5):
        wrong.locator("input[type=range]").fill(str(number))
        at(right, matching[number], "right")
    back = [int(each) for each in (right.get_attribute("data-matching") or "").split()]
    go(right, "last")
    at(wrong, back[-1])


def height(svg: Locator) -> float:
    box = svg.bounding_box()
    assert box is not None
    return box["height"]


def test_a_graph_is_fitted_to_its_place_and_can_be_zoomed(wrong: Locator) -> None:
    go(wrong, "last")
    svg, place = wrong.locator(".lab-shown svg.graph"), wrong.locator(".lab-shown .lab-graph")
    fitted = height(svg)
    assert fitted <= height(place)
    wrong.locator(".lab-shown [data-zoom=in]").click()
    assert height(svg) == pytest.approx(1.25 * fitted, rel=0.01)
    svg.dispatch_event("wheel", {"ctrlKey": True, "deltaY": 10, "bubbles": True})
    assert height(svg) == pytest.approx(fitted, rel=0.01)
    wrong.locator(".lab-shown [data-zoom=out]").click()
    assert height(svg) == pytest.approx(0.8 * fitted, rel=0.01)
    wrong.locator(".lab-shown [data-zoom=fit]").click()
    assert height(svg) == fitted
    for key, factor in (("+", 1.25), ("-", 1.0), ("-", 0.8), ("0", 1.0)):
        wrong.locator("[data-go=next]").press(key)
        assert height(svg) == pytest.approx(factor * fitted, rel=0.01)


def test_every_step_has_the_size_of_the_largest(wrong: Locator) -> None:
    heights = set()
    for number in range(5):
        wrong.locator("input[type=range]").fill(str(number))
        box = wrong.bounding_box()
        assert box is not None
        heights.add(box["height"])
    assert len(heights) == 1


def test_what_changed_and_what_is_new_is_highlighted(wrong: Locator) -> None:
    wrong.locator("input[type=range]").fill("2")
    row = wrong.locator(".lab-shown tr.lab-new")
    expect(row).to_have_count(1)
    expect(row.locator("th code")).to_have_text("clipped")
    assert wrong.locator(".lab-shown td.lab-changed").count() == 0
    go(wrong, "next")
    changed = wrong.locator(".lab-shown td.lab-changed")
    assert changed.all_inner_texts() == ["[0.7311, 0.8000, 0.8000]"] * 2 + ["1"]
    assert wrong.locator(".lab-shown tr.lab-new").count() == 0
    plain = wrong.locator(".lab-shown td:not(.lab-changed)").first
    assert background(changed.first) != background(plain)
    counters = wrong.locator(".lab-shown .lab-block", has_text="gate").locator(".lab-counter")
    assert [" ".join(each.split()) for each in counters.all_inner_texts()] == [
        "gate version 0",
        "clipped version 1",
    ]
    expect(wrong.locator(".lab-shown .lab-block .lab-why")).to_have_text(
        WORDS["stepper.two_counters"]
    )


def background(place: Locator) -> str:
    color: str = place.evaluate("each => getComputedStyle(each).backgroundColor")
    return color


def test_a_box_tells_what_is_in_it(wrong: Locator) -> None:
    # The pointer may have been over a box of the last step.
    go(wrong, "back")
    box = wrong.locator(".lab-shown .lab-graph-box")
    details = box.locator(".lab-graph-details")
    expect(details).to_have_text(WORDS["stepper.details"])
    boxes = box.locator("[data-node]")
    first, last = boxes.first, boxes.last
    first.hover()
    assert details.text_content() == first.locator("title").text_content()
    last.focus()
    assert details.text_content() == last.locator("title").text_content()
    assert first.locator("title").text_content() != last.locator("title").text_content()


def download(page: Page, stepper: Locator, kind: str, folder: Path) -> Path:
    with page.expect_download() as downloading:
        stepper.locator(f".lab-shown [data-save={kind}]").click()
    path = folder / downloading.value.suggested_filename
    downloading.value.save_as(path)
    return path


def test_a_graph_is_saved_as_it_is_shown(
    wrong: Locator, shared: Page, browser: Browser, tmp_path: Path
) -> None:
    wrong.locator("input[type=range]").fill("2")
    texts = wrong.locator(".lab-shown svg").evaluate(_TEXTS)
    assert {"gate", "clipped", "x"} <= {word.strip(",") for each in texts for word in each.split()}
    svg, html, dot = (download(shared, wrong, kind, tmp_path) for kind in ("svg", "html", "dot"))
    assert [path.name for path in (svg, html, dot)] == [
        f"{LESSON}-wrong-3.{kind}" for kind in ("svg", "html", "dot")
    ]
    space = "{http://www.w3.org/2000/svg}"
    tree = ET.parse(svg).getroot()
    assert [each.text for each in tree.iter(f"{space}text")] == texts
    (style,) = tree.iter(f"{space}style")
    assert "fill: #1f2733" in (style.text or "")
    assert "var(" not in (style.text or "")
    opened = new_context(browser).new_page()
    opened.goto(html.as_uri())
    assert opened.title() == f"{LESSON}-wrong-3"
    assert opened.locator("svg").evaluate(_TEXTS) == texts
    fill = opened.locator(".leaf rect").first.evaluate("each => getComputedStyle(each).fill")
    assert fill == "rgb(227, 244, 236)"
    opened.context.close()
    text = dot.read_text("utf-8")
    assert text == wrong.locator(".lab-shown .lab-graph").get_attribute("data-dot")
    assert text.startswith("digraph {")
    assert "SigmoidBackward0" in text


def test_stepping_asks_the_server_for_nothing(wrong: Locator, shared: Page) -> None:
    asked: list[str] = []
    shared.on("request", lambda request: asked.append(request.url))
    for where in ("first", "next", "next", "back", "last"):
        go(wrong, where)
    wrong.locator("input[type=range]").fill("1")
    wrong.locator(".lab-shown [data-node]").first.hover()
    at(wrong, 1)
    assert asked == []


def test_a_run_leaves_nothing_in_the_browsers_storage(shared: Page) -> None:
    stored = shared.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert LESSON not in stored


def test_a_line_of_a_finding_leads_to_its_step(wrong: Locator, shared: Page) -> None:
    go(wrong, "first")
    place = shared.locator(".lab-lesson [data-step-line]").first
    number = int(place.get_attribute("data-step-line") or 0)
    place.click()
    at(wrong, number - line("wrong", 0))
    expect(wrong.locator(".lab-now")).to_be_in_viewport()


def test_other_values_and_another_op_give_other_steps(page: Page) -> None:
    choose_lesson(page, "article", "detach_then_zero")
    page.get_by_label("Values", exact=True).fill("0.5")
    page.get_by_label("op", exact=True).click()
    page.get_by_role("option", name="lambda t: t * 2").click()
    run_lesson(page)
    stepper = page.locator(".lab-stepper")
    stepper.locator("input[type=range]").fill("1")
    rows = stepper.locator(".lab-shown tbody tr")
    assert rows.locator("td:first-of-type").all_inner_texts() == ["[0.5000]", "[1.0000]"]
    expect(stepper.locator(".lab-shown svg")).to_contain_text("Mul")
    assert stepper.locator(".lab-error").count() == 0
    page.get_by_label("Values", exact=True).fill("1, 2, 3")
    page.get_by_label("op", exact=True).click()
    page.get_by_role("option", name="torch.exp").click()
    page.locator("#lesson-run").click()
    expect(stepper.locator(".lab-shown .lab-error")).to_contain_text("is at version 1")
    stepper.locator("input[type=range]").fill("1")
    assert rows.locator("td:first-of-type").all_inner_texts()[1] == "[2.7183, 7.3891, 20.0855]"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_any_lessons_graph_sticks_out(
    browser: Browser, traces: list[LessonTrace], language: str
) -> None:
    steps = [step for trace in traces for part in trace.parts for step in part.steps]
    drawings = [drawing.svg(step.graph, translator(language)) for step in steps]
    page = new_context(browser, viewport=PHONE).new_page()
    page.set_content(f"<style>{drawing.styles()}</style>{''.join(drawings)}")
    assert page.locator("svg.graph").count() == len(drawings) > len(traces)
    assert page.evaluate(_OUTSIDE) == []
    page.context.close()
