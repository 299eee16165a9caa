"""The page as on a Hugging Face Space; on ZeroGPU with the real package `spaces`."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from profiling.model.words import table
from tests.e2e.pages import choose_workload, new_context, open_compare, start
from tests.harness.launching import App, running_app
from tests.harness.scripting import script
from tests.harness.visiting import PATIENCE_S
from tests.zero_gpu.device_api import DeviceApi
from tests.zero_gpu.space import FACTOR

_PROGRAM = ("-m", "tests.zero_gpu.space")
_OURS = {"GRADIO_SERVER_NAME": "127.0.0.1"}
_OUTER = "https://huggingface.co/spaces/somebody/detach-lab"
# Who a visitor is, as Hugging Face tells a Space; nobody checks the signature here.
_VISITOR = ".".join(["", base64.urlsafe_b64encode(b"{}").decode().rstrip("="), ""])
_WORDS = table("en")
_LEFT_S = 60


class Space(NamedTuple):
    """A page on ZeroGPU, and who lends it a GPU."""

    app: App
    api: DeviceApi

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return what came with each call of a kind."""
        return [call.asked for call in self.api.calls if call.path == path]

    @property
    def seconds(self) -> list[int]:
        """The seconds of each GPU that was asked for."""
        return [int(each["durationSeconds"]) for each in self.asked("/schedule")]


@pytest.fixture(scope="module")
def space() -> Iterator[Space]:
    if importlib.util.find_spec("spaces") is None:
        pytest.skip("there is no `spaces` for this Python")
    with DeviceApi(_LEFT_S) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        environment = {**_OURS, "SPACES_ZERO_DEVICE_API_URL": api.url}
        with running_app(environment=environment, program=_PROGRAM) as app:
            yield Space(app, api)
        api.shutdown()


@pytest.fixture(scope="module")
def client(space: Space) -> Iterator[Client]:
    opened = script(space.app, headers={"X-IP-Token": _VISITOR})
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _as_at_first(request: pytest.FixtureRequest) -> None:
    """Let each test see its own calls alone, and lend as usual."""
    if "space" in request.fixturenames:
        api: DeviceApi = request.getfixturevalue("space").api
        api.calls.clear()
        api.left_s, api.reuses = _LEFT_S, True


_ASKED: dict[str, Any] = {
    "workload": "side_branch",
    "branches": ["attached", "detach"],
    "sizes": [4, 8],
    "budget_s": 0.2,
    "parameters": {"depth": 2, "width": 8},
}


def compare(client: Client, **changes: Any) -> dict[str, Any]:
    """Run a small comparison to its end."""
    found: dict[str, Any] = client.predict(**(_ASKED | changes), api_name="/compare")
    return found


def refused(client: Client, **changes: Any) -> str:
    """Return what is said of a comparison that is not run."""
    with pytest.raises(AppError) as caught:
        compare(client, **changes)
    return str(caught.value)


def until(condition: Any) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_comparison_is_measured_in_one_lent_call(space: Space, client: Client) -> None:
    found = compare(client, with_run=True)
    assert [(row["size"], row["status"]) for row in found["summary"]] == [
        *[(4, "ok")] * 2,
        *[(8, "ok")] * 2,
    ]
    # Ten seconds to start, then 0.2 + 2 × 1.5 for each size: 17 s. Of it a share is asked for, as
    # `spaces` multiplies that by what the hardware counts.
    (asked,) = space.asked("/schedule")
    assert asked["durationSeconds"] == str(round(12 * FACTOR)) == "18"
    assert asked["token"] == _VISITOR
    # The process that measured once measures again.
    assert compare(client, sizes=[16])["status"] == "done"
    assert len(space.asked("/allow")) <= 1
    assert space.seconds == [18, 15]
    assert [each["fail"] for each in space.asked("/release")] == ["false", "false"]
    for finished in found["run"]["results"]:
        for result in finished["results"]:
            assert result["trace"].endswith(".json.gz")
            values = {each["metric"]: each["value"] for each in result["samples"]}
            assert values["predicted"] == values["peak"]
            assert values["ops"] > 0


def test_what_needs_no_gpu_takes_none(space: Space, client: Client) -> None:
    for name, device in (("baseline", "auto"), ("baseline", "cpu"), ("numpy_needs_detach", "cuda")):
        found = client.predict(name=name, device=device, api_name="/lesson")
        assert found["request"]["device"] == "cpu"
        assert "wrong" in found["verdicts"].values() or found["verdicts"]["reaches_a"] == "holds"
    assert compare(client, device="cpu")["status"] == "done"
    assert space.api.calls == []


def test_a_lesson_is_lent_a_gpu_if_it_is_to_run_there(space: Space, client: Client) -> None:
    # What is lent here has none.
    with pytest.raises(AppError, match=r"'cuda' is not available\. Devices: cpu"):
        client.predict(name="baseline", device="cuda", api_name="/lesson")
    assert space.seconds == [15]


@pytest.mark.browser
def test_a_link_to_a_lesson_asks_for_no_gpu(space: Space, browser: Browser) -> None:
    page = new_context(browser, locale="en-US").new_page()
    page.goto(f"{space.app.url}?tab=lessons&lesson=baseline&on=cuda&part=lesson&step=2")
    expect(page.locator("#lesson-device input")).to_have_value("cuda")
    expect(page.locator("#lesson-view")).to_contain_text("Press Run")
    page.locator("#lesson-run").click()
    expect(page.get_by_role("alert")).to_contain_text("Device 'cuda' is not available")
    assert space.seconds == [15]
    page.context.close()


