"""Knows every lesson and workload from its file's text, without importing torch.

The page and the shell must list and show them before the worker has torch ready, and the page's
process never imports torch at all; the worker alone imports the files and runs them. Beside ours
stand the workloads that the person who started this process registered.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import msgspec

from profiling.catalogue import source as grammar
from profiling.catalogue.source import Function, Namespace, Parameter, read
from profiling.model.content import CONTENT
from profiling.model.errors import InputError, short

_SUFFIX = ".py"


def _names(package: str, constant: str) -> tuple[str, ...]:
    """Read a tuple of names from the ``__init__.py`` of a package of the content."""
    space = _read(package, "__init__")
    names: tuple[str, ...] = ast.literal_eval(space.constants[constant].node)
    return names


def _read(room: str, name: str) -> Namespace:
    path = CONTENT / room / f"{name}.py"
    return read(path, path.relative_to(CONTENT.parent).as_posix())


# The lessons of each topic, and all of them, in the order they are read.
TOPICS = {topic: _names(f"lessons/{topic}", "LESSONS") for topic in _names("lessons", "TOPICS")}
LESSONS = tuple(name for names in TOPICS.values() for name in names)
# The workloads that come with the project, and the branches that they offer, in display order.
WORKLOADS = _names("workloads", "WORKLOADS")
BRANCHES = _names("workloads", "BRANCHES")

# Of ours, those that are chosen only by who wants to know more.
_RARE = ("detach_clone", "detach_inline", "detach_kept", "detach_inplace", "inference_mode")

# Specs of registered workloads by name.
_own: dict[str, str] = {}

# The ops a lesson can be run with: the text is what is shown and what the worker evaluates.
OPS = {
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "exp": "torch.exp",
    "relu": "torch.relu",
    "square": "torch.square",
    "mul2": "lambda t: t * 2",
}


class Source(msgspec.Struct, frozen=True):
    """A function as it stands in its file.

    Attributes:
        text: The function's lines, without what surrounds it.
        first_line: Number of its first line in the file.
        file: The file's path below the project's folder, or as it was given.
    """

    text: str
    first_line: int
    file: str


class LessonEntry(msgspec.Struct, frozen=True):
    """What a lesson's file says.

    Attributes:
        topic: One of `demos.lessons.TOPICS`.
        parts: Code by function: ``lesson``, or ``wrong`` and ``right``.
        values: The numbers it runs with unless others are given; None if it takes none.
        op: The op it runs with unless another is given; None if it takes none.
        errors: Error texts that it explains, with ``{}`` for what differs from case to case.
    """

    name: str
    topic: str
    parts: dict[str, Source]
    values: tuple[float, ...] | None
    op: str | None
    errors: tuple[str, ...] = ()


class WorkloadEntry(msgspec.Struct, frozen=True):
    """What a workload's file says.

    Attributes:
        size: What its size counts, such as ``"elements"`` or ``"batch"``.
        sizes: Sizes that show something on a usual machine.
        branches: Every branch that can be asked for, in display order; the absent ones too.
        absent: Branches that make no sense here; `absent_reason` is their locale key.
        raises: Branches that are meant to fail, and a part of the error's text.
        sources: Code of each branch that runs: its preparation, if any, and its step.
        reference: Code of the gradients that should hold; None if gradients are not judged.
        looped: Whether a step leaves nothing behind, so that a time sample may hold many.
        file: Spec of a registered workload as it was given; empty for ours.
        title: First line of a registered one's docstring; ours have theirs in the locales.
        about: The rest of that docstring.
    """

    name: str
    size: str
    sizes: tuple[int, ...]
    parameters: dict[str, Parameter]
    branches: tuple[str, ...]
    absent: tuple[str, ...]
    raises: dict[str, str]
    sources: dict[str, Source]
    reference: Source | None
    looped: bool = False
    file: str = ""
    title: str = ""
    about: str = ""

    @property
    def usual(self) -> tuple[str, ...]:
        """The branches that are compared where nobody chooses: all of a registered workload's."""
        rare = () if self.file else (*_RARE, *self.absent)
        return tuple(branch for branch in self.branches if branch not in rare)

    def source(self, branch: str) -> Source:
        """Return the code of a branch.

        Raises:
            InputError: It is gone, as it may be from a file that changed after it was asked for.
        """
        if branch not in self.sources:
            allowed = ", ".join(self.branches)
            raise InputError("error.unknown_branch", name=short(branch), allowed=allowed)
        return self.sources[branch]

    def absent_reason(self, branch: str) -> str:
        """Return the locale key of why the workload has no such branch."""
        return f"workload.{self.name}.absent.{branch}"

    def raises_reason(self, branch: str) -> str:
        """Return the locale key of why a branch is meant to fail."""
        return "error.own_expected" if self.file else f"workload.{self.name}.raises.{branch}"


