"""Where the lines of a diagnosis are: short names of files, and which of them has its text."""

from __future__ import annotations

from collections.abc import Iterator

from profiling.analysis.diagnosis import Diagnosis, Line, sentences
from profiling.analysis.diagnosis.facts import Facts
from profiling.watch.record import Place


class Places:
    """The files of a diagnosis.

    Attributes:
        diagnosis: The diagnosis.
        facts: Its record, indexed.
        raised: The lines of the error that ended the script.
        short: Short names of files, by path.
        numbers: Indices of the files that have a text, by path.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        """Name the files of a diagnosis."""
        self.diagnosis = diagnosis
        self.facts = Facts(diagnosis.watch)
        self.raised = list(self._raised())
        files = diagnosis.watch.files
        self.numbers = {
            each.path: at for at, each in enumerate(files) if each.own and each.text is not None
        }
        named = sentences.paths_of([*sentences.lines_of(diagnosis), *self.raised])
        self.short = sentences.short_paths([*named, *self.numbers])

    @staticmethod
    def name_of(path: str) -> str:
        """Return the last part of a path, as a heading."""
        return sentences.plain(path.replace("\\", "/").rstrip("/").rpartition("/")[2])

    def place(self, line: Line) -> str:
        """Return a line as ``FILE:LINE``."""
        return f"{self.file(line.path)}:{line.line}"

    def file(self, path: str) -> str:
        """Return the short name of a file."""
        return sentences.plain(self.short.get(path, path))

    def at(self, line: Line) -> str:
        """Return the place of a line in the source that is shown; empty if its text is unknown."""
        number = self.numbers.get(line.path)
        return "" if number is None else f"{number}-{line.line}"

    def own_place(self, operation: int | None) -> Place | None:
        """Return the person's own line that an operation ran at; None if it is not known."""
        if operation is None:
            return None
        found = self.diagnosis.watch.operations[operation]
        return self.diagnosis.watch.sites[found.site].own

    def line_of(self, place: Place, role: str = "use") -> Line:
        """Return the line of a place."""
        path = self.diagnosis.watch.files[place.file].path
        return Line(path, place.line, self.facts.text_at(path, place.line), role)

    def _raised(self) -> Iterator[Line]:
        failure = self.diagnosis.watch.failure
        if failure is None:
            return
        for site, role in ((failure.site, "raised"), (failure.inference_site, "inference")):
            line = self.facts.line(site, role)
            if line is not None:
                yield line
