"""Records as plain JSON data: what the shell's ``--json`` and the API answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pandas as pd

from profiling import catalogue
from profiling.analysis import modes
from profiling.analysis.analysis import Analysis
from profiling.analysis.diagnosis import Diagnosis, Finding, Line, sentences
from profiling.analysis.findings import told
from profiling.analysis.notices import notices
from profiling.analysis.recommendation import recommendation
from profiling.catalogue import LESSONS
from profiling.catalogue import frameworks as framework_code
from profiling.catalogue.search import Hit
from profiling.engine import frameworks as engine_frameworks
from profiling.model.errors import short
from profiling.model.lesson import ClaimResult, LessonTrace
from profiling.model.words import DEFAULT, Text, lenient, table
from profiling.output import frameworks as framework_words
from profiling.traces import summary
from profiling.traces.gpu_tables import GPU_TABLES
from profiling.traces.operators import Selection
from profiling.traces.table import Trace
from profiling.traces.timeline import end_s


def plain(data: object) -> Any:
    """Return records and numbers as JSON has them; what is no finite number is None.

    Example:
        >>> plain({"ratio": float("nan"), "sizes": (1, 2)})
        {'ratio': None, 'sizes': [1, 2]}
    """
    return msgspec.json.decode(msgspec.json.encode(data))


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as one dictionary a row; what is missing is None."""
    # The default of ten decimals would take the nanoseconds of a long sum.
    found: list[dict[str, Any]] = msgspec.json.decode(
        frame.to_json(orient="records", double_precision=15)
    )
    return found


def lesson(trace: LessonTrace, text: Text) -> dict[str, Any]:
    """Return a lesson that ran: its steps, its words, and each claim with its verdict."""
    entry = catalogue.lesson(trace.request.name)
    key = f"lesson.{entry.name}"
    return {
        **plain(trace),
        **({"device_reason": text(entry.device_reason)} if entry.device else {}),
        **_words(key, text),
        "claims": [_claim(claim, entry, text) for claim in trace.claims],
        "verdicts": {claim.claim: claim.verdict.value for claim in trace.claims},
    }


def frameworks(scenario: str, text: Text) -> dict[str, Any]:
    """Return a scenario's code and result in each framework, and what they show together."""
    outcomes = engine_frameworks.table(scenario)
    cells = [
        {
            **plain(each),
            "name": framework_code.title(each.framework),
            "code": framework_code.snippet(each.framework, scenario).text,
            "says": framework_words.result(each, text),
            "made": framework_words.ways(each, text),
        }
        for each in outcomes
    ]
    says = framework_words.rule(text) if engine_frameworks.meets_all_kinds(outcomes) else None
    return {"title": text(f"lesson.{scenario}.title"), "cells": cells, "rule": says}


def run(analysis: Analysis, text: Text) -> dict[str, Any]:
    """Return what a comparison found: a row a branch and cell, a headline a cell, and its modes."""
    measured, say = analysis.run, lenient(text)
    notes = [_note(each, say) for each in analysis.summary.itertuples()]
    return {
        "id": measured.id,
        "environment": plain(measured.environment),
        "findings": [
            {
                "size": each.finished.cell.size,
                "mode": each.finished.cell.mode,
                "recommendation": recommendation(each.findings, say),
                "finding": told(each.findings, each.finished.cell, say),
                "notices": notices(each.finished, say),
            }
            for each in analysis.cells
        ],
        "modes": [
            {"size": each.size, "mode": each.mode, "changes": modes.sentences(each, say)}
            for each in modes.modes(analysis)
        ],
        "summary": rows(analysis.summary.assign(note=notes)),
    }


def trace(name: str, read: Trace, text: Text) -> dict[str, Any]:
    """Return what a trace is, and what to know about it.

    Args:
        name: The file's name.
        read: The trace, or a window of it.
        text: The words.
    """
    return {
        "name": short(name),
        "events": len(read.events),
        "end_s": end_s(read.events),
        "start_unix_s": read.start_unix_s,
        "kinds": sorted(read.kinds),
        "ranks": list(read.ranks),
        "notices": [text(key, **values) for key, values in read.notices],
    }


def trace_summary(read: Trace, text: Text) -> dict[str, Any]:
    """Return what a trace tells of its GPUs, as data and in words.

    Args:
        read: The trace, or a window of it.
        text: The words.
    """
    found = summary.trace_summary(read)
    return {"summary": {**plain(found), "sentences": summary.summary_sentences(found, text)}}


