"""Faults that people bring to forums, each with its corrected script: causes, lines, no alarm."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from profiling.analysis.diagnosis import Diagnosis, Finding, diagnose
from profiling.watch.record import Watch
from tests.harness.watched_cases import watch_all

CASES = Path(__file__).parents[2] / "watch" / "cases"
ALL: list[dict[str, Any]] = json.loads((CASES / "index.json").read_text(encoding="utf-8"))
# Of the lines that a finding names, those that a person reads.
READ = 4


def one_of_each_cause() -> list[dict[str, Any]]:
    """The first case of each cause, and some correct scripts that look suspicious."""
    chosen = {case["causes"][0]: case for case in reversed(ALL) if "bad" in case}
    correct = [case for case in ALL if "bad" not in case]
    return [*chosen.values(), *correct[::6]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the cases run in forked processes")
@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(one_of_each_cause(), id="one of each cause"),
        pytest.param(ALL, id="all", marks=pytest.mark.long),
    ],
)
def test_faults_are_named_and_correct_scripts_are_not(
    cases: list[dict[str, Any]], tmp_path: Path
) -> None:
    names = [case[kind] for case in cases for kind in ("bad", "good") if kind in case]
    watch_all(CASES, names, tmp_path)
    wrong = {name: said for case in cases for name, said in check(case, tmp_path).items()}
    assert not wrong, "\n".join(f"{name}: {said}" for name, said in wrong.items())


def check(case: dict[str, Any], records: Path) -> dict[str, str]:
    """Return what is wrong with the diagnoses of a case, by the script's name."""
    wrong = {}
    if "bad" in case:
        found = diagnosis_of(case["bad"], records)
        if not is_right(case, found):
            wrong[case["bad"]] = f"wanted {case['causes']} at {case['lines']}, got {said(found)}"
    if "good" in case:
        found = diagnosis_of(case["good"], records)
        if found.problems:
            wrong[case["good"]] = f"correct, but {said(found)}"
    return wrong


def diagnosis_of(script: str, records: Path) -> Diagnosis:
    text = records.joinpath(script).with_suffix(".json").read_bytes()
    watch = msgspec.convert(msgspec.json.decode(text)["watch"], Watch)
    assert not watch.notes, (script, watch.notes)
    return diagnose(watch)


def is_right(case: dict[str, Any], found: Diagnosis) -> bool:
    if not case["parameters"]:
        return any(fits(case, each) for each in found.findings)
    by_name: dict[str, list[Finding]] = {}
    for each in found.findings:
        for number in each.parameters:
            for name in found.watch.parameters[number].names:
                by_name.setdefault(name, []).append(each)
    return all(
        any(fits(case, each) for each in by_name.get(name, ())) for name in case["parameters"]
    )


def fits(case: dict[str, Any], found: Finding) -> bool:
    cause = "graph_leak" if found.cause == "graph_kept" else found.cause
    lines = {line.line for line in found.lines[:READ]}
    return cause in case["causes"] and (not case["lines"] or bool(lines & set(case["lines"])))


def said(found: Diagnosis) -> list[tuple[str, str, list[int]]]:
    return [(each.level, each.cause, [line.line for line in each.lines]) for each in found.findings]
