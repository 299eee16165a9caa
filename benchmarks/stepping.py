"""Prints how long a visitor waits for a lesson's steps, beside an empty Gradio event.

Run: ``python -m benchmarks.stepping``. A Chromium is needed, as for the browser tests.

The empty event is one of a second app with nothing but a button and a field, with the same queue.
Its page is open in the same browser, and clicks on both pages take turns.
"""

from __future__ import annotations

import contextlib
import gzip
import statistics
from collections.abc import Iterator
from typing import NamedTuple

import gradio as gr
from gradio_client import Client
from playwright.sync_api import Browser, Page, sync_playwright

from profiling import catalogue
from profiling.catalogue import LESSONS, TOPICS
from profiling.model.words import translator
from tests.harness.chromium import find_chromium
from tests.harness.launching import free_port, running_app

CLICKS = 15
TARGET_MS = 100
# Clicks a button and tells how many milliseconds later something has come and is drawn.
_TIME = """
([button, awaited]) => new Promise(done => {
  const seen = new MutationObserver(() => {
    if (!document.querySelector(awaited)) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  });
  seen.observe(document, {childList: true, subtree: true});
  const start = performance.now();
  document.querySelector(button).click();
})
"""


class Answer(NamedTuple):
    """What running a lesson gave.

    Attributes:
        size: Bytes of the answer.
        packed: The same, gzipped.
    """

    lesson: str
    size: int
    packed: int
    claims: int
    checks: int


@contextlib.contextmanager
def empty_app() -> Iterator[str]:
    """Serve a page whose only event gives a number that counts up."""
    count = 0

    def step() -> str:
        nonlocal count
        count += 1
        return f"<b id='empty-{count}'>{count}</b>"

    with gr.Blocks(analytics_enabled=False) as blocks:
        button = gr.Button("Run", elem_id="empty-run")
        button.click(step, None, gr.HTML(elem_id="empty-view"), show_progress="minimal")
    blocks.queue(api_open=False, max_size=32)
    blocks.launch(
        server_port=free_port(),
        prevent_thread_lock=True,
        quiet=True,
        run_history=False,
        footer_links=[],
    )
    yield blocks.local_url
    blocks.close(verbose=False)


def answers(url: str) -> list[Answer]:
    """Run every lesson once over the API."""
    client = Client(url, verbose=False)
    found = []
    for name in LESSONS:
        entry = catalogue.lesson(name)
        values = ", ".join(map(str, entry.values or ()))
        _, view = client.predict(name, values, entry.op, api_name="/show_lesson")
        data = view.encode()
        claims, checks = view.count('<p class="lab-why">'), view.count('<li class="')
        found.append(Answer(name, len(data), len(gzip.compress(data)), claims, checks))
    client.close()
    return found


def opened(browser: Browser, url: str, button: str) -> Page:
    """Open a page and wait until its button is there."""
    page = browser.new_page(locale="en-US", viewport={"width": 1400, "height": 1000})
    page.goto(url)
    page.wait_for_selector(button)
    return page


def choose(page: Page, name: str) -> None:
    """Choose a lesson of the chosen topic, which shows it as not run."""
    title = translator("en")(f"lesson.{name}.title")
    page.get_by_label(title, exact=True).check()
    page.locator("#lesson-view h2", has_text=title.replace("`", "")).wait_for()


def waits(lesson: Page, empty: Page, name: str) -> tuple[float, float]:
    """Return the medians of clicks on the lesson and on the empty event, in turns, in ms."""
    topic = catalogue.lesson(name).topic
    lesson.locator("#lesson-topic input").click()
    lesson.get_by_role("option", name=translator("en")(f"topic.{topic}")).click()
    other = next(each for each in TOPICS[topic] if each != name)
    count = int(empty.locator("#empty-view").inner_text() or 0)
    found: list[tuple[float, float]] = []
    for number in range(CLICKS + 1):
        choose(lesson, other)
        choose(lesson, name)
        ran = lesson.evaluate(_TIME, ["#lesson-run", "#lesson-view .lab-shown"])
        awaited = f"#empty-{count + number + 1}"
        found.append((ran, empty.evaluate(_TIME, ["#empty-run", awaited])))
    lessons, nothing = zip(*found[1:], strict=True)  # the first one loads what a page needs
    return statistics.median(lessons), statistics.median(nothing)


def print_waits(browser: Browser, url: str, names: list[str]) -> None:
    """Print a line for each lesson: its median, that of the empty event, the difference."""
    with empty_app() as empty_url:
        lesson = opened(browser, url, "#lesson-view h2")
        empty = opened(browser, empty_url, "#empty-run")
        for name in names:
            ran, nothing = waits(lesson, empty, name)
            over = ran - nothing
            word = "within" if over <= TARGET_MS else "beyond"
            print(
                f"{name}: {ran:.0f} ms, empty event {nothing:.0f} ms, {over:.0f} ms over it: "
                f"{word} {TARGET_MS} ms"
            )


def print_sizes(found: list[Answer]) -> None:
    """Print how large answers are, and how much is claimed and checked."""
    for kind, sizes in (
        ("raw", [each.size for each in found]),
        ("gzipped", [each.packed for each in found]),
    ):
        median = statistics.median(sizes)
        print(f"bytes of an answer, {kind}: at most {max(sizes):,}, median {median:,.0f}")
    claims, checks = sum(each.claims for each in found), sum(each.checks for each in found)
    print(f"lessons: {len(found)}, claims: {claims}, checks: {checks}")


def main() -> None:
    """Measure the first lesson of every topic and the one with the largest answer."""
    with running_app("--device", "cpu") as app, sync_playwright() as playwright:
        found = answers(app.url)
        print_sizes(found)
        largest = max(found, key=lambda each: each.size).lesson
        print(f"largest answer: {largest}")
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        firsts = [names[0] for names in TOPICS.values()]
        print_waits(browser, app.url, [*firsts, largest])
        browser.close()


if __name__ == "__main__":
    main()
