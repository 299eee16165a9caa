"""Runs a lesson's functions under watch and has its claims decided by what happened."""

from __future__ import annotations

import functools
import importlib
from types import SimpleNamespace
from typing import Any

import torch

from profiling import catalogue
from profiling.measure.stepper import Stepper
from profiling.model.lesson import ClaimResult, LessonRequest, LessonTrace, PartTrace


def run_lesson(request: LessonRequest) -> LessonTrace:
    """Run a lesson on checked inputs.

    Args:
        request: The lesson's name and inputs; checked by `profiling.engine.plan.check_lesson`.
    """
    entry = catalogue.lesson(request.name)
    module = importlib.import_module(f"demos.lessons.{entry.topic}.{entry.name}")
    arguments: dict[str, Any] = {}
    if entry.values is not None:
        arguments["values"] = list(entry.values if request.values is None else request.values)
    if entry.op is not None:
        # The text comes from our own table, never from a visitor.
        arguments["op"] = eval(catalogue.OPS[request.op or entry.op])
    parts, seen = [], []
    for name, source in entry.parts.items():
        part, names = _run(name, getattr(module, name), source, arguments)
        parts.append(part)
        seen.append(names)
    with torch.random.fork_rng(devices=[]):
        claims = module.claims(*seen)
    results = tuple(ClaimResult(claim, checks) for claim, checks in claims.items())
    return LessonTrace(request, tuple(parts), results)


def _run(
    name: str, function: Any, source: catalogue.Source, arguments: dict[str, Any]
) -> tuple[PartTrace, SimpleNamespace]:
    code = function.__code__
    given = {key: arguments[key] for key in code.co_varnames[: code.co_argcount]}
    stepper = Stepper(code, source.text, source.first_line, given)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        part = stepper.run(name, functools.partial(function, **given))
    error = part.error.text if part.error else None
    return part, SimpleNamespace(**{**stepper.final, "error": error})
