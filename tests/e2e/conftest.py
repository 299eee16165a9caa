"""The real app in a process of its own, a client of its API and a browser on its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from profiling.catalogue import LESSONS
from profiling.engine.engine import Engine
from profiling.model.lesson import LessonRequest, LessonTrace
from tests.e2e.find_chromium import find_chromium
from tests.e2e.launching import App, not_taken, running_app

# A busy machine is no reason to fail.
expect.set_options(timeout=30_000)

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # What stands for huggingface.co frames a page on this machine.
    "--disable-features=LocalNetworkAccessChecks",
]


@pytest.fixture(scope="session")
def app() -> Iterator[App]:
    """The app on a free port; it must end cleanly when told to."""
    with running_app("--device", "cpu") as started:
        yield started


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    """A visitor's script."""
    opened = Client(app.url, verbose=False)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: run `make browser`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(app: App, browser: Browser) -> Iterator[Page]:
    """The page, opened at the lessons; it must ask for nothing outside and log no error."""
    context = browser.new_context(locale="en-US", viewport={"width": 1400, "height": 1000})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda message: _note_error(message.type, message.text, problems))
    opened.on("request", lambda request: _note_outside(request.url, app.url, problems))
    opened.goto(f"{app.url}?tab=lessons")
    opened.wait_for_selector("#lesson-view h2")
    yield opened
    context.close()
    assert problems == [], not_taken(app)


@pytest.fixture(scope="session")
def traces(engine: Engine) -> list[LessonTrace]:
    """Every lesson, run as it is."""
    return [engine.lesson(LessonRequest(name)) for name in LESSONS]


def _note_error(kind: str, text: str, problems: list[str]) -> None:
    if kind == "error":
        problems.append(text)


def _note_outside(url: str, own: str, problems: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:", own.replace("http", "ws"))):
        problems.append(f"asked for {url}")
