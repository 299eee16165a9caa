"""The person's own files, line by line, with marks where something was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pygments
from markupsafe import Markup, escape
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from profiling.analysis.diagnosis import Diagnosis, sentences
from profiling.analysis.diagnosis.model import PROBLEM
from profiling.model.words import Text
from profiling.output.explanation.places import Places
from profiling.watch.record import lines_of

# Of a file with more lines, those around marks are shown.
MOST_WHOLE = 250
MOST_LINES = 1_500
_AROUND = 6
_MOST_FILES = 12
_MOST_COLUMNS = 300
# Highlighting more would take seconds.
_MOST_HIGHLIGHTED = 400_000
_MOST_MARKS = 4

_SIGNS = {
    **dict.fromkeys(("cut", "off", "inference"), "✂"),
    **dict.fromkeys(("grows", "made", "put"), "●"),
    **dict.fromkeys(("changed", "saved"), "≠"),
    "zero": "0",
}
# Other lines that a finding names.
_OTHER = "▸"
_LEGEND = {"✂": "cut", "●": "keeps", "≠": "version", "0": "zero", _OTHER: "other"}


def sign(role: str) -> str:
    """Return the sign of what a line has to do with a finding."""
    return _SIGNS.get(role, _OTHER)


class Mark(NamedTuple):
    """A sign beside a line: what it says, and the finding that it leads to."""

    sign: str
    label: str
    finding: int
    level: str


class Row(NamedTuple):
    """A line of a file.

    Attributes:
        number: Its number; 0 for lines that are left out.
        code: Highlighted.
        marks: At most a few.
        level: The worst of its marks.
        saved: Bytes that it saves for backward.
        left_out: How many lines are left out here.
    """

    number: int
    code: Markup = Markup()
    marks: tuple[Mark, ...] = ()
    level: str = ""
    saved: str = ""
    left_out: int = 0


class SourceFile(NamedTuple):
    """A file: its index in the record and its short name."""

    number: int
    name: str
    rows: list[Row]


class Sources(NamedTuple):
    """All files that are shown.

    Attributes:
        legend: The signs that occur, with the key of what they mean.
        has_saved: Whether a line saves something for backward.
        left_out: How many files with a text are not shown.
    """

    files: list[SourceFile]
    legend: dict[str, str]
    has_saved: bool
    left_out: int


def source_files(diagnosis: Diagnosis, places: Places, say: Text) -> Sources:
    """Return the files with their marks, those with problems first."""
    marks = _marks(diagnosis, places, say)
    saved = {places.at(each.line): each.bytes for each in diagnosis.saved}
    weight: dict[int, int] = defaultdict(int)
    for at in [*marks, *saved]:
        if at:
            weight[int(at.partition("-")[0])] += 100 if at in marks else 1
    script = diagnosis.watch.script[:1]
    order = sorted(
        places.numbers.items(), key=lambda pair: (-weight[pair[1]], pair[0] not in script, pair[1])
    )
    told = [pair for pair in order if weight[pair[1]]][:_MOST_FILES] or order[:1]
    left, files = MOST_LINES, []
    for path, number in told:
        text = diagnosis.watch.files[number].text or ""
        lines = highlighted(text, _MOST_HIGHLIGHTED // len(told))
        rows = _rows(lines, number, marks, saved, left)
        left -= len(rows)
        files.append(SourceFile(number, places.file(path), rows))
        if left <= 0:
            break
    signs = dict.fromkeys(mark.sign for each in marks.values() for mark in each)
    legend = {each: key for each, key in _LEGEND.items() if each in signs}
    return Sources(files, legend, any(saved), len(order) - len(files))


def _marks(diagnosis: Diagnosis, places: Places, say: Text) -> dict[str, list[Mark]]:
    """Return the marks of each line, by its place."""
    found: dict[str, list[Mark]] = defaultdict(list)
    for at, finding in enumerate(diagnosis.findings):
        for line in finding.lines:
            place = places.at(line)
            label = say(f"explain.role.{line.role}")
            mark = Mark(sign(line.role), label, at, finding.level)
            known = {(each.sign, each.label) for each in found[place]}
            if place and (mark.sign, label) not in known and len(known) < _MOST_MARKS:
                found[place].append(mark)
    for line in places.raised:
        place = places.at(line)
        if place and not found[place]:
            label = say(f"explain.role.{line.role}")
            found[place].append(Mark(sign(line.role), label, -1, PROBLEM))
    return {place: each for place, each in found.items() if place and each}


def _rows(
    lines: Sequence[Markup],
    number: int,
    marks: Mapping[str, list[Mark]],
    saved: Mapping[str, int],
    most: int,
) -> list[Row]:
    known = {
        at
        for at in range(1, len(lines) + 1)
        if f"{number}-{at}" in marks or f"{number}-{at}" in saved
    }
    shown = _shown(len(lines), known, most)
    rows: list[Row] = []
    before = 0
    for at in shown:
        if at > before + 1:
            rows.append(Row(0, left_out=at - before - 1))
        key = f"{number}-{at}"
        here = tuple(marks.get(key, ()))
        level = "" if not here else PROBLEM if any(m.level == PROBLEM for m in here) else "note"
        size = sentences.size(saved[key]) if saved.get(key) else ""
        rows.append(Row(at, lines[at - 1], here, level, size))
        before = at
    if before < len(lines):
        rows.append(Row(0, left_out=len(lines) - before))
    return rows


def _shown(total: int, known: Iterable[int], most: int) -> list[int]:
    """Return the numbers of the lines to show: all of a short file, else those around marks."""
    if total <= min(MOST_WHOLE, most):
        return list(range(1, total + 1))
    found: set[int] = set()
    for each in sorted(known):
        around = range(max(1, each - _AROUND), min(total, each + _AROUND) + 1)
        if len(found | set(around)) > most:
            break
        found |= set(around)
    return sorted(found) or list(range(1, min(total, most, MOST_WHOLE) + 1))


def highlighted(text: str, most: int) -> list[Markup]:
    """Return the lines of a text, highlighted unless that are more characters than `most`."""
    lines = [each[:_MOST_COLUMNS] for each in lines_of(text)]
    if sum(map(len, lines)) > most:
        return [escape(each) for each in lines]
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    html = pygments.highlight("\n".join(lines), lexer, HtmlFormatter(nowrap=True))
    # Its elements end with each line.
    parts = html.removesuffix("\n").split("\n")
    if len(parts) < len(lines):
        parts += [""] * (len(lines) - len(parts))
    return [Markup(each) for each in parts[: len(lines)]]