def explanation(diagnosis: Diagnosis, text: Text) -> dict[str, Any]:
    """Return what was found in a record: a finding with its lines and words, and each parameter."""
    watch = diagnosis.watch
    parameters = [watch.parameters[each.parameter] for each in diagnosis.fates]
    return {
        "script": [sentences.plain(each) for each in watch.script],
        "counts": plain(watch.counts),
        "environment": plain(watch.environment),
        "stopped": watch.stopped,
        "complete": watch.complete,
        "remarks": sentences.remarks(diagnosis, text),
        "error": sentences.failure(diagnosis, text) or None,
        "gradients": sentences.gradients(diagnosis, text),
        "findings": [_finding(each, diagnosis, text) for each in diagnosis.findings],
        "parameters": [
            {
                "name": sentences.plain(parameter.names[0]),
                "state": fate.state,
                "finding": fate.finding,
            }
            for fate, parameter in zip(diagnosis.fates, parameters, strict=True)
        ],
        "saved": [{**_line(each.line, text), "bytes": each.bytes} for each in diagnosis.saved],
    }


def trace_tables(
    events: pd.DataFrame, operators: pd.DataFrame, select: Callable[[pd.DataFrame], Selection]
) -> dict[str, Any]:
    """Return the tables of a trace, and how many rows each has.

    Args:
        events: The trace.
        operators: Its operators.
        select: Returns the rows to show of a table.
    """
    tables = {"ops": operators, **{name: table(events) for name, table in GPU_TABLES.items()}}
    shown = {name: select(table) for name, table in tables.items()}
    return {f"{name}_found": each.found for name, each in shown.items()} | {
        name: rows(each.table) for name, each in shown.items()
    }


def found(hits: tuple[Hit, ...], text: Text) -> dict[str, Any]:
    """Return the lessons that were found, the best first, with what they teach."""
    return {
        "found": [
            {"lesson": hit.lesson, "fit": hit.fit.value, **_words(f"lesson.{hit.lesson}", text)}
            for hit in hits
        ]
    }


def everything(text: Text) -> dict[str, Any]:
    """Return all lessons and workloads, registered ones too, with what they take."""
    return {
        "lessons": {name: text(f"lesson.{name}.title") for name in LESSONS},
        "workloads": {name: _workload(name, text) for name in catalogue.workloads()},
    }


def _finding(each: Finding, diagnosis: Diagnosis, text: Text) -> dict[str, Any]:
    parameters = diagnosis.watch.parameters
    return {
        "kind": each.kind,
        "level": each.level,
        "cause": each.cause,
        "likely": each.likely,
        "parameters": [sentences.plain(parameters[at].names[0]) for at in each.parameters],
        "text": sentences.sentence(each, text),
        "instead": sentences.instead(each, text),
        "lesson": each.lesson,
        "lines": [_line(line, text) for line in each.lines],
    }


def _line(line: Line, text: Text) -> dict[str, Any]:
    path = sentences.plain(line.path, 1_000)
    code = sentences.plain(line.text, 1_000)
    return {"file": path, "line": line.line, "text": code, "role": sentences.role(line, text)}


def _words(key: str, text: Text) -> dict[str, str]:
    return {word: text(f"{key}.{word}") for word in ("title", "question", "rule")}


def _note(row: Any, say: Text) -> str:
    return say(row.reason, **row.values) if row.reason else ""


def _claim(claim: ClaimResult, entry: catalogue.LessonEntry, text: Text) -> dict[str, Any]:
    return {
        **plain(claim),
        "verdict": claim.verdict.value,
        "says": text(f"lesson.{entry.name}.claim.{claim.claim}"),
        "why": text(entry.verdict_reason(claim)),
    }


def _workload(name: str, text: Text) -> dict[str, Any]:
    entry = catalogue.workload(name)
    title = f"workload.{name}.title"
    return {
        "about": text(title) if title in table(DEFAULT) else entry.title,
        "size": entry.size,
        "sizes": list(entry.sizes),
        "branches": [branch for branch in entry.branches if branch not in entry.absent],
        "absent": {branch: text(entry.absent_reason(branch)) for branch in entry.absent},
        "parameters": {key: parameter.default for key, parameter in entry.parameters.items()},
    }
