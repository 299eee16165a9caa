"""The page as on a Hugging Face Space, ZeroGPU included, with a stand-in for `spaces`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from tests.e2e.pages import new_context
from tests.harness.launching import ROOT, App, running_app
from tests.harness.scripting import script

_SPACE = {"SPACE_ID": "somebody/detach-lab", "SYSTEM": "spaces", "GRADIO_SERVER_NAME": "127.0.0.1"}
_OUTER = "https://huggingface.co/spaces/somebody/detach-lab"


class Space(NamedTuple):
    """A page on ZeroGPU.

    Attributes:
        log: Gets a line for each call that a GPU was asked for, with the seconds.
    """

    app: App
    log: Path


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    log = tmp_path_factory.mktemp("zero_gpu") / "log"
    log.touch()
    environment = _SPACE | {
        "SPACES_ZERO_GPU": "true",
        "PYTHONPATH": str(ROOT / "tests" / "zero_gpu"),
        "FAKE_ZERO_GPU_LEFT": "60",
        "FAKE_ZERO_GPU_LOG": str(log),
    }
    with running_app(environment=environment) as app:
        yield Space(app, log)


@pytest.fixture(scope="module")
def client(space: Space) -> Iterator[Client]:
    opened = script(space.app)
    yield opened
    opened.close()


def compare(client: Client, **changes: Any) -> dict[str, Any]:
    """Run a small comparison to its end."""
    asked = {
        "workload": "side_branch",
        "branches": ["attached", "detach"],
        "sizes": [4, 8],
        "budget_s": 0.2,
        "parameters": {"depth": 2, "width": 8},
    }
    found: dict[str, Any] = client.predict(**(asked | changes), api_name="/compare")
    return found


def refused(client: Client, **changes: Any) -> str:
    """Return what is said of a comparison that is not run."""
    with pytest.raises(AppError) as caught:
        compare(client, **changes)
    return str(caught.value)


def _asked(space: Space) -> list[int]:
    return [int(line) for line in space.log.read_text("ascii").split()]


def test_a_comparison_is_measured_in_one_lent_call(space: Space, client: Client) -> None:
    before = _asked(space)
    found = compare(client)
    assert [(row["size"], row["status"]) for row in found["summary"]] == [
        *[(4, "ok")] * 2,
        *[(8, "ok")] * 2,
    ]
    # Ten seconds to start, then 0.2 + 2 × 1.5 for each size.
    assert _asked(space) == [*before, 17]
    # The process that measured once measures again.
    assert compare(client, sizes=[16])["status"] == "done"
    assert _asked(space) == [*before, 17, 14]


def test_what_needs_no_gpu_takes_none(space: Space, client: Client) -> None:
    before = _asked(space)
    for name, device in (("baseline", "auto"), ("baseline", "cpu"), ("numpy_needs_detach", "cuda")):
        found = client.predict(name=name, device=device, api_name="/lesson")
        assert found["request"]["device"] == "cpu"
        assert "wrong" in found["verdicts"].values() or found["verdicts"]["reaches_a"] == "holds"
    assert compare(client, device="cpu")["status"] == "done"
    assert _asked(space) == before


def test_a_lesson_is_lent_a_gpu_if_it_is_to_run_there(space: Space, client: Client) -> None:
    before = _asked(space)
    # What is lent here has none.
    with pytest.raises(AppError, match=r"'cuda' is not available\. Devices: cpu"):
        client.predict(name="baseline", device="cuda", api_name="/lesson")
    assert _asked(space) == [*before, 15]


@pytest.mark.browser
def test_a_link_to_a_lesson_asks_for_no_gpu(space: Space, browser: Browser) -> None:
    before = _asked(space)
    page = new_context(browser, locale="en-US").new_page()
    page.goto(f"{space.app.url}?tab=lessons&lesson=baseline&on=cuda&part=lesson&step=2")
    expect(page.locator("#lesson-device input")).to_have_value("cuda")
    expect(page.locator("#lesson-view")).to_contain_text("Press Run")
    page.locator("#lesson-run").click()
    expect(page.get_by_role("alert")).to_contain_text("Device 'cuda' is not available")
    assert _asked(space) == [*before, 15]
    page.context.close()


def test_a_visitor_without_quota_is_told_what_is_left_and_needed(
    space: Space, client: Client
) -> None:
    said = refused(client, sizes=[4, 8, 16], budget_s=20.0)
    assert "60 s left, 79 s needed" in said
    assert "try again in 3:21:10" in said
    before = _asked(space)
    too_long = refused(client, sizes=[4, 8, 16, 32, 64], budget_s=20.0)
    assert "about 125 s; the limit is 120 s" in too_long
    assert _asked(space) == before
    assert compare(client, sizes=[4])["status"] == "done"


def test_what_the_lent_device_cannot_do_is_told_in_words(client: Client) -> None:
    assert "Device 'cuda' is not available" in refused(client, device="cuda")


@pytest.mark.parametrize(
    ("lang", "mode", "sentence"),
    [
        ("en", "ZeroGPU Space", "Comparisons, and lessons on device cuda, run on a GPU"),
        ("zh", "使用 ZeroGPU 的 Space", "临时借出的 GPU"),
    ],
)
def test_in_a_frame_of_hugging_face_the_page_names_its_mode_in_the_visitors_language(
    space: Space, browser: Browser, lang: str, mode: str, sentence: str
) -> None:
    context = new_context(browser, locale="fr-FR")
    page = context.new_page()
    frame = f'<iframe src="{space.app.url}?lang={lang}"></iframe>'
    page.route(_OUTER, lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(_OUTER)
    header = page.frame_locator("iframe").locator(".lab-machine")
    expect(header).to_contain_text(sentence)
    expect(header.locator("strong")).to_have_text(mode)
    context.close()


def test_a_space_without_a_gpu_says_so(browser: Browser) -> None:
    with running_app(environment={**_SPACE, "CUDA_VISIBLE_DEVICES": ""}, may_log=True) as app:
        page = new_context(browser, locale="en-US").new_page()
        page.goto(app.url)
        expect(page.locator(".lab-machine strong")).to_have_text("CPU Space")
        machine = page.locator(".lab-machine")
        expect(machine).to_contain_text("Measured on")
        # Which device is used was left open.
        expect(machine).to_contain_text("CUDA")
        page.context.close()
