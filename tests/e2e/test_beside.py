"""Saved runs on the page: opened, laid beside the run shown, and refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from gradio_client import Client
from msgspec.structs import replace

from profiling.model.run import BranchResult, Run
from profiling.output.saved_runs import load_run, save_run
from tests.conftest import FinishedRun
from tests.e2e.events import lay_beside, made, open_run, plots, value
from tests.harness.launching import App
from tests.profiling.analysis.test_diff import finished, measured, run_with
from tests.profiling.planted import branch, cell, run_of

_PROGRESS, _TABLE, _CHART = range(3)
# What opening gives: the sentence, the size, the table, the charts.
_OPEN_TABLE = 2


def saved(run: Run, path: Path) -> Path:
    save_run(run, path)
    return path


def measured_in(run: Run) -> list[BranchResult]:
    """Return the results that have times."""
    return [each for cell in run.results for each in cell.results if each.samples]


def test_our_own_archive_is_opened_as_if_it_had_been_measured(
    client: Client, archive: Path, finished_run: FinishedRun, tmp_path: Path
) -> None:
    outputs = open_run(client, archive)
    assert "Opened run.zip, measured on " in outputs[_PROGRESS]
    assert "saved tensor that has been detached in-place" in value(outputs[_OPEN_TABLE])
    summary = pd.read_csv(made(client, "summary"))
    assert list(summary["branch"]) == list(finished_run.run.request.branches) * 2
    titles = [figure["layout"]["title"]["text"] for figure in plots(outputs)]
    assert len(titles) >= 7
    assert all(titles)
    again = tmp_path / "again.zip"
    again.write_bytes(made(client, "archive").read_bytes())
    original, copied = load_run(archive), load_run(again)
    assert copied.id.startswith(original.id)
    assert replace(copied, id=original.id) == original
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(again) as after:
        assert sorted(before.namelist()) == sorted(after.namelist())


def test_a_run_beside_itself_has_the_ratio_1_and_no_differences(
    client: Client, archive: Path
) -> None:
    run = load_run(archive)
    every, timed = sum(len(cell.results) for cell in run.results), len(measured_in(run))
    open_run(client, archive)
    outputs = lay_beside(client, archive)
    assert "Comparing with run.zip." in outputs[_PROGRESS]
    html = value(outputs[_TABLE])
    assert (
        f"Of {timed} timed in both runs, B is faster in 0, slower in 0 and no different in "
        f"{timed}; without times to compare: {every - timed}."
    ) in html
    assert "Device, versions, timing budget and seed are the same." in html
    assert html.count("1.00×") == timed
    assert "Only in" not in html
    (figure,) = plots(outputs)
    ratios = figure["data"][0]["x"]
    assert [each for each in ratios if each is not None] == [1] * timed


def test_a_measured_run_is_compared_with_a_planted_one(
    client: Client, archive: Path, tmp_path: Path
) -> None:
    run = load_run(archive)
    slow = [
        replace(
            result,
            samples=tuple(
                replace(each, value=each.value * 2**20)
                if each.metric in ("time", "peak") and each.value is not None
                else each
                for each in result.samples
            ),
        )
        for result in run.results[0].results
    ]
    (device, *_), machine = run.environment.devices, run.environment
    other = replace(
        run,
        environment=replace(machine, torch="9.9 <b>", devices=(replace(device, name="Planted"),)),
        cells=run.cells[:1],
        results=(replace(run.results[0], results=tuple(slow)),),
    )
    open_run(client, archive)
    outputs = lay_beside(client, saved(other, tmp_path / "slow.json.gz"))
    html = value(outputs[_TABLE])
    timed = len(measured_in(other))
    assert html.count("1048576×") == timed
    assert html.count('class="lab-chip slower"') == timed
    assert "9.9 &lt;b&gt;" in html
    assert f"A: {device.name}</th>" in html
    assert "B: Planted</th>" in html
    assert "only in A: 1." in html
    assert "side_branch, 8 rows a batch (float32, cpu, depth=2 width=8)" in html


def test_a_run_of_an_unknown_workload_without_traces_is_opened(
    client: Client, tmp_path: Path
) -> None:
    theirs = cell("theirs", size=2, unit="tokens", parameters={"rank": 4})
    first = measured("mine", source="def mine(x):\n    return x < 1\n", trace="traces/gone.json")
    run = run_with(finished(theirs, first, measured("other")))
    outputs = open_run(client, saved(run, tmp_path / "theirs.json"))
    assert "Opened theirs.json, measured on A CPU on 2026-01-02 03:04:05 UTC." in outputs[0]
    assert "At 2 tokens (float32, cpu), " in value(outputs[_OPEN_TABLE])
    assert len(plots(outputs)) == 3  # what was traced is not drawn, nor one size over sizes
    (sources,) = [value(output) for output in outputs if "lab-sources" in str(value(output))]
    assert "<code>mine</code>" in sources
    assert "return" in sources
    assert "&lt;" in sources
    assert list(pd.read_csv(made(client, "summary"))["branch"]) == ["mine", "other"]


def run_folders(app: App) -> set[Path]:
    """Return the folders of runs that an app keeps."""
    return set(app.temp.glob("detach-lab-*/runs/*"))


def cut_off(archive: Path) -> bytes:
    content = archive.read_bytes()
    return content[: len(content) // 2]


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("run.json", b" " * (300 * 2**20))
    return packed.getvalue()


def hostile_trace() -> bytes:
    """An archive whose only fault is in a trace."""
    run = run_of(branch("attached", trace="traces/a.json"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("run.json", msgspec.json.encode(run))
        file.writestr("traces/a.json", b'{"traceEvents": 5}')
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.zip", cut_off, "cut.zip is damaged or truncated; export or download it again."),
        (
            *("cut.json", lambda _: b'{"id": "a-run", "cells": ['),
            "cut.json is not JSON, or is truncated; export or download it again.",
        ),
        ("bomb.zip", lambda _: bomb(), "bomb.zip is too large: the limit is 64 MiB"),
        ("<img src=x>.json", lambda _: b"{}", "is not a run of Detach Lab."),
        (
            *("hostile.zip", lambda _: hostile_trace()),
            "a.json is not a Chrome trace of the PyTorch profiler.",
        ),
    ],
)
def test_what_cannot_be_opened_gets_a_sentence_and_the_next_run_works(
    name: str,
    content: Callable[[Path], bytes],
    said: str,
    app: App,
    client: Client,
    archive: Path,
    tmp_path: Path,
) -> None:
    path = tmp_path / name
    path.write_bytes(content(archive))
    open_run(client, archive)
    before = run_folders(app)
    tried = (open_run,) if name == "hostile.zip" else (open_run, lay_beside)
    for outputs in (each(client, path) for each in tried):
        assert said in outputs[_PROGRESS]
        assert 'role="alert"' in outputs[_PROGRESS]
        assert "<img" not in outputs[_PROGRESS]
    assert run_folders(app) <= before
    assert "Opened run.zip" in open_run(client, archive)[_PROGRESS]
    assert "Comparing with run.zip." in lay_beside(client, archive)[_PROGRESS]


def test_nothing_chosen_and_nothing_measured_each_get_a_sentence(
    newcomer: Client, archive: Path
) -> None:
    for nothing in (open_run(newcomer, None), lay_beside(newcomer, None)):
        assert "Choose a recorded run or upload a file first." in nothing[_PROGRESS]
    outputs = lay_beside(newcomer, archive)
    assert "There is no run on the page yet" in outputs[_PROGRESS]


def test_the_sentence_is_said_in_the_visitors_language(chinese: Client, tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_text("{", "utf-8")
    assert "cut.json 不是 JSON，或者不完整" in open_run(chinese, path)[_PROGRESS]
