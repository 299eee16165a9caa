"""Judges the diagnoses of scripts with planted faults, by an index of what each should say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from profiling.analysis.diagnosis import Diagnosis, Finding, diagnose
from profiling.watch.record import Watch
from tests.harness.watched_cases import watch_all

# Of the lines that a finding names, those that a person reads.
READ = 4


def index_of(folder: Path) -> list[dict[str, Any]]:
    """Return the cases of a folder."""
    found: list[dict[str, Any]] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return found


def wrong_in(folder: Path, cases: Iterable[dict[str, Any]], out: Path) -> str:
    """Watch the scripts of some cases, and return what is wrong with their diagnoses.

    Args:
        folder: Where the scripts are.
        cases: The cases.
        out: Where the records go.
    """
    cases = list(cases)
    names = [case[kind] for case in cases for kind in ("bad", "good") if kind in case]
    watch_all(folder, names, out)
    wrong = {name: said for case in cases for name, said in check(case, out).items()}
    return "\n".join(f"{name}: {said}" for name, said in wrong.items())


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
