"""The words for what a framework's code came to."""

from __future__ import annotations

from collections.abc import Sequence

from profiling.model.frameworks import Outcome
from profiling.model.words import Text


def result(outcome: Outcome, text: Text) -> str:
    """Return what came out: the gradient, zeros, None or the error."""
    values = _numbers(outcome.values or ())
    said = text(f"frameworks.outcome.{outcome.outcome}", values=values, text=outcome.text)
    if outcome.after is None:
        return said
    return f"{said} {text('frameworks.after', values=_numbers(outcome.after))}"


def ways(outcome: Outcome, text: Text) -> str:
    """Return whether it ran here or was recorded, and the version."""
    key = "frameworks.live" if outcome.live else "frameworks.recorded"
    return text(key, version=outcome.version)


def rule(text: Text) -> str:
    """Return what all tables together show."""
    return text("frameworks.rule")


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
