"""Clients of the app's API and a browser on its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from profiling.analysis.analysis import Analysis
from profiling.catalogue import LESSONS
from profiling.engine.engine import Engine
from profiling.model.lesson import LessonRequest, LessonTrace
from profiling.model.words import translator
from profiling.output.run_files import ARCHIVE
from profiling.output.run_files import write as write_run
from tests.conftest import FinishedRun
from tests.e2e.pages import PATIENCE_MS, visit, wait_until_complete
from tests.harness.chromium import find_chromium
from tests.harness.launching import App
from tests.harness.made_traces import write
from tests.harness.scripting import script

expect.set_options(timeout=PATIENCE_MS)

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # What stands for huggingface.co frames a page on this machine.
    "--disable-features=LocalNetworkAccessChecks",
]


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[Client]:
    """A visitor's script, the same one for all tests of a file."""
    opened = script(app)
    yield opened
    opened.close()


@pytest.fixture
def newcomer(app: App) -> Iterator[Client]:
    """The script of a visitor who has done nothing yet."""
    opened = script(app)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def chinese(app: App) -> Iterator[Client]:
    """The script of a visitor whose language is Chinese."""
    opened = script(app, headers={"cookie": "lang=zh"})
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


@pytest.fixture(scope="module")
def page(whole_app: App, browser: Browser) -> Iterator[Page]:
    """The page, opened at the lessons; the same one for all tests of a file."""
    with visit(whole_app, browser) as opened:
        opened.goto(f"{whole_app.url}?tab=lessons")
        wait_until_complete(opened)
        yield opened


@pytest.fixture(scope="session")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace as Kineto writes it."""
    path = tmp_path_factory.mktemp("traces") / "made.json.gz"
    write(path, 200)
    return path


@pytest.fixture(scope="session")
def traces(engine: Engine) -> list[LessonTrace]:
    """Every lesson, run as it is."""
    return [engine.lesson(LessonRequest(name)) for name in LESSONS]


@pytest.fixture(scope="session")
def archive(finished_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run that was measured somewhere."""
    folder = tmp_path_factory.mktemp("saved")
    packed = write_run(ARCHIVE, Analysis(*finished_run), folder, translator("en"))
    return packed.rename(folder / "run.zip")