def test_a_visitor_without_quota_is_told_what_is_left_and_needed(
    space: Space, client: Client
) -> None:
    said = refused(client, sizes=[4, 8, 16], budget_s=20.0)
    # 79 s are needed, in whole seconds before and after they are multiplied.
    assert "60 s left, 80 s needed" in said
    assert "try again in 3:21:10" in said
    assert space.seconds == [80]
    too_long = refused(client, sizes=[4, 8, 16, 32, 64], budget_s=20.0)
    assert "about 125 s; the limit is 120 s" in too_long
    assert space.seconds == [80]
    assert space.asked("/allow") == []
    assert compare(client, sizes=[4])["status"] == "done"


def test_a_script_without_a_token_is_told_to_pass_one(space: Space) -> None:
    with contextlib.closing(script(space.app)) as nobody:
        said = refused(nobody, sizes=[4, 8, 16], budget_s=20.0)
    assert "cannot tell whose ZeroGPU quota to use" in said
    assert "pass your access token" in said


def test_what_the_lent_device_cannot_do_is_told_in_words(client: Client) -> None:
    assert "Device 'xpu' is not available" in refused(client, device="xpu")


def test_a_comparison_that_is_cancelled_ends_on_the_gpu_too(space: Space, client: Client) -> None:
    asked = _ASKED | {"sizes": [*range(64, 72)], "budget_s": 2.0}
    job = client.submit(**asked, api_name="/compare")
    until(lambda: any(each.get("done") for each in job.outputs()))
    job.cancel()
    until(lambda: space.asked("/release"))
    assert compare(client, sizes=[4])["status"] == "done"
    assert len(space.asked("/schedule")) == len(space.asked("/release")) == 2


def test_what_was_finished_before_the_gpu_was_withdrawn_is_kept(
    space: Space, client: Client
) -> None:
    # A process of its own, whose id is told.
    space.api.reuses = False
    asked = _ASKED | {"sizes": [*range(64, 72)], "budget_s": 2.0}
    job = client.submit(**asked, with_run=True, api_name="/compare")
    until(lambda: any(each.get("done") for each in job.outputs()))
    (lent,) = space.asked("/allow")
    os.kill(int(lent["pid"]), signal.SIGKILL)
    first, *_, last = job.result()["run"]["results"]
    assert [each["status"] for each in first["results"]] == ["ok", "ok"]
    assert all(each["trace"].endswith(".json.gz") for each in first["results"])
    assert (last["status"], last["reason"]) == ("error", "error.gpu_ended")
    (release,) = space.asked("/release")
    assert release["fail"] == "true"


# Notes each sentence about the progress of a comparison.
_NOTE = """
() => {
  const progress = document.querySelector('#compare-progress');
  window.said = [];
  new MutationObserver(() => window.said.push(progress.innerText.trim()))
    .observe(progress, {subtree: true, childList: true, characterData: true});
}
"""


def test_a_visitor_sees_how_far_it_is_and_stops_it(space: Space, browser: Browser) -> None:
    context = new_context(browser, locale="en-US")
    page = context.new_page()
    page.goto(space.app.url)
    open_compare(page)
    choose_workload(page, "side_branch")
    page.evaluate(_NOTE)
    page.locator("#compare-budget input[type=number]").fill("0.5")
    space.api.lends.clear()
    progress = start(page, "4, 8, 16, 32")
    stages = ("lending", "lent", "reading", "done")
    begins = [_WORDS[f"progress.{stage}"].split(" {")[0] for stage in stages]
    expect(progress).to_contain_text(begins[0])
    space.api.lends.set()
    expect(progress).to_contain_text(begins[-1])
    said = page.evaluate("window.said")
    seen = [begin for line in said for begin in begins if begin in line]
    stages_seen = [begin for begin, _ in itertools.groupby(seen)]
    # Reading can be over before the browser has drawn that it goes on.
    assert stages_seen in (begins, [*begins[:2], begins[-1]]), said
    # What the traces tell came last.
    expect(page.locator("#plot-operators .js-plotly-plot")).to_be_attached()
    space.api.left_s = 120
    # It must not be over before somebody who is slow has stopped it.
    page.locator("#compare-budget input[type=number]").fill("4")
    start(page, ", ".join(map(str, range(64, 70))))
    expect(progress).to_contain_text(re.compile(r"\b[1-5] of 6 done"))
    page.locator("#compare-stop").click()
    expect(progress).to_contain_text(_WORDS["progress.stopped"])
    until(lambda: len(space.asked("/release")) == 2)
    context.close()


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


# An app of its own; `test_tab_machine` and `test_zerogpu` test the parts.
@pytest.mark.browser
@pytest.mark.long
def test_a_space_without_a_gpu_says_so(browser: Browser) -> None:
    environment = {**_OURS, "SPACES_ZERO_GPU": "false", "CUDA_VISIBLE_DEVICES": ""}
    with running_app(environment=environment, program=_PROGRAM) as app:
        page = new_context(browser, locale="en-US").new_page()
        page.goto(app.url)
        expect(page.locator(".lab-machine strong")).to_have_text("CPU Space")
        machine = page.locator(".lab-machine")
        expect(machine).to_contain_text("Measured on")
        # Which device is used was left open.
        expect(machine).to_contain_text("CUDA")
        page.context.close()