@functools.cache
def lesson(name: str) -> LessonEntry:
    """Read a lesson's file.

    Raises:
        InputError: There is no lesson of that name.
    """
    if name not in LESSONS:
        raise InputError("error.unknown_lesson", name=short(name), allowed=", ".join(LESSONS))
    topic = next(topic for topic, names in TOPICS.items() if name in names)
    space = _read(f"lessons/{topic}", name)
    constants = {key: ast.literal_eval(each.node) for key, each in space.constants.items()}
    values = constants.get("VALUES")
    return LessonEntry(
        name=name,
        topic=topic,
        parts={each: _source(space, space.functions[each]) for each in grammar.parts(space)},
        values=None if values is None else tuple(float(value) for value in values),
        op=constants.get("OP"),
        errors=tuple(constants.get("ERRORS", ())),
    )


def workloads() -> tuple[str, ...]:
    """Return the names of all workloads: ours, then those that were registered."""
    return (*WORKLOADS, *_own)


def workload(name: str, file: str = "") -> WorkloadEntry:
    """Read a workload's file; a registered one is read anew every time, as it may have changed.

    Args:
        name: One of `workloads`.
        file: Spec of a workload that another process registered.

    Raises:
        InputError: There is no workload of that name, or its file breaks a rule.
    """
    spec = file or _own.get(name)
    if spec is not None:
        return _own_entry(spec)
    if name not in WORKLOADS:
        allowed = ", ".join(workloads())
        raise InputError("error.unknown_workload", name=short(name), allowed=allowed)
    return _our_entry(name)


def is_spec(text: str) -> bool:
    """Whether a text is meant to say where a workload's file is, and not to name one of ours."""
    return _SUFFIX in text


def register(spec: str) -> WorkloadEntry:
    """Add a person's own workload to those of this process.

    Args:
        spec: ``path/file.py``, or ``path/file.py:NAME`` for a class in it.

    Raises:
        InputError: The file cannot be read or breaks a rule, or the name is taken.
    """
    entry = _own_entry(spec)
    if entry.name in WORKLOADS or _own.get(entry.name, spec) != spec:
        raise InputError("error.own_taken", file=spec, name=entry.name)
    _own[entry.name] = spec
    return entry


def split(spec: str) -> tuple[Path, str | None]:
    """Take the spec of a workload apart into its file and the class in it, if it names one.

    Raises:
        InputError: It names no Python file.

    Example:
        >>> split("steps.py:Distil")[1]
        'Distil'
    """
    file, colon, name = (spec, "", "") if spec.endswith(_SUFFIX) else spec.rpartition(":")
    if not file.endswith(_SUFFIX):
        raise InputError("error.own_not_python", file=spec)
    return Path(file), name if colon else None


@functools.cache
def _our_entry(name: str) -> WorkloadEntry:
    space = _read("workloads", name)
    defined = grammar.branches(space)
    constants = grammar.constants(space, defined)
    return WorkloadEntry(
        name=name,
        branches=tuple(each for each in BRANCHES if each in defined or each in constants.absent),
        sources={each: _with_preparation(space, each) for each in BRANCHES if each in defined},
        reference=_source(space, space.functions["reference"]),
        **constants._asdict(),
    )


def _own_entry(spec: str) -> WorkloadEntry:
    path, class_name = split(spec)
    space = read(path, str(path), class_name)
    name = class_name or path.stem
    if not grammar.is_name(name):
        raise InputError("error.own_name", place=space.place(), name=short(name))
    defined = grammar.branches(space)
    constants = grammar.constants(space, defined)
    if constants.absent:
        raise grammar.broken(space, "ABSENT")
    title, _, about = space.doc.partition("\n")
    reference = space.functions.get("reference")
    return WorkloadEntry(
        name=name,
        branches=defined,
        sources={each: _with_preparation(space, each) for each in defined},
        reference=None if reference is None else _source(space, reference),
        file=spec,
        title=title or name,
        about=about.strip(),
        **constants._asdict(),
    )


def _source(space: Namespace, function: Function) -> Source:
    return Source(function.text, function.first_line, space.file)


def _with_preparation(space: Namespace, branch: str) -> Source:
    """Join a branch's step and the preparation that runs before each of its steps."""
    step = space.functions[branch]
    prepare = space.functions.get(grammar.preparation(branch))
    if prepare is None:
        return _source(space, step)
    return Source(f"{prepare.text}\n\n\n{step.text}", prepare.first_line, space.file)
