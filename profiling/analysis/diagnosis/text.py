"""A diagnosis as text, as the shell prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from profiling.analysis.diagnosis import sentences
from profiling.analysis.diagnosis.facts import Facts
from profiling.analysis.diagnosis.model import NOTE, Diagnosis, Finding, Line
from profiling.analysis.diagnosis.sentences import plain
from profiling.model.words import DEFAULT, Text, columns, translator

# Columns of the names, of a line's code.
_NAMES = 34
_CODE = 66
# More of one kind are counted.
_MOST_FINDINGS = 20
_MOST_NOTES = 8
_MOST_SAVED = 4


def told(diagnosis: Diagnosis, language: str = DEFAULT, folder: Path | None = None) -> str:
    """Return a diagnosis as text.

    Args:
        diagnosis: The diagnosis.
        language: Its language.
        folder: What paths are relative to; the current folder unless given.
    """
    return "\n".join(_Report(diagnosis, translator(language), folder).lines())


class _Report:
    """Writes a diagnosis line by line: the error first, then problems, then the rest."""

    def __init__(self, diagnosis: Diagnosis, say: Text, folder: Path | None) -> None:
        self._diagnosis = diagnosis
        self._say = say
        self._raised = list(_raised(diagnosis))
        named = [*sentences.lines_of(diagnosis), *self._raised]
        self._paths = sentences.short_paths(sentences.paths_of(named), folder)

    def lines(self) -> Iterator[str]:
        found, say = self._diagnosis, self._say
        nothing = sentences.nothing_watched(found, say)
        if nothing:
            yield nothing
            return
        yield sentences.counts(found, say)
        yield from sentences.remarks(found, say)
        explains = [f for f in found.problems if f.kind == "error" or _is_the_error(f, found)]
        failure = sentences.failure(found, say)
        if failure:
            yield failure
            yield from self._places(self._raised)
        yield from self._headed(
            "cause" if failure else "error", [each for each in explains if each.kind == "error"]
        )
        yield from self._headed("in_place", [each for each in explains if each.kind != "error"])
        yield sentences.gradients(found, say)
        yield from self._gradients(self._problems("gradient"))
        yield from self._headed("memory", self._problems("memory"))
        rest = [each for each in self._problems("in_place") if each not in explains]
        yield from self._headed("in_place", rest)
        if not found.problems and not failure:
            yield say("explain.clean")
        yield from self._notes([each for each in found.findings if each.level == NOTE])
        yield from self._saved()

    def _problems(self, kind: str) -> list[Finding]:
        return [each for each in self._diagnosis.problems if each.kind == kind]

    def _gradients(self, found: Sequence[Finding]) -> Iterator[str]:
        for each in found[:_MOST_FINDINGS]:
            names = sentences.names(each, self._diagnosis, self._say)
            text = sentences.sentence(each, self._say)
            if columns(names) <= _NAMES:
                yield f"  ✗ {_padded(names, _NAMES)} {text}"
            else:
                yield f"  ✗ {names}"
                yield f"      {text}"
            yield from self._places(each.lines)
            yield self._instead(each)
        yield from self._more(found, _MOST_FINDINGS)

    def _headed(self, kind: str, found: Sequence[Finding]) -> Iterator[str]:
        heading = self._say(f"explain.heading.{kind}")
        for each in found[:_MOST_FINDINGS]:
            text = sentences.sentence(each, self._say)
            yield self._say("explain.headed", heading=heading, text=text)
            yield from self._places(each.lines)
            yield self._instead(each)
        yield from self._more(found, _MOST_FINDINGS)

    def _notes(self, found: Sequence[Finding]) -> Iterator[str]:
        if found:
            heading = self._say("explain.heading.notes")
            yield self._say("explain.headed", heading=heading, text="").rstrip()
        for each in found[:_MOST_NOTES]:
            names = sentences.names(each, self._diagnosis, self._say)
            text = sentences.sentence(each, self._say)
            text = self._say("explain.headed", heading=names, text=text) if names else text
            place = f" ({self._place(each.lines[0])})" if each.lines else ""
            yield f"  {text}{place}"
        yield from self._more(found, _MOST_NOTES)

    def _saved(self) -> Iterator[str]:
        saved = self._diagnosis.saved
        total = sum(each.bytes for each in saved)
        if total:
            head = self._say("explain.saved", size=sentences.size(total))
            shares = [
                f"{self._whole_place(each.line)}  {sentences.size(each.bytes)}"
                for each in saved[:_MOST_SAVED]
            ]
            yield f"{head}      {' · '.join(shares)}"

    def _places(self, lines: Iterable[Line]) -> Iterator[str]:
        """Yield a line of the source each: where, what stands there, what it has to do with it."""
        rows = [
            (
                self._place(each),
                plain(each.text, _CODE),
                sentences.role(each, self._say, self._paths),
            )
            for each in lines
        ]
        places = max((columns(place) for place, _, _ in rows), default=0)
        codes = max((columns(code) for _, code, _ in rows), default=0)
        for place, code, role in rows:
            yield f"      {_padded(place, places)}   {_padded(code, codes)}   ← {role}"

    def _place(self, line: Line) -> str:
        return f"{plain(self._paths[line.path])}:{line.line}"

    def _whole_place(self, line: Line) -> str:
        """Return a place with the line of a library below it, which tells two of one line apart."""
        return sentences.inside(self._place(line), line, self._say, self._paths)

    def _instead(self, finding: Finding) -> str:
        text = f"      {sentences.instead(finding, self._say)}"
        if not finding.lesson:
            return text
        return f"{text}      {self._say('explain.lesson', name=finding.lesson)}"

    def _more(self, found: Sequence[Finding], most: int) -> Iterator[str]:
        if len(found) > most:
            yield f"  {self._say('explain.more', count=len(found) - most)}"


def _raised(diagnosis: Diagnosis) -> Iterator[Line]:
    """Yield the line that the script's error was raised at, and what made it come."""
    failure = diagnosis.watch.failure
    if failure is not None:
        facts = Facts(diagnosis.watch)
        for site, role in ((failure.site, "raised"), (failure.inference_site, "inference")):
            line = facts.line(site, role)
            if line is not None:
                yield line


def _is_the_error(finding: Finding, diagnosis: Diagnosis) -> bool:
    """Return whether a finding explains the error that ended the script."""
    return finding.cause == "inplace_saved" and diagnosis.watch.failure is not None


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))
