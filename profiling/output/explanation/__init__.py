"""A diagnosis as HTML: findings, the source with marks, the module tree, ways to the loss.

A record may come from anybody. All of it is escaped and bounded, and what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from profiling.analysis.diagnosis import Diagnosis, Finding, Line, sentences
from profiling.analysis.diagnosis.model import PROBLEM
from profiling.model.content import WATCHED
from profiling.model.words import Text, lenient
from profiling.output.explanation.places import Places
from profiling.output.explanation.source import sign, source_files
from profiling.output.explanation.tree import module_tree
from profiling.output.explanation.ways import Way, ways
from profiling.output.html import templates
from profiling.output.report import Part, document

__all__ = ["examples", "file", "findings", "html", "part", "script", "styles"]

MOST_FINDINGS = 40
_MOST_LINES = 12
_FOLDER = Path(__file__).parents[1] / "templates"
_TEMPLATES = templates(_FOLDER)


class _LineView(NamedTuple):
    """A line of a finding.

    Attributes:
        place: File and number.
        code: What stands there.
        role: What it has to do with the finding.
        sign: Its sign in the source.
        at: Its place in the source; empty if that is not shown.
        step: Its number where steps of a lesson run at it; None elsewhere.
    """

    place: str
    code: str
    role: str
    sign: str
    at: str
    step: int | None = None


class _Card(NamedTuple):
    """A finding.

    Attributes:
        number: Its index.
        level: ``"problem"`` or ``"note"``.
        names: The parameters that it is about.
        what: What is wrong.
        instead: What to write.
        left_out: How many of its lines are not shown.
        lesson: Name of the lesson that shows it.
        href: Address of the lesson; empty if there is nothing to link to.
        way: The drawing that belongs to it; None if there is none.
    """

    number: int
    level: str
    heading: str
    names: str
    what: str
    instead: str
    lines: list[_LineView]
    left_out: int
    lesson: str
    href: str
    way: int | None


def examples() -> dict[str, Path]:
    """Return the records that come with the project, by name."""
    return {path.stem: path for path in sorted(WATCHED.glob("*.json"))}


def html(
    diagnosis: Diagnosis,
    text: Text,
    link: Callable[[str], str] | None = None,
    *,
    titled: bool = False,
) -> Markup:
    """Return a diagnosis as HTML, for a page with `styles` and `script`.

    Args:
        diagnosis: The diagnosis; its record may come from anybody.
        text: The words.
        link: Returns the address of a lesson; without it, lessons are only named.
        titled: Whether the script's name stands above it.
    """
    say = lenient(text)
    places = Places(diagnosis)
    drawn = ways(diagnosis, places, say)
    files = source_files(diagnosis, places, say)
    shown = {f"{each.number}-{row.number}" for each in files.files for row in each.rows}
    cards = [
        _card(at, finding, places, say, link, drawn.of_finding.get(at))
        for at, finding in enumerate(diagnosis.findings[:MOST_FINDINGS])
    ]
    first = next((each for each in cards if each.way is not None), None)
    return Markup(
        _TEMPLATES.get_template("explanation.html").render(
            text=say,
            command=_command(diagnosis, titled=titled),
            counts=sentences.counts(diagnosis, say),
            nothing=sentences.nothing_watched(diagnosis, say),
            remarks=sentences.remarks(diagnosis, say),
            failure=sentences.failure(diagnosis, say),
            raised=[_line_view(each, places, say) for each in places.raised],
            gradients=sentences.gradients(diagnosis, say),
            clean=not diagnosis.problems and diagnosis.watch.failure is None,
            problems=[each for each in cards if each.level == PROBLEM],
            notes=[each for each in cards if each.level != PROBLEM],
            left_out=len(diagnosis.findings) - len(cards),
            files=files,
            shown=shown,
            tree=module_tree(diagnosis, drawn, say),
            ways=drawn.drawings,
            first=first,
            saved=_saved(diagnosis),
        )
    )


def findings(
    diagnosis: Diagnosis,
    text: Text,
    link: Callable[[str], str] | None = None,
    steps: Container[int] = (),
) -> Markup:
    """Return only the findings that name a line; empty if there are none.

    Args:
        diagnosis: The diagnosis.
        text: The words.
        link: As for `html`.
        steps: Numbers of the lines that a stepper on the same page has steps for.
    """
    places = Places(diagnosis)
    cards = [
        _card(at, finding, places, lenient(text), link, None, steps)
        for at, finding in enumerate(diagnosis.findings[:MOST_FINDINGS])
        if finding.lines
    ]
    if not cards:
        return Markup()
    template = _TEMPLATES.get_template("explanation_findings.html")
    return Markup(template.render(text=text, cards=cards, shown=(), first=None))


def part(diagnosis: Diagnosis, text: Text, name: str = "") -> Part:
    """Return a diagnosis as a part of a report.

    Args:
        diagnosis: The diagnosis.
        text: The words.
        name: Its heading; the script's name unless given.
    """
    script = diagnosis.watch.script
    title = name or (Places.name_of(script[0]) if script else text("explain.page.untitled"))
    return Part(
        title, html(diagnosis, text, titled=not name), has_charts=False, script="explanation.js"
    )


def file(diagnosis: Diagnosis, text: Text) -> str:
    """Return a diagnosis as an HTML file that needs nothing else."""
    return document([part(diagnosis, text)], text)


def script() -> str:
    """Return the script that connects findings, lines and drawings."""
    return (_FOLDER / "explanation.js").read_text(encoding="utf-8")


def styles() -> str:
    """Return the CSS for a page with the class ``dark`` in dark mode."""
    return (_FOLDER / "explanation.css").read_text(encoding="utf-8")


def _card(
    at: int,
    finding: Finding,
    places: Places,
    say: Text,
    link: Callable[[str], str] | None,
    way: Way | None,
    steps: Container[int] = (),
) -> _Card:
    lesson = finding.lesson
    return _Card(
        number=at,
        level=finding.level,
        heading=say(f"explain.heading.{finding.kind}"),
        names=sentences.names(finding, places.diagnosis, say),
        what=sentences.sentence(finding, say),
        instead=sentences.instead(finding, say),
        lines=[_line_view(each, places, say, steps) for each in finding.lines[:_MOST_LINES]],
        left_out=max(0, len(finding.lines) - _MOST_LINES),
        lesson=lesson,
        href=link(lesson) if link is not None and lesson else "",
        way=None if way is None else way.number,
    )


def _line_view(line: Line, places: Places, say: Text, steps: Container[int] = ()) -> _LineView:
    return _LineView(
        place=places.place(line),
        code=sentences.plain(line.text, 120),
        role=sentences.role(line, say, places.short),
        sign=sign(line.role),
        at=places.at(line),
        step=line.line if places.at(line) and line.line in steps else None,
    )


def _command(diagnosis: Diagnosis, *, titled: bool) -> str:
    """Return the script and its arguments; empty where that says no more than a title."""
    script = diagnosis.watch.script
    if titled and len(script) < 2:
        return ""
    return sentences.plain(" ".join(script), 200)


def _saved(diagnosis: Diagnosis) -> str:
    total = sum(each.bytes for each in diagnosis.saved)
    return sentences.size(total) if total else ""
