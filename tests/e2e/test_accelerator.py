"""An accelerator from end to end: in the shell, through the API, on the page, and in its files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from profiling.model.run import CellResult, Run, Status
from profiling.model.words import table
from profiling.output.saved_runs import load_run
from tests.e2e.pages import run_lesson, visit
from tests.harness.launching import ROOT, App, running_app, wait_until_ready

WORDS = table("en")
BRANCHES = ("attached", "detach", "detach_inplace")


@pytest.fixture(scope="module")
def accelerated(accelerator: str) -> Iterator[App]:
    """The app on an accelerator."""
    with running_app("--device", accelerator) as started:
        wait_until_ready(started)
        yield started


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "profiling", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)


def check(run: Run, accelerator: str) -> None:
    """Check that a comparison was measured there, by what is known on an accelerator only."""
    found = run.environment.device(accelerator)
    assert run.environment.devices[0] is found is not None
    for result in run.results:
        assert (result.cell.device, result.status) == (accelerator, Status.OK)
        check_cell(result)


def check_cell(result: CellResult) -> None:
    statuses = {each.branch: each.status.value for each in result.results}
    assert statuses == dict(zip(BRANCHES, ("ok", "ok", "expected_error"), strict=True))
    for each in result.results[:2]:
        values: dict[str, float] = {sample.metric: sample.value or 0 for sample in each.samples}
        assert 0 < values["peak"] <= values["block_peak"] <= values["reserved_peak"]
        assert values["block_peak"] % 512 == 0
        assert sum(part.bytes for part in each.peak_parts) == values["block_peak"]
        assert values["time"] > 0
        assert values["host"] > 0
        assert each.trace is not None
        assert each.trace.endswith(f"-{result.cell.device}.json.gz")


def test_the_shell_compares_and_writes_everything_down(accelerator: str, tmp_path: Path) -> None:
    done = shell(
        *("compare", "--workload", "side_branch", "--branches", ",".join(BRANCHES)),
        *("--sizes", "4,8", "--set", "depth=2", "--set", "width=8", "--budget", "0.05"),
        *("--device", accelerator, "--out", str(tmp_path)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"At 4 rows a batch (float32, {accelerator}), " in done.stdout
    check(load_run(tmp_path / "run.json"), accelerator)
    check(load_run(tmp_path / "detach-lab-run.zip"), accelerator)
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert set(summary["device"]) == {accelerator}
    assert (summary.loc[summary["status"] == "ok", "block_peak_bytes"] % 512 == 0).all()
    events = pd.read_csv(tmp_path / "trace_events.csv", low_memory=False)
    assert len(events) > 0
    assert len(list((tmp_path / "traces").iterdir())) == 4


@pytest.mark.long
def test_the_measuring_passes_its_own_checks(accelerator: str) -> None:
    done = shell("doctor", "--device", accelerator, "--json")
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["environment"]["devices"][0]["kind"] == accelerator
    # The others are of time, which a busy machine may disturb.
    exact = {"bytes", "prediction", "gradients", "trace"}
    passed = {each["name"]: each["passed"] for each in found["checks"]}
    assert exact <= set(passed)
    assert all(passed[name] for name in exact), found["checks"]


def test_a_script_compares(accelerated: App, accelerator: str, tmp_path: Path) -> None:
    client = Client(accelerated.url, verbose=False)
    found = client.predict(
        workload="side_branch",
        branches=list(BRANCHES),
        sizes=[4],
        device="auto",
        budget_s=0.05,
        parameters={"depth": 2, "width": 8},
        with_run=True,
        api_name="/compare",
    )
    client.close()
    assert found["status"] == "done"
    file = tmp_path / "run.json"
    file.write_text(json.dumps(found["run"]), encoding="utf-8")
    check(load_run(file), accelerator)


@pytest.mark.long
def test_the_shell_runs_lessons_there(accelerator: str, tmp_path: Path) -> None:
    done = shell("lesson", "detach_then_zero", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert found["request"]["device"] == accelerator
    tensors = [each for part in found["parts"] for each in part["steps"][-1]["tensors"]]
    assert {each["device"] for each in tensors} == {f"{accelerator}:0"}
    done = shell("lesson", "baseline", "--device", accelerator)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f".grad = None  ({accelerator}:0)\n") == 1
    done = shell("lesson", "baseline", "--device", "cpu")
    assert accelerator not in done.stdout
    file = tmp_path / "report.html"
    done = shell("report", "baseline", "--device", accelerator, "--out", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    html = file.read_text("utf-8")
    assert f"<code>device = {accelerator}</code>" in html
    assert html.count(f"<small>{accelerator}:0</small>") == 2


def test_a_script_runs_lessons_where_it_asks_for(accelerated: App, accelerator: str) -> None:
    client = Client(accelerated.url, verbose=False)
    for asked, placed in (("auto", accelerator), (accelerator, accelerator), ("cpu", "cpu")):
        found = client.predict(name="baseline", device=asked, api_name="/lesson")
        assert found["request"]["device"] == placed
        assert set(found["verdicts"].values()) == {"holds"}
    found = client.predict(name="numpy_needs_detach", device=accelerator, api_name="/lesson")
    assert found["request"]["device"] == "cpu"
    assert found["device_reason"] == WORDS["lesson.numpy_needs_detach.device"]
    with pytest.raises(AppError, match=f"'xpu' is not available. Devices: {accelerator}, cpu"):
        client.predict(name="baseline", device="xpu", api_name="/lesson")
    client.close()


@pytest.mark.browser
def test_a_visitor_chooses_where_a_lesson_runs(
    accelerated: App, accelerator: str, browser: Browser
) -> None:
    ran, choice = "#lesson-view .lab-inputs", "#lesson-device input"
    with visit(accelerated, browser) as page:
        page.goto(f"{accelerated.url}?tab=lessons&lesson=baseline")
        expect(page.locator(choice)).to_have_value(accelerator)
        run_lesson(page)
        expect(page.locator(ran)).to_contain_text(f"device = {accelerator}")
        kinds = page.locator("#lesson-view .lab-shown tbody th small")
        expect(kinds).to_have_text([f"float32 (3) {accelerator}:0"] * 2)
        # The page's own device goes without saying, and the step is in the address.
        expect(page).to_have_url(re.compile("&step=3$"))
        assert "&on=" not in page.url
        page.locator(choice).click()
        page.get_by_role("option", name="cpu").click()
        page.locator("#lesson-run").click()
        expect(page.locator(ran)).to_contain_text("device = cpu")
        expect(kinds).to_have_text(["float32 (3)"] * 2)
        expect(page).to_have_url(re.compile("&on=cpu&part=lesson&step=3$"))
        # It stays chosen with another lesson.
        page.get_by_label(WORDS["lesson.detach_untouched.title"], exact=True).check()
        expect(page.locator("#lesson-view h2")).to_have_text(WORDS["lesson.detach_untouched.title"])
        expect(page.locator(choice)).to_have_value("cpu")


@pytest.mark.browser
def test_a_link_says_where_a_lesson_runs(
    accelerated: App, accelerator: str, browser: Browser
) -> None:
    for device in ("cpu", accelerator):
        with visit(accelerated, browser) as page:
            place = f"on={device}&part=lesson&step=2"
            page.goto(f"{accelerated.url}?tab=lessons&lesson=baseline&{place}")
            ran = page.locator("#lesson-view .lab-inputs")
            expect(ran).to_contain_text(f"device = {device}")
            expect(page.locator("#lesson-device input")).to_have_value(device)
            expect(page).to_have_url(re.compile(f"lesson=baseline&.*{place}$"))


@pytest.mark.browser
def test_a_lesson_that_needs_the_cpu_offers_nothing_else(
    accelerated: App, accelerator: str, browser: Browser
) -> None:
    with visit(accelerated, browser) as page:
        page.goto(f"{accelerated.url}?tab=lessons&lesson=numpy_needs_detach")
        view, choice = page.locator("#lesson-view"), page.locator("#lesson-device input")
        expect(view).to_contain_text(WORDS["lesson.numpy_needs_detach.device"])
        run_lesson(page)
        expect(view.locator(".lab-inputs")).to_contain_text("device = cpu")
        expect(choice).to_be_hidden()
        page.get_by_label(WORDS["lesson.clone_detach_order.title"], exact=True).check()
        expect(choice).to_have_value(accelerator)


@pytest.mark.browser
def test_a_visitor_compares_and_takes_the_files_along(
    accelerated: App, accelerator: str, browser: Browser, tmp_path: Path
) -> None:
    query = (
        f"tab=compare&workload=side_branch&branches={','.join(BRANCHES)}&sizes=4&dtype=float32"
        f"&device={accelerator}&budget=0.05&p.depth=2&p.width=8"
    )
    with visit(accelerated, browser) as page:
        page.goto(f"{accelerated.url}?{query}")
        progress = page.locator("#compare-progress")
        expect(progress).to_contain_text("press Run")
        page.locator("#compare-run").click()
        expect(progress).to_contain_text("Done in")
        expect(page.locator("#compare-results tbody tr")).to_have_count(len(BRANCHES))
        expect(page.locator("#compare-results .lab-finding")).to_contain_text(accelerator)
        name = "detach-lab-run.zip"
        with page.expect_download() as saved:
            page.get_by_role("button", name=WORDS[f"download.{name}"]).click()
        saved.value.save_as(tmp_path / name)
        with page.expect_download() as report:
            page.locator("#compare-save-report").click()
        report.value.save_as(tmp_path / "report.html")
    check(load_run(tmp_path / name), accelerator)
    assert accelerator in (tmp_path / "report.html").read_text("utf-8")
