"""What a lesson comes to in other frameworks: a folded table below it."""

from __future__ import annotations

from markupsafe import Markup

from demos.page import common
from profiling.catalogue.frameworks import SCENARIOS, snippet, title
from profiling.engine import frameworks
from profiling.model.words import Text
from profiling.output.frameworks import result, rule, ways
from profiling.output.html import code


def elsewhere(lesson: str, text: Text) -> Markup:
    """Return the table of a lesson's scenario; empty for a lesson that has none."""
    if lesson not in SCENARIOS:
        return Markup()
    outcomes = frameworks.table(lesson)
    rows = [
        {
            "title": title(each.framework),
            "ways": ways(each, text),
            "code": code(snippet(each.framework, lesson)),
            "result": result(each, text),
            "outcome": each.outcome,
        }
        for each in outcomes
    ]
    says = rule(text) if frameworks.meets_all_kinds(outcomes) else ""
    return Markup(common.render("elsewhere.html", text, rows=rows, rule=says))
