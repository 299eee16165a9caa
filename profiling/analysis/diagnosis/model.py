"""A diagnosis: what is wrong with the gradients of a watched script, where, and what to write."""

from __future__ import annotations

from dataclasses import dataclass, field

from profiling.watch.record import Watch

PROBLEM, NOTE = "problem", "note"


@dataclass(frozen=True)
class Line:
    """A line that a finding names.

    Attributes:
        path: The file.
        line: Its number.
        text: What stands there; empty if that is not known.
        role: What it has to do with the finding; a locale key ``explain.role.ROLE``.
        inside: Path and number of the line of a library below it; None if it acts itself.
    """

    path: str
    line: int
    text: str
    role: str
    inside: tuple[str, int] | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: ``"gradient"``, ``"memory"``, ``"in_place"`` or ``"error"``.
        level: `PROBLEM`, or `NOTE` for what looks intended or may be worth knowing.
        cause: Its name, such as ``"detach"``; the locale has ``explain.cause.CAUSE``, and what to
            write instead in ``explain.instead.CAUSE``.
        lines: The lines to look at, the most important first.
        parameters: Indices of the parameters it is about.
        values: For the placeholders of its sentences.
        likely: Whether the cause is likely rather than certain.
        path: Nodes of the record from a parameter to the loss, for the first parameter.
        lesson: The lesson that shows it; empty if there is none.
    """

    kind: str
    level: str
    cause: str
    lines: tuple[Line, ...] = ()
    parameters: tuple[int, ...] = ()
    values: dict[str, str | int] = field(default_factory=dict)
    likely: bool = False
    path: tuple[int, ...] = ()
    lesson: str = ""


@dataclass(frozen=True)
class Fate:
    """What became of a parameter's gradient.

    Attributes:
        parameter: Its index in the record.
        state: ``"arrives"``, ``"zero"``, ``"none"``, ``"frozen"`` or ``"unknown"`` (backward
            raised, or nothing can be said).
        finding: Index of the finding about it; None if all is well.
    """

    parameter: int
    state: str
    finding: int | None = None


@dataclass(frozen=True)
class SavedLine:
    """Bytes that a line saves for backward in one iteration."""

    line: Line
    bytes: int


@dataclass(frozen=True)
class Diagnosis:
    """All that was found in a record.

    Attributes:
        watch: The record.
        findings: Problems first.
        fates: Of the parameters that have a name.
        saved: What the lines save for backward in the last whole iteration, the most first.
    """

    watch: Watch
    findings: tuple[Finding, ...]
    fates: tuple[Fate, ...]
    saved: tuple[SavedLine, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are problems."""
        return tuple(each for each in self.findings if each.level == PROBLEM)
