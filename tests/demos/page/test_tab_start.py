"""What the first screen says of recorded runs."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from demos.page import common, recorded, start
from demos.page.about import machine_rows, source_base
from demos.page.links import read_link
from demos.page.recorded import (
    cost_finding,
    cost_rows,
    measurement,
    recorded_costs,
    source_words,
)
from demos.page.start import StartTab
from profiling import catalogue
from profiling.catalogue import LESSONS, TOPICS, WORKLOADS
from profiling.catalogue.advisor import Answers
from profiling.model.run import Environment
from profiling.model.words import Text, translator
from profiling.output import saved_runs


@pytest.fixture(scope="module")
def theirs() -> Environment:
    """The machine on which something was recorded."""
    path = saved_runs.recorded_runs()["cpu-2-cores.frozen_backbone"]
    return saved_runs.load_run(path).environment


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_workload_has_a_recorded_run(workload: str) -> None:
    assert any(name.endswith(f".{workload}") for name in saved_runs.recorded_runs())


def test_the_rows_are_those_of_the_run_at_its_middle_size(text: Text) -> None:
    costs = recorded_costs("frozen_backbone", None, ("attached", "no_grad"))
    assert costs is not None
    assert costs.cell.finished.cell.size == 1024
    attached, no_grad = cost_rows(costs, text)
    assert (attached.row.branch, no_grad.row.branch) == ("attached", "no_grad")
    assert (attached.row.right, no_grad.row.right) == (False, True)
    assert attached.time == attached.peak == 1.0
    assert no_grad.peak == pytest.approx(2_097_676 / 5_767_692)
    assert 0 < (no_grad.time or 0) < 1
    assert no_grad.row.peak == "2.000 MiB"
    assert "`no_grad`" in cost_finding(costs, text)
    html = common.render("start_result.html", text, **start.result_values(costs, text))
    bars = [each.time for each in (attached, no_grad)], [each.peak for each in (attached, no_grad)]
    widths = [f"{100 * (share or 0):.1f}" for pair in zip(*bars, strict=True) for share in pair]
    assert re.findall(r"width:([\d.]+)%", html) == widths


def test_advice_leads_to_its_lesson_and_to_its_workload(text: Text) -> None:
    tab: Any = object.__new__(StartTab)
    tab._engine = SimpleNamespace(environment=lambda _: None)
    html = tab._advised(Answers("none", in_place=True), text)
    links = re.findall(r'<a class="lab-go" href="\?([^"]*)"', html)
    (lesson, _), (compare, _) = (read_link(dict(parse_qsl(unescape(each)))) for each in links)
    assert (lesson.tab, compare.tab) == ("lessons", "compare")
    assert lesson.lesson is not None
    assert lesson.lesson.request.name == "inference_mode_inside"
    assert compare.comparison is not None
    assert compare.comparison.request.workload == "evaluation_logging"


def test_a_branch_that_raises_has_no_bars(english: Text) -> None:
    costs = recorded_costs("side_branch", None, ("attached", "detach_inplace"))
    assert costs is not None
    _, raising = cost_rows(costs, english)
    assert raising.row.status == "expected_error"
    assert (raising.time, raising.peak) == (None, None)
    html = common.render("start_result.html", english, **start.result_values(costs, english))
    assert "✗" in html
    assert "nan" not in html


def test_nothing_recorded_is_nothing_and_is_said(english: Text) -> None:
    assert recorded_costs("mine", None) is None
    html = common.render("start_result.html", english)
    assert english("start.no_record") in html
    assert "<table" not in html


def test_the_machine_is_said_to_be_like_this_one_only_if_it_is(
    theirs: Environment, text: Text
) -> None:
    for ours, key in (
        (None, "unknown"),
        (theirs, "same"),
        (replace(theirs, threads=theirs.threads + 1), "other"),
        (replace(theirs, devices=(replace(theirs.devices[0], name="Other"),)), "other"),
    ):
        costs = recorded_costs("frozen_backbone", ours, ("attached", "detach"))
        assert costs is not None
        words = source_words(costs.recorded, text)
        assert words == text(
            f"start.from.{key}",
            device=theirs.devices[0].name,
            threads=theirs.threads,
            torch=theirs.torch,
            day=costs.recorded.run.started_utc[:10],
        )


def test_the_run_of_the_machine_most_like_this_one_is_shown(
    theirs: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved_runs.recorded_runs()["cpu-2-cores.elementwise"]
    run = saved_runs.load_run(path)
    gpu = replace(theirs.devices[0], kind="cuda", name="A GPU")
    other = replace(run, environment=replace(theirs, devices=(gpu, *theirs.devices)))
    again = path.with_name("gpu.elementwise.json.gz")
    known = {"a-gpu.elementwise": again, "cpu-2-cores.elementwise": path}
    monkeypatch.setattr(saved_runs, "recorded_runs", lambda: known)
    monkeypatch.setattr(recorded, "load_run", {again: other, path: run}.__getitem__)
    monkeypatch.setattr(recorded, "_middle_cell", lambda path, _: path)
    for ours, shown in ((theirs, path), (other.environment, again)):
        costs = recorded_costs("elementwise", ours)
        assert costs is not None
        chosen: object = costs.cell
        assert chosen == shown
        assert costs.recorded.same_kind is True


def test_about_names_the_machine_and_links_only_where_the_files_are(
    theirs: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dict(machine_rows(theirs, translator("en")))
    assert rows["torch"] == theirs.torch
    assert rows["CUDA"] == "none"
    assert rows["Devices"] == "cpu: AMD EPYC, 23.5 GiB"
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert source_base() == ""
    monkeypatch.setenv("SPACE_ID", "somebody/lab")
    assert source_base() == "https://huggingface.co/spaces/somebody/lab/blob/main"


def test_each_case_of_the_article_ends_in_its_measurement(text: Text) -> None:
    for name in TOPICS["article"]:
        workload = catalogue.lesson(name).measured
        html = measurement(workload, None, text)
        assert text(f"workload.{workload}.title") in unescape(html), name
        (link,) = {unescape(each) for each in re.findall(r'href="([^"]*)"', html)}
        asked, faults = read_link(dict(parse_qsl(link.removeprefix("?"))))
        assert faults == ()
        assert asked.comparison is not None
        assert asked.comparison.request.workload == workload
        assert {"detach", "clone_detach", "no_grad"} & set(asked.comparison.request.branches)
        costs = recorded_costs(workload, None)
        assert costs is not None
        assert source_words(costs.recorded, text) in unescape(html)
    assert measurement("", None, text) == measurement("mine", None, text) == ""


def test_what_lessons_are_measured_by_is_recorded() -> None:
    named = {catalogue.lesson(name).measured for name in LESSONS} - {""}
    assert all(recorded_costs(workload, None) for workload in named)
    assert len(named) >= 12
